"""Control groups: a host's whole memory, scratch and shared maps included, counted by the kernel where a group is ours.

Only version 2, and only a group that hands the memory controller down to groups below it: that is what delegation gives
(systemd's `Delegate=yes`, or a folder that an operator has made). Elsewhere the limits of `limits.py` stand alone.
"""

import contextlib
import itertools
import os
from pathlib import Path

from plugin_sdk.errors import HostFailed

HIERARCHY = Path("/sys/fs/cgroup")
SETTING = "OPENPEEK_HOST_CGROUP"
CONTROLLERS = ("memory", "pids")
MAX_PROCESSES = 2048
"""Threads count as processes here; the limit for a host's own user is lower."""

_numbers = itertools.count()


class Group:
    """One host's group; gone with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ran_out(self) -> bool:
        """Whether the kernel has ended a process of it for memory."""
        with contextlib.suppress(OSError):
            counts = dict(line.split() for line in (self._folder / "memory.events").read_text("ascii").splitlines())
            return int(counts.get("oom_kill", 0)) > 0
        return False

    def close(self) -> None:
        """Remove it; its processes are over."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()


class Groups:
    """A folder of the cgroup hierarchy in which each host gets a group of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def admit(self, pid: int, memory_mb: int) -> Group:
        """Put a host, which has not read a byte of its plugin yet, into a new group.

        Args:
            pid: its process.
            memory_mb: all that it may hold, of whatever kind; nothing of it goes to swap.

        Raises:
            HostFailed: the kernel refuses.
        """
        folder = self.folder / f"openpeek-host-{os.getpid()}-{next(_numbers)}"
        try:
            folder.mkdir()
            (folder / "memory.max").write_text(str(memory_mb << 20), "ascii")
            for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1"), ("pids.max", str(MAX_PROCESSES))):
                if (folder / name).exists():
                    (folder / name).write_text(value, "ascii")
            (folder / "cgroup.procs").write_text(str(pid), "ascii")
        except OSError as error:
            Group(folder).close()
            raise HostFailed(
                f"A plugin host can't be put into a cgroup below {self.folder}: {error.strerror}.",
                f"Name a cgroup with the memory controller that this user may write in {SETTING}, or leave it empty.",
                "no cgroup",
            ) from error
        return Group(folder)


def groups(setting: str, hierarchy: Path = HIERARCHY, membership: Path = Path("/proc/self/cgroup")) -> Groups | None:
    """Where hosts get groups: in the folder that the operator names, else in our own, else nowhere.

    Raises:
        HostFailed: the operator names what can't be used.
    """
    if setting:
        folder = Path(setting)
        why = _hand_down(folder)
        if why:
            raise HostFailed(
                f"{SETTING}: plugin hosts can't be put into {folder}: {why}.",
                "Name a cgroup v2 folder that this user may write, that holds no process itself, and whose "
                "cgroup.controllers lists memory; or leave the setting empty.",
                "no cgroup",
            )
        return Groups(folder)
    own = _own(hierarchy, membership)
    return Groups(own) if own is not None and not _hand_down(own, change=False) else None


def _own(hierarchy: Path, membership: Path) -> Path | None:
    """This process's group; None where there is no version 2."""
    with contextlib.suppress(OSError):
        for line in membership.read_text("utf-8").splitlines():
            if line.startswith("0::"):
                return hierarchy / line[3:].lstrip("/")
    return None


def _hand_down(folder: Path, *, change: bool = True) -> str:
    """Why groups below the folder can't have their memory limited; empty if they can. Turns that on if it may."""
    try:
        offered = (folder / "cgroup.controllers").read_text("ascii").split()
        given = (folder / "cgroup.subtree_control").read_text("ascii").split()
    except OSError as error:
        return f"it is no cgroup v2 ({error.strerror})"
    if not os.access(folder, os.W_OK | os.X_OK) or not os.access(folder / "cgroup.procs", os.W_OK):
        return "this user may not write there"
    wanted = [name for name in CONTROLLERS if name in offered and name not in given]
    if change and wanted:
        with contextlib.suppress(OSError):
            (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in wanted), "ascii")
        given = (folder / "cgroup.subtree_control").read_text("ascii").split()
    return "" if "memory" in given else "it does not hand the memory controller down"
