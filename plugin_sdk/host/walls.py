"""Everything that confines a host, applied after the fork and before any byte of the plugin is read.

The one seam for it: descriptors, session, signals, limits, environment and folder are settled here, in this order.
"""

import contextlib
import ctypes
import os
import random
import resource
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MIB = 1 << 20
CONTROL_FD, LOG_FD, BOARD_FD = 800, 801, 802
ADDRESS_SPACE_SLACK = 8 << 30
"""Arrow, torch and polars reserve address space that they never use."""

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
NOFILE = 512


@dataclass(frozen=True, slots=True)
class Plan:
    """What one host may have; plain values, so that it crosses to the zygote."""

    folder: str
    name: str
    scratch: str
    memory_mb: int
    scratch_mb: int
    env: Mapping[str, str]
    unlimited_address_space: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `Plan(**values)` reads them back."""
        return asdict(self)


def apply(plan: Plan, control: int, log: int, board: int) -> tuple[int, int]:
    """Confine this process; the control's and the board's descriptors at their new places."""
    _keep_descriptors(control, log, board)
    _reset_signals()
    os.setsid()
    _die_with_parent()
    _limit(plan)
    _surround(plan)
    return CONTROL_FD, BOARD_FD


def prctl(option: int, value: int) -> None:
    """Set a property of this process, where the system has such."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _keep_descriptors(control: int, log: int, board: int) -> None:
    """Each at its fixed place, the log as standard output too; all others closed."""
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


def _highest_descriptor() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(soft, 1 << 20) if soft != resource.RLIM_INFINITY else 1 << 20


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _die_with_parent() -> None:
    zygote = os.getppid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != zygote:
        os._exit(0)


def _limit(plan: Plan) -> None:
    memory, scratch = plan.memory_mb * MIB + _data_now(), plan.scratch_mb * MIB
    space = resource.RLIM_INFINITY if plan.unlimited_address_space else memory + ADDRESS_SPACE_SLACK
    limits = {"RLIMIT_DATA": memory, "RLIMIT_AS": space, "RLIMIT_FSIZE": scratch, "RLIMIT_CORE": 0}
    limits |= {"RLIMIT_NOFILE": NOFILE, "RLIMIT_MSGQUEUE": 0, "RLIMIT_MEMLOCK": 64 << 10}
    for name, value in limits.items():
        if hasattr(resource, name):
            _, hard = resource.getrlimit(getattr(resource, name))
            capped = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(getattr(resource, name), (capped, capped))


def _data_now() -> int:
    """Bytes of private memory that came with the fork and are not the plugin's."""
    with contextlib.suppress(OSError, ValueError), open("/proc/self/status") as status:  # noqa: PTH123
        for line in status:
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 0


def _surround(plan: Plan) -> None:
    """The environment, the working folder and what Python remembers of the zygote."""
    os.environ.clear()
    os.environ.update(plan.env)
    os.environ.update({"HOME": plan.scratch, "TMPDIR": plan.scratch, "USER": "plugin", "LOGNAME": "plugin"})
    os.umask(0o077)
    os.chdir(plan.scratch)
    tempfile.tempdir = None
    sys.argv[:] = [""]
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
