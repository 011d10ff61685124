"""Timing: what the driver of a batch spends its time on while workers run partitions, and how long they had none."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

RUN, PLAN, COMMIT, RECORDS = "run", "plan", "commit", "records"


class Timing:
    """Seconds of one batch's driver by what they went to; `slots` is how many partitions could run at once."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys((PLAN, COMMIT, RECORDS, RUN), 0.0)
        self.slots = 0

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Count the time of what happens within."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[what] += time.perf_counter() - began

    def told(self, wall_s: float, worked_s: float) -> dict[str, Any]:
        """All of it; opening and closing is what is left of `wall_s`, idle what workers did not work meanwhile."""
        seconds = {"open": max(wall_s - self._seconds[RUN], 0.0)} | self._seconds
        idle_s = max(self.slots * self._seconds[RUN] - worked_s, 0.0)
        return {"driver_seconds": {k: round(s, 3) for k, s in seconds.items()}, "idle_s": round(idle_s, 3)}
