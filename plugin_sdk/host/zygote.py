"""The worker's side of the zygote: started by a clean exec, asked for hosts, and gone with all of them at its end."""

import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO

import plugin_sdk
from plugin_sdk.errors import HostFailed
from plugin_sdk.host import board as boards
from plugin_sdk.host import gpu, kernel
from plugin_sdk.host.broker import Broker
from plugin_sdk.host.cgroups import Groups, groups
from plugin_sdk.host.connection import Connection, Number
from plugin_sdk.host.host import PluginHost
from plugin_sdk.host.missing import LANDLOCK, NAMESPACES, check_accepted
from plugin_sdk.host.model_view import DOWNLOADS
from plugin_sdk.host.network import NetworkPolicy
from plugin_sdk.host.programs import find_programs
from plugin_sdk.host.protocol import FROM_ZYGOTE, Op, ProtocolError
from plugin_sdk.host.settings import HostSettings
from plugin_sdk.host.transport import Channel, ConnectionLost, hung_up, mapped, shared_file
from plugin_sdk.host.walls import Plan, Site

log = logging.getLogger(__name__)

BOOT = "import sys; sys.path.insert(0, sys.argv[3]); from plugin_sdk.host.zygote_process import main; main()"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
HUB = ("HF_ENDPOINT",)
KEPT = ("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ")
BY_OTHERS = {-signal.SIGKILL, -signal.SIGTERM}
ENDS_S = 1.0
"""A zygote that has closed its end is over within this."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


ALLOCATION = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # mimalloc takes 1 GiB at once, which counts against the memory limit
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),  # keep what the last batch freed: fetching it anew costs 1 ms per MB
    "MALLOC_MMAP_THRESHOLD_": str(16 << 20),
}


class Zygote:
    """Starts plugin hosts in milliseconds. A context manager; started at the first host if not before."""

    def __init__(self, settings: HostSettings | None = None) -> None:
        self.settings = settings or HostSettings()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._errors: IO[bytes] | None = None
        self._lock = threading.RLock()
        self._hosts: set[PluginHost] = set()
        self._starts = 0
        self._scratch = ""
        self._groups: Groups | None = None
        self.programs = find_programs() if sys.platform == "linux" else {}
        """What hosts may borrow: name -> path."""
        self.missing: tuple[str, ...] = ()
        """Walls that this machine lacks and whose absence was accepted."""

    def __enter__(self) -> "Zygote":
        with self._lock:
            self._ensure()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The zygote's process; None before its start."""
        return self._process.pid if self._process else None

    def start(
        self,
        plugin_folder: Path,
        *,
        name: str,
        broker: Broker | None = None,
        network: NetworkPolicy | None = None,
        env: Mapping[str, str] | None = None,
        memory_mb: int | None = None,
    ) -> PluginHost:
        """A host for the plugin in this folder, confined and ready; nothing of the plugin is loaded yet.

        Args:
            plugin_folder: where its files lie, unpacked.
            name: for messages, e.g. `my_extractor@1.0.0`.
            broker: answers what the plugin asks for, for its own tenant alone; None gives nothing.
            network: what this host may reach, where the settings give hosts a network; None is what they say.
            env: variables of this host, beside those of the settings.
            memory_mb: what this host may hold; None is what the settings say.

        Raises:
            HostFailed: the host did not come up.
        """
        settings = self.settings if memory_mb is None else replace(self.settings, memory_mb=memory_mb)
        board = shared_file(boards.SIZE, "board")
        try:
            connection, scratch = self._fork(
                lambda scratch: self._plan(plugin_folder, name, scratch, env=env, memory_mb=memory_mb), board
            )
        except BaseException:
            os.close(board)
            raise
        reader = boards.Reader(mapped(board, boards.SIZE))
        host = PluginHost(self, connection, name, reader, scratch, settings, broker or Broker())
        with self._lock:
            self._hosts.add(host)
        host.wait_ready((network or self.settings.network) if self._has_network() else None)
        return host

    def start_program(self, path: str) -> tuple[Connection, Path]:
        """A process behind the walls that waits to become one of the programs, and what to delete after it.

        Raises:
            HostFailed: it did not come up.
        """
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            return self._fork(lambda scratch: self._plan(scratch, Path(path).name, scratch, path), nothing)
        finally:
            os.close(nothing)

    def exit_of(self, number: Number) -> tuple[int | None, int]:
        """How an ended host ended: exit code (negative: a signal; None: not known, as its zygote is gone), most memory in KiB."""
        start, process = number
        with self._lock:
            if self._channel is None or start != self._starts:
                return None, 0
            try:
                answer = self._channel.ask(Op.WAIT, process).decoded()
            except (ConnectionLost, ProtocolError):
                self._stop()
                return None, 0
        return answer[0], answer[1]

    def forget(self, host: PluginHost) -> None:
        """A host is closed."""
        with self._lock:
            self._hosts.discard(host)

    def close(self) -> None:
        """End all hosts, then the zygote."""
        with self._lock:
            hosts, self._hosts = set(self._hosts), set()
        for host in hosts:
            host.close()
        with self._lock:
            self._stop()

    def _ensure(self) -> Channel:
        """The running zygote's channel; one that died is replaced."""
        if self._channel is not None and hung_up(self._channel.control):  # known before the process has been waited for
            self._stop()
        if self._channel is None:
            self._start()
        assert self._channel is not None
        return self._channel

    def _start(self) -> None:
        """Start it with every wall; where walls are missing and that is accepted, once more without those."""
        keep_private()
        self._groups = groups(self.settings.cgroup)
        missing = self._launch(())
        if missing:
            self._stop()
            check_accepted(missing, self.settings.allow_missing)
            log.warning("plugin hosts run without %s", ", ".join(f"{name} ({why})" for name, why in missing.items()))
            if self._launch(tuple(missing)):
                raise self._did_not_start()
        self.missing = tuple(missing)
        if LANDLOCK in missing:  # nothing else says which program a process may become
            self.programs = {}

    def _launch(self, without: tuple[str, ...]) -> dict[str, str]:
        """Start the process; the walls that it misses, with why, and then it is gone again."""
        ours, theirs = socket.socketpair()
        self._starts += 1
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        root = str(Path(plugin_sdk.__file__).parent.parent)
        torch = "torch" if self.settings.preload_torch else "plain"
        self._scratch = tempfile.mkdtemp(prefix="openpeek-hosts-")
        site = json.dumps(self._site(without).to_dict())
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-W", "ignore", "-c", BOOT, str(theirs.fileno()), torch, root, site],
                env=environment(self.settings),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                cwd="/",
                start_new_session=True,
            )
        ours.settimeout(self.settings.start_timeout_s)
        self._channel = Channel(ours, FROM_ZYGOTE)
        try:
            frame = self._channel.receive()
        except ConnectionLost:
            frame = None
        if frame is None:
            raise self._did_not_start()
        missing: dict[str, str] = frame.decoded()
        if missing:
            return missing
        threading.Thread(target=self._watch, args=(self._process,), name="zygote-watch", daemon=True).start()
        return {}

    def _did_not_start(self) -> HostFailed:
        assert self._errors is not None
        with contextlib.suppress(Exception):
            self._errors.seek(0)
        said = self._errors.read()[-2000:].decode("utf-8", "replace").strip()
        killed = self._code() in BY_OTHERS
        self._stop()
        return HostFailed(
            f"The plugin hosts' zygote did not start: {said or ('it was killed' if killed else 'it said nothing')}.",
            "Run the same Python with `-c 'import pandas, pyarrow, plugin_sdk'`.",
            "zygote ended" if killed else "zygote did not start",
        )

    def _code(self) -> int | None:
        """The exit code of a process that has closed its end; None while it runs on."""
        try:
            return self._process.wait(ENDS_S) if self._process else None
        except subprocess.TimeoutExpired:
            return None

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """A zygote that dies takes its hosts along, even those that wait for nothing."""
        process.wait()
        with self._lock:
            hosts = [] if self._process is not process else list(self._hosts)
        for host in hosts:
            host.kill("killed: its zygote ended")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if self._channel is not None:
            self._channel.control.close()
            self._channel = None
        if process is not None:
            process.kill()
            process.wait()
        if self._errors is not None:
            self._errors.close()
            self._errors = None
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _fork(self, planned: Callable[[Path], Plan], board: int) -> tuple[Connection, Path]:
        """A new process and its scratch folder, both of the zygote that runs now."""
        ours, theirs = socket.socketpair()
        read_log, write_log = os.pipe()
        try:
            with theirs, self._lock:
                channel = self._ensure()
                scratch = Path(tempfile.mkdtemp(dir=self._scratch))
                plan = planned(scratch)
                try:
                    number, handle = _forked(channel, plan, [theirs.fileno(), write_log, board])
                    pid = number if handle is None else pid_of(handle)
                except (ConnectionLost, ProtocolError) as error:
                    self._stop()
                    raise HostFailed(
                        f"Plugin '{plan.name}': no host could be started: {error}.", "Try again.", "zygote ended"
                    ) from error
                named = (self._starts, number)
                connection = Connection(ours, read_log, pid, named, handle, self.settings.max_reply_mb << 20)
        except BaseException:
            ours.close()
            os.close(read_log)
            raise
        finally:
            os.close(write_log)
        return self._grouped(connection, plan.memory_mb), scratch

    def _grouped(self, connection: Connection, memory_mb: int) -> Connection:
        """Put a new process, which waits to be told what it is for, into its control group, where there are any."""
        if self._groups is not None:
            try:
                group = self._groups.admit(connection.pid, memory_mb + self.settings.scratch_mb)
            except HostFailed:
                connection.kill()
                connection.close()
                raise
            connection.admitted(group)
        return connection

    def _site(self, without: tuple[str, ...]) -> Site:
        cache = self.settings.model_cache
        given = gpu.grant(self.settings.env.get(gpu.VISIBLE, ""))
        network = self.settings.network
        ca_file = network.ca_file if network else None
        return Site(
            place=self._scratch,
            model_cache=str(cache.resolve()) if cache else None,
            gpu=given.wanted,
            gpu_devices=given.devices,
            gpu_facts=given.facts,
            without=without,
            network=network is not None,
            programs=tuple(self.programs.values()),
            ca_file=str(ca_file.resolve()) if ca_file else None,
        )

    def _has_network(self) -> bool:
        """Whether hosts hand over a listener; without network namespaces there is no network."""
        return self.settings.network is not None and NAMESPACES not in self.missing

    def _plan(
        self,
        folder: Path,
        name: str,
        scratch: Path,
        program: str = "",
        env: Mapping[str, str] | None = None,
        memory_mb: int | None = None,
    ) -> Plan:
        return Plan(
            folder=str(folder.resolve()),
            name=name,
            scratch=str(scratch),
            memory_mb=memory_mb or self.settings.memory_mb,
            scratch_mb=self.settings.scratch_mb,
            env=environment(self.settings) | dict(env or {}),
            program=program,
        )


