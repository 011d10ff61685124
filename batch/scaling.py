"""Scaling: how many workers the scheduler wants, told to whoever scales them (`dask scheduler --preload batch.scaling`).

Dask's own answer counts threads and the tasks that it sees. Here a worker has more threads than slots, and the batch
service shows two partitions a slot at most, however many wait. So a window that is full means: more workers, by half.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any

FULL = 1.5
"""Tasks a slot at which the window counts as full; it holds two."""

REMEMBERED_S = 60.0
"""So long a worker is still wanted after it was: a batch that ends is often followed by another."""


def wanted(workers: int, slots: float, tasks: int) -> int:
    """Workers that this many tasks are worth, where `workers` with `slots` in all are there."""
    if not tasks:
        return 0
    if not workers or not slots:
        return max(1, workers)
    if tasks > FULL * slots:
        return workers + max(1, workers // 2)
    return min(workers, math.ceil(tasks * workers / slots))


class Demand:
    """What is wanted now, or was a short while ago, whichever is more."""

    def __init__(self, remembered_s: float = REMEMBERED_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._remembered_s, self._clock = remembered_s, clock
        self._seen: deque[tuple[float, int]] = deque()

    def target(self, now: int) -> int:
        """The number to tell, given what is wanted now."""
        at = self._clock()
        self._seen.append((at, now))
        while self._seen[0][0] < at - self._remembered_s:
            self._seen.popleft()
        return max(count for _, count in self._seen)


def dask_setup(scheduler: Any) -> None:
    """Dask calls this as the scheduler starts: its answer to `adaptive_target`, by RPC and HTTP, becomes ours."""
    demand = Demand()

    def adaptive_target(target_duration: object = None) -> int:
        workers = scheduler.workers.values()
        slots = sum(w.resources.get("SLOT", w.nthreads) for w in workers)
        tasks = sum(len(w.processing) for w in workers) + len(scheduler.queued) + len(scheduler.unrunnable)
        return demand.target(wanted(len(workers), slots, tasks))

    scheduler.adaptive_target = adaptive_target
    scheduler.handlers["adaptive_target"] = adaptive_target
