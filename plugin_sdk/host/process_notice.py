"""A line in the task log when a plugin tries to start a process: the kernel only says EPERM."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

NOTICE = (
    "Processes are not allowed in a plugin host: {} was not started. Use a library that does the work in Python; "
    "files come from the platform's broker (open_asset, download_asset of shared.plugins).\n"
)
STARTERS = ("fork", "forkpty", "posix_spawn", "posix_spawnp", "execv", "execve", "system")


def install() -> None:
    """Have every function that starts a process say that it can't, then try all the same."""
    for name in STARTERS:
        if hasattr(os, name):
            setattr(os, name, _saying(getattr(os, name), 0))
    execute = subprocess.Popen._execute_child  # type: ignore[attr-defined]
    subprocess.Popen._execute_child = _saying(execute, 1)  # type: ignore[attr-defined]


def _saying(start: Callable[..., Any], position: int) -> Callable[..., Any]:
    """`start`, after a line that names the program, which is the argument at `position`."""

    def started(*arguments: Any, **options: Any) -> Any:
        what = _name(arguments[position]) if len(arguments) > position else ""
        sys.stderr.write(NOTICE.format(what or "a process"))
        return start(*arguments, **options)

    started.__name__ = getattr(start, "__name__", "start")
    return started


def _name(program: Any) -> str:
    if isinstance(program, list | tuple):
        program = program[0] if program else ""
    return repr(os.fsdecode(program))[:200] if isinstance(program, str | bytes | os.PathLike) else ""
