"""Line: jobs that were taken from the queue and wait for their turn, so that no tenant holds up another.

A tenant runs so many batches at once, and as many small ones beside them, which never wait for large ones. Jobs of the
same thing never run at the same time: the second finds that the first has done it.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from core.stores.queues import Message

SMALL_OBJECTS = 100
"""Objects of a batch that is small."""


class Kind(StrEnum):
    """What waits for what: jobs wait for those of their own kind alone."""

    LARGE = "large"
    SMALL = "small"
    CHORE = "chore"


@dataclass(frozen=True, eq=False, slots=True)
class Job:
    """A job in the line; `thing` is what it works on."""

    message: Message
    org_id: str
    thing: str
    kind: Kind
    priority: int = 0


@dataclass(slots=True)
class Line:
    """Who is next; any thread may ask.

    Args:
        limit: jobs of one kind that one tenant runs at once.
    """

    limit: int
    _waiting: list[tuple[int, Job]] = field(default_factory=list)
    _running: set[Job] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def add(self, job: Job) -> None:
        """The job waits for its turn."""
        with self._guard:
            self._waiting.append((next(self._numbers), job))

    def jobs(self) -> list[Job]:
        """All that wait or run."""
        with self._guard:
            return [*self._running, *(job for _, job in self._waiting)]

    def next(self) -> Job | None:
        """The job that may start now: of the tenant that runs least, the most urgent, the one that waits longest."""
        with self._guard:
            running = Counter((job.org_id, job.kind) for job in self._running)
            tenants = Counter(job.org_id for job in self._running)
            things = {job.thing for job in self._running}
            free = [
                (tenants[job.org_id], -job.priority, number, job)
                for number, job in self._waiting
                if running[job.org_id, job.kind] < self.limit and job.thing not in things
            ]
            if not free:
                return None
            *_, number, job = min(free, key=lambda entry: entry[:3])
            self._waiting.remove((number, job))
            self._running.add(job)
            return job

    def done(self, job: Job) -> None:
        """The job runs no more."""
        with self._guard:
            self._running.discard(job)

    def clear(self) -> list[Job]:
        """Those that wait; they are given back."""
        with self._guard:
            waiting, self._waiting = [job for _, job in self._waiting], []
            return waiting
