"""Whose name a host has: a user of its own where its worker is root, no capability, and no way to any."""

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path

from plugin_sdk.host import kernel

CAP_SETGID, CAP_SETUID = 6, 7
FIRST_UID = 0x7000_0000
ZYGOTES, SLOTS = 1 << 16, 1 << 12
"""4096 hosts for each of 65536 zygotes, above all users that distributions and containers hand out."""

FIRST_SMALL_UID = 60_100
"""Where the machine, a container, knows only 65536 users."""


def first_uid(zygote: int) -> int:
    """The user, and group, of this root's first host; each slot after it is one more.

    Args:
        zygote: a number that no other zygote of this machine has now.

    Raises:
        OSError: this process can't become anybody else.
    """
    effective = int(_status("CapEff"), 16)
    if not effective & 1 << CAP_SETUID or not effective & 1 << CAP_SETGID:
        raise OSError(errno.EPERM, "this root lacks the capabilities SETUID and SETGID")
    for uid in (FIRST_UID + zygote % ZYGOTES * SLOTS, FIRST_SMALL_UID):
        if _mapped(uid, "uid_map") and _mapped(uid, "gid_map"):
            return uid
    raise OSError(errno.EINVAL, "this user namespace has no other users")


def become(uid: int, gid: int) -> None:
    """Be this user for good, with no capability and no new privileges.

    Raises:
        OSError: the kernel refused.
    """
    with contextlib.suppress(PermissionError):  # who may not drop from the set can gain nothing by it either
        kernel.drop_bounding_set()
    if uid != os.geteuid():
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)


def check_readable(places: Iterable[Path]) -> None:
    """See to it that this user can read Python and the plugin; else every import would fail with a riddle.

    Raises:
        PermissionError: it can't; the text names the place.
    """
    for place in places:
        if not os.access(place, os.R_OK) or (place.is_dir() and not os.access(place, os.X_OK)):
            raise PermissionError(
                f"User {os.geteuid()}, the plugin's own, can't read {place}: run chmod -R a+rX on it and make the "
                "folders above it passable, or run the worker as another user than root."
            )


def _mapped(number: int, table: str) -> bool:
    lines = Path("/proc/self", table).read_text(encoding="ascii").splitlines()
    ranges = [tuple(map(int, line.split())) for line in lines]
    return any(first <= number < first + count for first, _, count in ranges)


def _status(name: str) -> str:
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:"))
