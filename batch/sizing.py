"""Sizing: how many rows the next partition gets, from the time that finished ones took.

The first partition is small, so that documents show within seconds however long a row takes; each later one aims at a
second of work, grows 64-fold at most over what has been tried, and shrinks towards the end, so that all slots end
together. What is known of an earlier batch of the same extractor and bucket stands in until this one has measured.
Where a step has several batches in flight at once, their rows are one turn, and time is counted by turns.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from statistics import median

FIRST_ROWS = 16
MOST_FIRST_ROWS = 512
MIN_ROWS, MAX_ROWS = 8, 65_536
GROWTH = 64
TARGET_S = 1.0
LEAST_S = 0.15
"""Towards the end partitions shrink, but not below this much work: each costs some 15 ms whatever it holds."""
MAX_BYTES = 64 * 1024 * 1024
SAMPLES = 9
ALIKE = 4
"""Partitions of less than a quarter of the largest one's rows tell little of the time a row takes."""

FEW_ROWS, OWN_S = 1_024, 0.05
"""A partition of no more rows took so much of its time for itself rather than for them, unless its steps took it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What a batch measured: seconds a turn, the bytes of a row, and the most rows that were tried at once."""

    turn_s: float
    row_bytes: float
    tried: int


@dataclass(slots=True)
class Paces:
    """The paces of this process's last batches; any thread may ask."""

    kept: int = 1_000
    _paces: OrderedDict[Hashable, Pace] = field(default_factory=OrderedDict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def of(self, key: Hashable) -> Pace | None:
        """What the last batch of this key measured."""
        with self._guard:
            return self._paces.get(key)

    def note(self, key: Hashable, pace: Pace | None) -> None:
        """A batch ended with this pace; None where it measured nothing."""
        if pace is None:
            return
        with self._guard:
            self._paces[key] = pace
            self._paces.move_to_end(key)
            while len(self._paces) > self.kept:
                self._paces.popitem(last=False)


class Sizing:
    """The size of one extraction's partitions; any thread may ask or teach it.

    Args:
        rows_expected: how many rows there are in all, as far as known.
        slots: tasks that run at once.
        fixed: every partition gets so many rows; None measures.
        before: the pace of an earlier batch like this one.

    Attributes:
        together: rows that take no longer than one, since a step has so many in flight; partitions are multiples of it.
    """

    def __init__(
        self,
        rows_expected: int | None = None,
        slots: int = 1,
        fixed: int | None = None,
        before: Pace | None = None,
    ) -> None:
        self.together = 1
        self._expected, self._slots, self._fixed, self._before = rows_expected, max(slots, 1), fixed, before
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
            pace = self._pace() if self._planned or self._turns else None  # the very first is small
            return self._first() if pace is None else max(MIN_ROWS, min(self._wanted(pace), pace.tried * GROWTH))

    @property
    def feeling(self) -> bool:
        """Whether too little is known as yet for a partition of its full size."""
        if self._fixed is not None:
            return False
        with self._guard:
            pace = self._pace()
            return pace is None or self._wanted(pace) > pace.tried * GROWTH

    def pace(self) -> Pace | None:
        """What was measured; None where nothing was."""
        with self._guard:
            return self._pace() if self._turns else None

    def planned(self, rows: int) -> None:
        """A partition of so many rows is on its way."""
        with self._guard:
            self._planned += rows

    def learn(self, rows: int, seconds: float, size_bytes: int = 0, steps_s: float | None = None) -> None:
        """A partition of so many rows took so long, and its table had so many bytes; 0 where that is not known.

        Args:
            steps_s: seconds of these that the plugin's steps took, where that is known.
        """
        if rows < 1:
            return
        if rows <= FEW_ROWS and steps_s is not None:
            seconds = max(seconds - OWN_S, steps_s)
        with self._guard:
            if self._before is not None and (seconds >= LEAST_S or rows * ALIKE >= self._before.tried):
                self._before = None
            self._tried = max(self._tried, rows)
            self._turns.append((rows, seconds / -(-rows // self.together)))
            if size_bytes:
                self._row_bytes.append(size_bytes / rows)

    def _pace(self) -> Pace | None:
        """What is known: measured, or as long as that says little, what was known before."""
        if self._before is not None or not self._turns:
            return self._before
        row_bytes = median(self._row_bytes) if self._row_bytes else 0.0
        return Pace(self._turn_s(), row_bytes, self._tried)

    def _wanted(self, pace: Pace) -> int:
        """Rows of a partition that takes its time, whatever was tried."""
        turns = min(TARGET_S / pace.turn_s, max(self._share() / self.together, LEAST_S / pace.turn_s))
        rows = min(max(int(turns), 1) * self.together, MAX_ROWS)
        return min(rows, int(MAX_BYTES / max(pace.row_bytes, 1.0))) if pace.row_bytes else rows

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
