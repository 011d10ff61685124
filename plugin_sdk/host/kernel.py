"""The system calls that confine a host and that Python has no function for; each raises OSError with what it was for."""

import ctypes
import errno
import itertools
import os
import sys
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_SLAVE = 2, 4, 8, 4096, 16384, 1 << 19
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 23, 24, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITY_VERSION_3 = 0x20080522

AT_FDCWD, AT_RECURSIVE = -100, 0x8000
MOUNT_SETATTR = 442  # newer calls have one number on every architecture
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4

_libc = ctypes.CDLL(None, use_errno=True)


def syscall(what: str, number: int, *arguments: object) -> int:
    """Make a system call by its number.

    Raises:
        OSError: the kernel refused, or is another than Linux, where numbers mean other calls; `what` is in its text.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, f"{what}: only Linux has this")
    return checked(what, _libc.syscall(ctypes.c_long(number), *map(_argument, arguments)))


def checked(what: str, answer: int) -> int:
    """The answer of a call of the C library, unless it is an error."""
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return answer


def prctl(option: int, *values: int) -> int:
    """Read or set a property of this process, where the system has such."""
    if sys.platform != "linux":
        return 0
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    return checked(f"prctl {option}", _libc.prctl(ctypes.c_int(option), *padded))


def unshare(flags: int) -> None:
    """Leave the namespaces that `flags` name for new ones."""
    checked("unshare", _libc.unshare(ctypes.c_int(flags)))


def setns(fd: int, flags: int) -> None:
    """Enter the namespace behind a descriptor."""
    checked("setns", _libc.setns(ctypes.c_int(fd), ctypes.c_int(flags)))


def set_host_name(name: str) -> None:
    """Name the machine, as this UTS namespace sees it."""
    checked("sethostname", _libc.sethostname(name.encode(), ctypes.c_size_t(len(name))))


def mount(source: str | Path, target: str | Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount `source` at `target`."""
    texts = [os.fsencode(source), os.fsencode(target), kind.encode() or None]
    answer = _libc.mount(*texts, ctypes.c_ulong(flags), options.encode() or None)
    checked(f"mount {source} at {target}", answer)


def bind_read_only(source: str | Path, target: str | Path, *, device: bool = False) -> None:
    """Show `source`, with all that is mounted below it, at `target`, where nobody can write to it."""
    mount(source, target, flags=MS_BIND | MS_REC)
    make_read_only(target, device=device)


def make_read_only(target: str | Path, *, device: bool = False) -> None:
    """Forbid writing, set-uid programs and device files below a mount; a device file itself stays one."""
    flags = ATTR_RDONLY | ATTR_NOSUID | (0 if device else ATTR_NODEV)
    attributes = (ctypes.c_uint64 * 4)(flags, 0, 0, 0)
    size = ctypes.sizeof(attributes)
    what = f"mount_setattr {target}"
    syscall(what, MOUNT_SETATTR, AT_FDCWD, os.fsencode(target), AT_RECURSIVE, ctypes.byref(attributes), size)


def unmount(target: str | Path) -> None:
    """Take a mount, and all below it, out of the tree."""
    checked(f"umount {target}", _libc.umount2(os.fsencode(target), ctypes.c_int(MNT_DETACH)))


def change_root(root: str | Path) -> None:
    """Make a mounted folder this process's whole file system; what was there before is gone for it."""
    os.chdir(root)
    checked("pivot_root", _libc.pivot_root(b".", b"."))
    unmount(".")
    os.chdir("/")


def drop_bounding_set() -> None:
    """See to it that no program could ever bring this process a capability; needs CAP_SETPCAP."""
    for number in itertools.count():
        try:
            held = prctl(PR_CAPBSET_READ, number)
        except OSError:  # there are no more
            return
        if held:
            prctl(PR_CAPBSET_DROP, number)


def drop_capabilities() -> None:
    """Give up every capability in use."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    checked("capset", _libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())))


def _argument(value: object) -> object:
    return ctypes.c_long(value) if isinstance(value, int) else value
