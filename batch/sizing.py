"""Sizing: how many rows the next partition gets, from the time that finished ones took.

The first partitions are small, so that documents show within seconds however long a row takes; each later one aims at a
second of work, grows sixteenfold at most over what has been tried, and shrinks towards the end, so that all slots end
together. Where a step has several batches in flight at once, their rows are one turn, and time is counted by turns.
"""

import threading
from collections import deque
from statistics import median

FIRST_ROWS = 16
MOST_FIRST_ROWS = 512
MIN_ROWS, MAX_ROWS = 8, 65_536
GROWTH = 16
TARGET_S = 1.0
LEAST_S = 0.25
"""Towards the end partitions shrink, but not below this much work: each costs the scheduler a few milliseconds."""
MAX_BYTES = 64 * 1024 * 1024
SAMPLES = 9
ALIKE = 4
"""Partitions of less than a quarter of the largest one's rows tell little of the time a row takes."""


class Sizing:
    """The size of one extraction's partitions; any thread may ask or teach it.

    Args:
        rows_expected: how many rows there are in all, as far as known.
        slots: tasks that run at once.
        fixed: every partition gets so many rows; None measures.

    Attributes:
        together: rows that take no longer than one, since a step has so many in flight; partitions are multiples of it.
    """

    def __init__(self, rows_expected: int | None = None, slots: int = 1, fixed: int | None = None) -> None:
        self.together = 1
        self._expected, self._slots, self._fixed = rows_expected, max(slots, 1), fixed
        self._planned, self._tried = 0, 0
        self._turns: deque[tuple[int, float]] = deque(maxlen=SAMPLES)
        self._row_bytes: deque[float] = deque(maxlen=SAMPLES)
        self._guard = threading.Lock()

    @property
    def rows(self) -> int:
        """Rows that the next partition should have."""
        if self._fixed is not None:
            return self._fixed
        with self._guard:
            if not self._turns:
                return self._first()
            turn_s = self._turn_s()
            turns = min(TARGET_S / turn_s, max(self._share() / self.together, LEAST_S / turn_s))
            rows = min(max(int(turns), 1) * self.together, self._tried * GROWTH, MAX_ROWS)
            if self._row_bytes:
                rows = min(rows, int(MAX_BYTES / max(median(self._row_bytes), 1.0)))
            return max(MIN_ROWS, rows)

    def planned(self, rows: int) -> None:
        """A partition of so many rows is on its way."""
        with self._guard:
            self._planned += rows

    def learn(self, rows: int, seconds: float, size_bytes: int = 0) -> None:
        """A partition of so many rows took so long, and its table had so many bytes; 0 where that is not known."""
        if rows < 1:
            return
        with self._guard:
            self._tried = max(self._tried, rows)
            self._turns.append((rows, seconds / -(-rows // self.together)))
            if size_bytes:
                self._row_bytes.append(size_bytes / rows)

    def _turn_s(self) -> float:
        """Seconds a turn: of late, and of partitions large enough that what each costs by itself counts for little."""
        most = max(rows for rows, _ in self._turns)
        return max(median(seconds for rows, seconds in self._turns if rows * ALIKE >= most), 1e-9)

    def _first(self) -> int:
        """As long as nothing is measured: few rows, and after the very first partition as many as go together."""
        if self._expected is not None and self._expected <= FIRST_ROWS:
            return FIRST_ROWS
        few = max(FIRST_ROWS, min(self.together, MOST_FIRST_ROWS)) if self._planned else FIRST_ROWS
        return min(few, max(MIN_ROWS, self._share()))

    def _share(self) -> int:
        """Half of what each slot would get of the rows that are left."""
        if self._expected is None:
            return MAX_ROWS
        left = max(self._expected - self._planned, 0)
        return -(-left // (2 * self._slots)) if left else MAX_ROWS
