"""Fairness: which batch may hand the next partition to the cluster, when many of many tenants want to.

The window holds two partitions a slot. Organizations get equal parts of it (times their weight), and the batches of one
organization equal parts of that, after those of a higher priority. A batch always has a partition or two on their way,
however full the window is: a small one starts at once behind a large one.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

WINDOW_PER_SLOT = 2
ALWAYS = 2
"""Partitions that every batch may have on their way."""

GRACE_S = 0.02
"""So long a batch still counts as one that waits after it was given something: it is about to ask for more."""


@dataclass(eq=False, slots=True)
class Share:
    """One batch's part of the window; `wake` is called when it could take more."""

    org_id: str
    weight: float
    priority: int
    number: int
    wake: Callable[[], None]
    in_flight: int = 0
    waits_until: float = 0.0


@dataclass(slots=True)
class Window:
    """All that is on its way to the cluster; any thread may take and give.

    Args:
        slots: how many tasks run at once now.
    """

    slots: Callable[[], int]
    _shares: list[Share] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def share(
        self, org_id: str, *, wake: Callable[[], None], weight: float = 1.0, priority: int = 0
    ) -> Iterator[Share]:
        """A batch's part, as long as it runs."""
        share = Share(org_id, weight, priority, next(self._numbers), wake)
        with self._guard:
            self._shares.append(share)
        try:
            yield share
        finally:
            with self._guard:
                self._shares.remove(share)
                woken = self._neediest()
            if woken:
                woken.wake()

    def take(self, share: Share) -> bool:
        """Whether the batch may hand over one more partition now; if not, it is woken when it may."""
        slots = self.slots()
        with self._guard:
            share.waits_until = float("inf")
            free = WINDOW_PER_SLOT * max(slots, 1) - sum(s.in_flight for s in self._shares)
            allowed = share.in_flight < ALWAYS or (free > 0 and self._neediest() is share)
            if allowed:
                share.in_flight += 1
                share.waits_until = time.monotonic() + GRACE_S
            return allowed

    def sated(self, share: Share) -> None:
        """The batch has nothing more to hand over."""
        with self._guard:
            share.waits_until = 0.0
            woken = self._neediest()
        if woken:
            woken.wake()

    def give(self, share: Share) -> None:
        """One of its partitions is done."""
        with self._guard:
            share.in_flight -= 1
            woken = self._neediest()
        if woken and woken is not share:
            woken.wake()

    def _neediest(self) -> Share | None:
        """Of those that wait, the one that has least: its organization first, then its priority, then itself."""
        now = time.monotonic()
        waiting = [s for s in self._shares if s.waits_until > now]
        if not waiting:
            return None
        used: dict[str, int] = {}
        for s in self._shares:
            used[s.org_id] = used.get(s.org_id, 0) + s.in_flight
        return min(waiting, key=lambda s: (used[s.org_id] / s.weight, -s.priority, s.in_flight, s.number))
