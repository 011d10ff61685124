"""What a host finds around it: its descriptors and signals, its environment and folder, nothing of the zygote's."""

import contextlib
import os
import random
import resource
import signal
import sys
import tempfile
from collections.abc import Mapping

CONTROL_FD, LOG_FD, BOARD_FD = 800, 801, 802


def keep_descriptors(control: int, log: int, board: int) -> None:
    """Each at its fixed place, the log as standard output too; all others closed."""
    _make_room()
    for now, place in ((control, CONTROL_FD), (log, LOG_FD), (board, BOARD_FD)):
        os.dup2(now, place, inheritable=False)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, CONTROL_FD)
    os.closerange(BOARD_FD + 1, _highest_descriptor())
    for number, name in ((1, "stdout"), (2, "stderr")):
        setattr(sys, name, open(number, "w", buffering=1, errors="backslashreplace", closefd=False))  # noqa: SIM115
        setattr(sys, f"__{name}__", getattr(sys, name))
    sys.stdin = open(0, closefd=False)  # noqa: SIM115


def reset_signals() -> None:
    """No handler of the zygote's; a closed pipe or a full file is an error, not an end."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def surround(env: Mapping[str, str], folder: str) -> None:
    """The environment, the working folder and what Python remembers of the zygote."""
    os.environ.clear()
    os.environ.update(env)
    os.environ.update({"HOME": folder, "TMPDIR": folder, "USER": "plugin", "LOGNAME": "plugin"})
    os.umask(0o077)
    os.chdir(folder)
    tempfile.tempdir = None
    sys.argv[:] = [""]
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _make_room() -> None:
    """Have those places allowed where few descriptors are, as macOS does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft <= BOARD_FD:
        resource.setrlimit(resource.RLIMIT_NOFILE, (BOARD_FD + 1, hard))


def _highest_descriptor() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(soft, 1 << 20) if soft != resource.RLIM_INFINITY else 1 << 20
