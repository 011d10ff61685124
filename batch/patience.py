"""Patience: a call that is tried again for a while when a store does not answer, or a disk has no room."""

import errno
import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from core.errors import DiskFull, StoreUnavailable

PATIENCE_S = 120.0
FULL_DISK_S = 3.0
"""What a worker waits for room on its disk before another takes the partition."""

FIRST_WAIT_S, MAX_WAIT_S = 0.2, 5.0
FULL = {errno.ENOSPC, errno.EDQUOT}
_over = threading.Event()
P = ParamSpec("P")
T = TypeVar("T")


def lose_patience() -> None:
    """This process is to end: what fails from now on is not tried again, and who waits stops waiting."""
    _over.set()


def patient(call: Callable[P, T], full_disk_s: float = PATIENCE_S) -> Callable[P, T]:
    """`call`, which must be safe to repeat; StoreUnavailable goes up only after two minutes, DiskFull as told; both
    at once when the process is to end."""

    @functools.wraps(call)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        began, wait_s = time.monotonic(), FIRST_WAIT_S
        while True:
            try:
                with telling_full():
                    return call(*args, **kwargs)
            except StoreUnavailable as error:
                patience_s = full_disk_s if isinstance(error, DiskFull) else PATIENCE_S
                if time.monotonic() - began > patience_s or _over.wait(wait_s):
                    raise
                wait_s = min(wait_s * 2, MAX_WAIT_S)

    return again


@contextmanager
def telling_full() -> Iterator[None]:
    """Turn the system's word for a full disk into DiskFull; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        where = f" at {error.filename}" if error.filename else ""
        raise DiskFull(f"There is no room on a disk{where}: {error.strerror}.", "Free space on it.") from error
