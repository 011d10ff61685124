"""Which rows are in flight in a host, and until when it has time for them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from plugin_sdk.host.board import Flying, Reader

LOOK_S = 0.1
"""How often the worker looks at the board while it waits."""

TO_TELL, TO_TELL_S = 0.25, 10.0
"""The part of a call's time that a host keeps when a program has used up the rest, and the most of it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is: `rows_done` of `rows_total` rows that it handles."""

    step: str
    rows_done: int
    rows_total: int


OnProgress = Callable[[Progress], None]


class Flight:
    """One call: its batches under way, each with a time limit of its own.

    `open` says that the host owes an answer.
    """

    def __init__(self, timeout_s: float, board: Reader) -> None:
        self.timeout_s = timeout_s
        self.open = False
        self._board = board
        self._labels: list[str] = []
        self._rows_in = 0
        self._on_progress: OnProgress | None = None
        self._told: Progress | None = None
        self._active = time.monotonic()
        self._changes = board.changes
        self._since: dict[int, float] = {}
        self._last: list[Flying] = []

    def expect(self, labels: list[str], rows_in: int, on_progress: OnProgress | None) -> None:
        """Batches of these steps may be in flight from now on."""
        self._labels, self._rows_in, self._on_progress = labels, rows_in, on_progress

    @property
    def wait_s(self) -> float:
        """Seconds until the next look, or until the time is up."""
        left = self.deadline - time.monotonic()
        return LOOK_S if left > LOOK_S else max(0.0, left)

    @property
    def deadline(self) -> float:
        """When the oldest batch's time is up; with none under way, that of the call since the last change."""
        began = min(self._since.values()) if self._since else self._active
        return began + self.timeout_s

    @property
    def program_deadline(self) -> float:
        """When a program that was lent is killed: early enough that the host can still say so."""
        return self.deadline - min(self.timeout_s * TO_TELL, TO_TELL_S)

    @property
    def step(self) -> str:
        """The label of the step whose batch is under way; empty when none is."""
        oldest = min(self._last, key=lambda flying: flying.batch, default=None)
        if oldest is None:
            return ""
        return self._labels[oldest.step] if 0 <= oldest.step < len(self._labels) else "prepare"

    @property
    def rows(self) -> tuple[int, ...]:
        """The rows of all batches under way."""
        return tuple(sorted({row for flying in self._last for row in flying.rows}))

    def rearm(self) -> None:
        """The time starts anew."""
        self._active = time.monotonic()

    def pause(self, seconds: float) -> None:
        """The worker itself took so long; that is not the host's time."""
        self._active += seconds
        self._since = {batch: since + seconds for batch, since in self._since.items()}

    def look(self) -> bool:
        """Read the board; whether there is time left."""
        now = time.monotonic()
        sight = self._board.sight()
        if sight.changes != self._changes:
            self._changes, self._active = sight.changes, now
            self._since = {batch: self._since.get(batch, now) for batch in self._board.numbers()}
            self.tell()
        return now < self.deadline

    def tell(self) -> None:
        """Pass the progress on, if there is any new."""
        if self._on_progress is None:
            return
        sight = self._board.sight()
        if 0 <= sight.step < len(self._labels) and sight.rows_done > 0:
            progress = Progress(self._labels[sight.step], sight.rows_done, sight.rows_total)
            if progress != self._told:
                self._told = progress
                self._on_progress(progress)

    def end(self) -> None:
        """The host is over: keep what it was at."""
        self._last = self._board.flying(self._rows_in)