def keep_private() -> None:
    """Keep this process's memory and variables, which may hold credentials, from all others of its user: not dumpable.

    On kernels before 5.14 a user without rights could then not read about its own descriptors, as `pid_of` does.
    """
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    with open(os.devnull, "rb") as file:  # noqa: PTH123
        if sys.platform == "linux" and not os.access(f"/proc/self/fdinfo/{file.fileno()}", os.R_OK):
            kernel.prctl(kernel.PR_SET_DUMPABLE, 1)


def _forked(channel: Channel, plan: Plan, descriptors: list[int]) -> tuple[int, int | None]:
    """What the zygote calls the process that it forks, and a handle of it, where the system has such."""
    channel.send(Op.FORK, plan.to_dict(), descriptors)
    answer = channel.receive()
    if answer is None:
        raise ConnectionLost("the zygote ended")
    return answer.decoded(), channel.take_fd() if hasattr(os, "pidfd_open") else None


def pid_of(handle: int) -> int:
    """The number that a process has here, where its zygote may know it by another."""
    for line in Path(f"/proc/self/fdinfo/{handle}").read_text(encoding="ascii").splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise ConnectionLost("the new host has no pid")


def environment(settings: HostSettings) -> dict[str, str]:
    """All variables of a zygote: locale, thread counts, the model cache, and what the operator adds."""
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env.setdefault("LANG", "C.UTF-8")
    env |= {name: os.environ[name] for name in THREADS if name in os.environ}
    env |= {"PATH": "/usr/bin:/bin", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1"}
    env |= ALLOCATION
    if settings.model_cache is not None:
        env["HF_HOME"] = str(settings.model_cache.resolve())
    if settings.model_downloads:
        env |= {DOWNLOADS: "1"} | {name: os.environ[name] for name in HUB if name in os.environ}
    elif settings.model_cache is not None:
        env |= OFFLINE
    return env | dict(settings.env) | gpu.grant(settings.env.get(gpu.VISIBLE, "")).variables()
