"""Patience: a call that is tried again for a while when a store does not answer."""

import functools
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from core.errors import StoreUnavailable

PATIENCE_S = 120.0
FIRST_WAIT_S, MAX_WAIT_S = 0.2, 5.0
P = ParamSpec("P")
T = TypeVar("T")


def patient(call: Callable[P, T]) -> Callable[P, T]:
    """`call`, which must be safe to repeat; StoreUnavailable goes up only after two minutes."""

    @functools.wraps(call)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        deadline, wait_s = time.monotonic() + PATIENCE_S, FIRST_WAIT_S
        while True:
            try:
                return call(*args, **kwargs)
            except StoreUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(wait_s)
                wait_s = min(wait_s * 2, MAX_WAIT_S)

    return again
