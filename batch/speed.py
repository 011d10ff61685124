"""Speed: rows a second over the last while, and how long the rest will take."""

import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 15.0
EVERY_S = 0.25


class Speed:
    """Rows done, sampled as time goes by."""

    def __init__(self, rows: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque([(clock(), rows)])

    def note(self, rows: int) -> None:
        """So many rows are done by now."""
        now = self._clock()
        if now - self._samples[-1][0] >= EVERY_S or len(self._samples) == 1:
            self._samples.append((now, rows))
        while len(self._samples) > 2 and now - self._samples[1][0] > WINDOW_S:
            self._samples.popleft()

    def rows_per_s(self, rows: int) -> float:
        """Over the last 15 seconds."""
        began, before = self._samples[0]
        elapsed_s = self._clock() - began
        return max(rows - before, 0) / elapsed_s if elapsed_s > 0 else 0.0

    def eta_s(self, rows: int, total: int) -> float | None:
        """Seconds until all are done; None where nothing moves."""
        rate = self.rows_per_s(rows)
        return max(total - rows, 0) / rate if rate else None
