"""The walls around a host, in the order in which they must go up: the one place that composes them.

A zygote prepares them once; each host puts them up around itself after the fork, before any byte of its plugin is read.
What the kernel can't give is told by name, and the worker decides whether it runs plugins without.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, NamedTuple

from plugin_sdk.host import (
    borrowed,
    http_clients,
    identity,
    kernel,
    landlock,
    limits,
    model_view,
    namespaces,
    private_root,
    process_notice,
    readable,
    surroundings,
    syscall_filter,
    way_out,
)
from plugin_sdk.host.missing import LANDLOCK, NAMESPACES, SECCOMP, UID
from plugin_sdk.host.programs import interpreter


class Missing(Exception):
    """Walls that can't be had here: name -> why."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__(reasons)
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Site:
    """What all hosts of a zygote share; plain values, so that it crosses to the zygote.

    Attributes:
        place: a folder of the zygote's own.
        model_cache: read by all hosts.
        gpu: hosts have GPUs.
        gpu_devices: those and their driver, device files.
        gpu_facts: what is readable of them in /proc and /sys, and the driver's libraries.
        without: walls that are missing and whose absence was accepted.
        network: hosts get a way out, to a proxy of the worker's; needs namespaces.
        ca_file: certificate authorities that hosts trust.
        programs: paths of what hosts may borrow.
    """

    place: str
    model_cache: str | None = None
    gpu: bool = False
    gpu_devices: Sequence[str] = ()
    gpu_facts: Sequence[str] = ()
    without: Sequence[str] = ()
    network: bool = False
    ca_file: str | None = None
    programs: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `Site(**values)` reads them back."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one host may have; plain values, so that it crosses to the zygote. `program`: it is to become that."""

    folder: str
    name: str
    scratch: str
    memory_mb: int
    scratch_mb: int
    env: Mapping[str, str]
    program: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `Plan(**values)` reads them back."""
        return asdict(self)


class Descriptors(NamedTuple):
    """What a host keeps of all that is open: its end of the control socket, the log's pipe, the board."""

    control: int
    log: int
    board: int


class Confined(NamedTuple):
    """Where a host finds its things behind the walls."""

    control: int
    board: int
    folder: Path


def enter_zygote(site: Site, control: int) -> bool:
    """A zygote's first act: go into namespaces of its own, as process 1; whether as a user without rights.

    Raises:
        Missing: there are none.
    """
    if NAMESPACES in site.without:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        return False
    try:
        as_user = namespaces.enter()
    except (OSError, AttributeError) as error:
        raise Missing({NAMESPACES: _why(error)} | _missing_of(site, number=0)) from error
    namespaces.continue_inside(control)
    return as_user


