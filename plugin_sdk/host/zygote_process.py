"""The zygote: a clean process that has the common imports done and forks a host whenever its worker asks."""

import contextlib
import gc
import importlib
import importlib.abc
import json
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

import plugin_sdk
from plugin_sdk.host.protocol import TO_HOST, Frame, Op
from plugin_sdk.host.transport import Channel
from plugin_sdk.host.walls import Descriptors, Missing, Plan, Site, Walls, enter_zygote
from plugin_sdk.loading import offer_compat


def main() -> NoReturn:
    """Serve the worker at the inherited socket until it is gone; then end every host and this process."""
    control, torch, site = int(sys.argv[1]), sys.argv[2] == "torch", Site(**json.loads(sys.argv[4]))
    number = os.getpid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o022)
    try:
        as_user = enter_zygote(site, control)
        _hide()
        walls = Walls(site, as_user=as_user, number=number)
    except Missing as missing:
        with socket.socket(fileno=control) as ours:
            Channel(ours, TO_HOST).send(Op.WARM, missing.reasons)
        os._exit(0)
    with socket.socket(fileno=control) as ours:
        zygote = Zygote(Channel(ours, TO_HOST), walls)
        _warm(torch)
        zygote.serve()
    walls.close()
    shutil.rmtree(site.place, ignore_errors=True)
    os._exit(0)


class Zygote:
    """Forks hosts, and knows how each of them ended."""

    def __init__(self, channel: Channel, walls: Walls) -> None:
        from plugin_sdk.host import child  # its imports start threads, with which no user namespace can be entered

        self._channel, self._walls, self._become_host = channel, walls, child.run
        self._hosts: set[int] = set()

    def serve(self) -> None:
        """Answer until the worker is gone; a host never returns from here."""
        self._channel.send(Op.WARM, {})
        try:
            while (frame := self._channel.receive()) is not None:
                if frame.op == Op.FORK:
                    self._fork(frame)
                elif frame.op == Op.WAIT:
                    self._tell_end(frame.decoded())
        finally:
            for pid in self._hosts:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _fork(self, frame: Frame) -> None:
        descriptors = Descriptors(*(self._channel.take_fd() for _ in range(3)))
        pid = self._walls.fork()
        if pid == 0:
            self._become_host(self._walls, Plan(**frame.decoded()), descriptors)
        self._hosts.add(pid)
        for descriptor in descriptors:
            os.close(descriptor)
        handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
        self._channel.send(Op.FORKED, pid, [] if handle is None else [handle])
        if handle is not None:
            os.close(handle)

    def _tell_end(self, pid: int) -> None:
        """How a host that has ended did so: exit code (negative: signal) and the most memory it had, in KiB."""
        if pid not in self._hosts:
            return self._channel.send(Op.ENDED, [None, 0])
        _, status, usage = os.wait4(pid, 0)
        self._hosts.discard(pid)
        self._walls.ended(pid)
        return self._channel.send(Op.ENDED, [os.waitstatus_to_exitcode(status), usage.ru_maxrss])


PLATFORM = frozenset({"core", "functions", "batch", "infra", "tests", "benchmarks", "examples"})


class NoPlatform(importlib.abc.MetaPathFinder):
    """Of the platform only `plugin_sdk` can be imported in a host, even where the rest lies beside it."""

    def __init__(self, root: Path) -> None:
        self._hidden = frozenset(name for name in PLATFORM if (root / name).is_dir())

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        """Refuse the platform's own packages."""
        if path is None and fullname in self._hidden:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def _hide() -> None:
    """Leave nothing of how this process was started, nor a way to the rest of the platform."""
    sys.argv[:] = [""]
    sys.orig_argv[:] = []
    sys.meta_path.insert(0, NoPlatform(Path(plugin_sdk.__file__).parent.parent))
    offer_compat()


def _warm(torch: bool) -> None:
    """Import what hosts need and take the first, slow turn through it; nothing here starts a thread pool."""
    with contextlib.suppress(ImportError):  # a worker that only inspects manifests needs neither
        from plugin_sdk.host.warming import warm

        warm()
    if torch:
        with contextlib.suppress(ImportError):
            importlib.import_module("torch")  # no more than that: its threads would be missing after a fork
    gc.collect()
    gc.freeze()
