"""Landlock: what this process may do with files, ports and signals, by the kernel's own rules, for good.

Every right that the running kernel's Landlock knows is taken away; only the rules given here give some back. EXECUTE is
given to nothing: the libraries that Python loads are mapped, which is another right.

Source: https://docs.kernel.org/userspace-api/landlock.html.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from plugin_sdk.host.kernel import syscall

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
PATH_BENEATH, NET_PORT = 1, 2
CONNECT_TCP = 1 << 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG, MAKE_SYM = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

READ = READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM | REFER | TRUNCATE
DEVICE = READ_FILE | WRITE_FILE
GPU = DEVICE | IOCTL_DEV
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
"""The rights that a rule for a single file can give."""

FILE_RIGHTS = {1: (1 << 13) - 1, 2: REFER, 3: TRUNCATE, 5: IOCTL_DEV}
NET_RIGHTS = {4: 0b11}
SCOPES = {6: 0b11}
"""First version of Landlock -> the rights that it brought: bind and connect by TCP; abstract sockets and signals."""


class Rule(NamedTuple):
    """What may be done with a file, or with all below a folder."""

    path: str | Path
    rights: int


class PathRule(ctypes.Structure):
    """`struct landlock_path_beneath_attr`."""

    _pack_ = 1
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def version() -> int:
    """The kernel's Landlock version.

    Raises:
        OSError: it has none, or it is switched off.
    """
    return syscall("landlock_create_ruleset", CREATE_RULESET, None, 0, VERSION_FLAG)


def restrict(rules: Iterable[Rule], port: int | None = None) -> None:
    """Confine the calling thread, and all that it starts from now on, to these rules.

    A path that is not there gives no right; `port` is the one that may be connected to. `no_new_privs` must be set.

    Raises:
        OSError: the kernel refused.
    """
    abi = version()
    files = known(FILE_RIGHTS, abi)
    handled = [files, known(NET_RIGHTS, abi), known(SCOPES, abi)][: 3 if abi >= 6 else 2 if abi >= 4 else 1]
    attributes = (ctypes.c_uint64 * len(handled))(*handled)
    size = ctypes.sizeof(attributes)
    ruleset = syscall("landlock_create_ruleset", CREATE_RULESET, ctypes.byref(attributes), size, 0)
    try:
        for rule in rules:
            _add(ruleset, rule, files)
        if port is not None and abi >= 4:
            _add_port(ruleset, port)
        syscall("landlock_restrict_self", RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def known(table: dict[int, int], abi: int) -> int:
    """All rights of a table that this version knows."""
    return sum(rights for first, rights in table.items() if first <= abi)


def _add_port(ruleset: int, port: int) -> None:
    attributes = (ctypes.c_uint64 * 2)(CONNECT_TCP, port)
    syscall(f"landlock_add_rule port {port}", ADD_RULE, ruleset, NET_PORT, ctypes.byref(attributes), 0)


def _add(ruleset: int, rule: Rule, known_rights: int) -> None:
    try:
        place = os.open(rule.path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return
        raise
    try:
        rights = rule.rights & known_rights
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= OF_FILES
        attributes = PathRule(rights, place)
        what = f"landlock_add_rule {rule.path}"
        syscall(what, ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(attributes), 0)
    finally:
        os.close(place)