class Walls:
    """The walls of one zygote's hosts, ready to go up. Made in the zygote, before it has a second thread."""

    def __init__(self, site: Site, *, as_user: bool, number: int) -> None:
        """See what there is, and build what hosts share.

        Args:
            site: as the worker wants it.
            as_user: a user namespace was needed.
            number: one that no other zygote of this machine has now.

        Raises:
            Missing: walls can't be had whose absence was not accepted.
        """
        self._site, self._as_user = site, as_user
        reasons = _missing_of(site, number)
        cache = Path(site.model_cache) if site.model_cache else None
        self._tree = readable.readable(cache, site.programs, site.gpu_facts)
        self._devices, self._gpu_devices = readable.devices(), readable.devices(site.gpu_devices)
        self._root = Path(site.place, "root")
        self._pids = self._build_root(reasons)
        if reasons:
            raise Missing(reasons)
        own_users = os.geteuid() == 0 and UID not in site.without
        self._first_uid = identity.first_uid(number) if own_users else None
        private = NAMESPACES not in site.without
        self._network = site.network and private
        self._filter = self._program_filter = b""
        if SECCOMP not in site.without:
            self._program_filter = syscall_filter.build(private_files=private, programs=True) if site.programs else b""
            self._filter = syscall_filter.build(private_files=private, gpu=site.gpu, network=self._network)
        self._port: int | None = None
        self._slot, self._free, self._of = 0, list[int](), dict[int, int]()

    def fork(self) -> int:
        """As `os.fork`, into a pid namespace of the child's own where there are any."""
        slot = self._slot = heappop(self._free) if self._free else len(self._of)
        try:
            pid = self._pids.fork() if self._pids else os.fork()
        except OSError:
            heappush(self._free, slot)
            raise
        if pid:
            self._of[pid] = slot
        return pid

    def ended(self, pid: int) -> None:
        """A child is gone: another may have its slot."""
        heappush(self._free, self._of.pop(pid))

    def close(self) -> None:
        """Take down what hosts shared."""
        if self._pids:
            kernel.unmount(self._root)

    def apply(self, plan: Plan, descriptors: Descriptors) -> Confined:
        """Confine this process, a fresh child, for good.

        Raises:
            OSError: the kernel refused a wall; nothing of the plugin may run.
        """
        surroundings.keep_descriptors(*descriptors)
        surroundings.reset_signals()
        os.setsid()
        uid, gid = self._user()
        own_user = namespaces.OwnUser() if self._as_user else None
        limits.limit(
            memory_mb=plan.memory_mb,
            scratch_mb=plan.scratch_mb,
            unlimited_address_space=self._site.gpu,
            count_threads=own_user is not None or uid != os.geteuid(),
        )
        folder, scratch = self._move(plan, uid, gid)
        if own_user:
            own_user.enter(uid, gid)
        if sys.platform == "linux":
            identity.become(uid, gid)
        self._furnish(folder, uid, gid)
        surroundings.surround({**plan.env, **self._network_variables()}, str(scratch))
        if not plan.program:
            model_view.open_view(scratch)
            http_clients.install()
        self._restrict(folder, scratch, plan.program)
        return Confined(surroundings.CONTROL_FD, surroundings.BOARD_FD, folder)

    def _user(self) -> tuple[int, int]:
        if self._first_uid is None:
            return os.geteuid(), os.getegid()
        uid = self._first_uid + self._slot % identity.SLOTS
        return uid, uid

    def _build_root(self, reasons: dict[str, str]) -> namespaces.Pids | None:
        """What hosts see of the machine; no namespaces, no such thing."""
        if NAMESPACES in self._site.without:
            return None
        try:
            self._root.mkdir(mode=0o755)
            cache = Path(self._site.model_cache) if self._site.model_cache else None
            devices = [*self._devices, *self._gpu_devices]
            hidden, gpu = readable.tokens(cache), self._site.gpu
            private_root.build(self._root, self._tree, devices, hidden, self._added(), own_process=gpu)
            return namespaces.Pids()
        except OSError as error:
            reasons[NAMESPACES] = _why(error)
            return None

    def _added(self) -> dict[str, bytes]:
        return {way_out.CA_FILE: Path(self._site.ca_file).read_bytes()} if self._site.ca_file else {}

    def _network_variables(self) -> dict[str, str]:
        return way_out.variables(self._port, private_ca=bool(self._site.ca_file)) if self._port else {}

    def _move(self, plan: Plan, uid: int, gid: int) -> tuple[Path, Path]:
        """Into the host's own file system; its plugin and scratch there."""
        if self._pids:
            namespaces.leave_for_host()
            if self._site.gpu and not plan.program:
                private_root.show_own_process(self._root)
            if self._network and not plan.program:
                self._port = way_out.open_way_out(surroundings.CONTROL_FD)
            private_root.enter(self._root, Path(plan.folder), plan.scratch_mb, uid, gid)
            return Path(private_root.PLUGIN), Path(private_root.SCRATCH)
        _die_with_parent()
        if uid != os.geteuid():
            os.chown(plan.scratch, uid, gid)
        return Path(plan.folder), Path(plan.scratch)

    def _furnish(self, folder: Path, uid: int, gid: int) -> None:
        if self._pids:
            return private_root.furnish(uid, gid)
        return identity.check_readable([*self._tree.places, folder]) if self._first_uid is not None else None

    def _restrict(self, folder: Path, scratch: Path, program: str) -> None:
        """The last walls: behind them nothing can be opened that they do not name."""
        if LANDLOCK not in self._site.without:
            more = _leave_to_run(program) if program else self._leave_to_compute()
            landlock.restrict([*self._rules(folder, scratch), *more], self._port)
        if program:
            return syscall_filter.load(self._program_filter) if self._program_filter else None
        process_notice.install()
        borrowed.install()
        return syscall_filter.load(self._filter) if self._filter else None

    def _rules(self, folder: Path, scratch: Path) -> list[landlock.Rule]:
        seen = [Path("/")] if self._pids else [*self._tree.places, folder]
        rules = [landlock.Rule(path, landlock.READ) for path in seen]
        rules += [landlock.Rule(path, landlock.DEVICE) for path in self._devices]
        return [*rules, landlock.Rule(scratch, landlock.WRITE)]

    def _leave_to_compute(self) -> list[landlock.Rule]:
        """Rules for the GPU, and for the names of its own threads, which CUDA writes and can't start without."""
        if not self._site.gpu:
            return []
        rules = [landlock.Rule(path, landlock.GPU) for path in self._gpu_devices]
        own = Path(private_root.OWN_PROCESS)
        named = landlock.Rule(own / "task", landlock.READ | landlock.WRITE_FILE | landlock.TRUNCATE)
        return [*rules, landlock.Rule(own, landlock.READ), named]


def _leave_to_run(program: str) -> list[landlock.Rule]:
    """Rules for the one program, and for the loader that the kernel starts for it."""
    files = [program, interpreter(program)]
    return [landlock.Rule(file, landlock.READ | landlock.EXECUTE) for file in files if file]


def _missing_of(site: Site, number: int) -> dict[str, str]:
    """What can't be had of the walls that need no namespaces."""
    reasons = {}
    attempts: dict[str, Callable[[], object]] = {LANDLOCK: landlock.version, SECCOMP: syscall_filter.check}
    if os.geteuid() == 0:
        attempts[UID] = lambda: identity.first_uid(number)
    for name, attempt in attempts.items():
        if name not in site.without:
            try:
                attempt()
            except (OSError, ImportError, RuntimeError, AttributeError) as error:
                reasons[name] = _why(error)
    return reasons


def _why(error: Exception) -> str:
    return f"{error.strerror or error}" if isinstance(error, OSError) else str(error)


def _die_with_parent() -> None:
    zygote = os.getppid()
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != zygote:
        os._exit(0)
