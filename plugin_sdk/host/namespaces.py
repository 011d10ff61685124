"""Namespaces: the zygote's own, from which no process, mount, network or queue of the machine is seen, and each host's.

The zygote enters user (when it may not do without), mount, pid, network, ipc and uts namespaces as its first act and is
process 1 in there: when it ends, however it ends, the kernel ends every host. Each host gets namespaces of its own in
turn; its network namespace has nothing in it but, where it may have a way out, a loopback device (`way_out.py`).
"""

import os
import signal
from pathlib import Path

from plugin_sdk.host import kernel
from plugin_sdk.host.kernel import CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS

OF_ZYGOTE = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
OF_HOST = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
HOST_NAME = "plugin"


def enter() -> bool:
    """Put this process, which has one thread, into namespaces of its own; its next child is process 1 in there.

    Returns:
        Whether a user namespace was needed: this process had no right to do without.

    Raises:
        OSError: the kernel gives none.
    """
    if not hasattr(os, "pidfd_open"):
        raise OSError(0, "this Python has no pidfd_open")
    try:
        kernel.unshare(OF_ZYGOTE)
        return False
    except PermissionError:
        uid, gid = os.geteuid(), os.getegid()
        kernel.unshare(OF_ZYGOTE | CLONE_NEWUSER)
        map_user(Path("/proc/self"), uid, gid)
        return True


def continue_inside(control: int) -> None:
    """Go on as process 1 of the namespaces; the process that called stays outside, waits, and ends as this one does.

    Args:
        control: a descriptor that only the process inside keeps.
    """
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    inside = os.fork()
    if inside:
        os.close(control)
        _, status = os.waitpid(inside, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


class Pids:
    """Forks children that are process 1 of a namespace each."""

    def __init__(self) -> None:
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def fork(self) -> int:
        """As `os.fork`."""
        kernel.setns(self._own, CLONE_NEWPID)
        kernel.unshare(CLONE_NEWPID)
        return os.fork()


def leave_for_host() -> None:
    """Put this process into a host's namespaces; that for pids it was born into."""
    kernel.unshare(OF_HOST)
    kernel.set_host_name(HOST_NAME)


class OwnUser:
    """A user namespace for one host, so that its threads are counted apart; opened before /proc is out of reach."""

    def __init__(self) -> None:
        self._self = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def enter(self, uid: int, gid: int) -> None:
        """Enter it, as the same user."""
        kernel.unshare(CLONE_NEWUSER)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # else the kernel keeps the maps from their own process
        for name, text in _maps(uid, gid).items():
            file = os.open(name, os.O_WRONLY, dir_fd=self._self)
            os.write(file, text)
            os.close(file)
        os.close(self._self)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)


def map_user(process: Path, uid: int, gid: int) -> None:
    """Give a new user namespace the one user that it may have: the same as outside."""
    for name, text in _maps(uid, gid).items():
        (process / name).write_bytes(text)


def _maps(uid: int, gid: int) -> dict[str, bytes]:
    return {"setgroups": b"deny", "uid_map": f"{uid} {uid} 1".encode(), "gid_map": f"{gid} {gid} 1".encode()}
