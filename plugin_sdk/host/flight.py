"""Which rows are in flight in a host, and until when it has time for them."""

import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from plugin_sdk.host.protocol import Frame, Op, ProtocolError

if TYPE_CHECKING:
    from plugin_sdk.host.host import Progress

EVENTS_PER_ROW = 8
"""Events that halving can cause for one row and step, amply."""


class Flight:
    """One call: its batches under way, each with its own time limit.

    `open` says that the host owes an answer.
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.labels: list[str] = []
        self._began = time.monotonic()
        self._batches: dict[int, tuple[int, float, bytes]] = {}
        self._events_left = 0
        self._rows_in = 0
        self.open = False
        self._on_progress: Callable[[Progress], None] | None = None

    def expect(self, rows_in: int, max_rows: int, on_progress: "Callable[[Progress], None] | None") -> None:
        """Take events of batches from now on, as many as an honest host can have."""
        self._rows_in = rows_in
        self._events_left = (len(self.labels) + 1) * EVENTS_PER_ROW * max_rows
        self._on_progress = on_progress

    @property
    def deadline(self) -> float:
        """When the oldest batch's time is up; with none under way, that of the call since the last event."""
        began = min((began for _, began, _ in self._batches.values()), default=self._began)
        return began + self.timeout_s

    @property
    def step(self) -> str:
        """The label of the step whose batch is under way; empty when none is."""
        oldest = self._oldest()
        if oldest is None:
            return ""
        return self.labels[oldest[0]] if oldest[0] >= 0 else "prepare"

    @property
    def rows(self) -> tuple[int, ...]:
        """The rows of all batches under way."""
        found = {row for _, _, rows in self._batches.values() for (row,) in struct.iter_unpack("<i", rows)}
        return tuple(sorted(found))

    def rearm(self) -> None:
        """The time starts anew."""
        self._began = time.monotonic()

    def pause(self, seconds: float) -> None:
        """The worker itself took so long; that is not the host's time."""
        self._began += seconds
        self._batches = {n: (step, began + seconds, rows) for n, (step, began, rows) in self._batches.items()}

    def hear(self, frame: Frame) -> None:
        """Take an event of a batch.

        Raises:
            ProtocolError: none is expected, or it can't be true.
        """
        self._events_left -= 1
        if self._events_left < 0:
            raise ProtocolError(f"a frame of kind {frame.op} is out of place")
        told = frame.decoded()
        if frame.op == Op.STARTED:
            self._started(told)
        elif frame.op == Op.FINISHED:
            self._finished(told)
        else:
            raise ProtocolError(f"a frame of kind {frame.op} is out of place")

    def _started(self, told: Any) -> None:
        step, batch, rows = _fields(told, int, int, bytes)
        if not -1 <= step < len(self.labels) or len(rows) % 4 or len(self._batches) > 4096:
            raise ProtocolError("a batch that was started can't be")
        if any(not 0 <= row < self._rows_in for (row,) in struct.iter_unpack("<i", rows)):
            raise ProtocolError("a batch has rows that were not sent")
        self.rearm()
        self._batches[batch] = (step, self._began, rows)

    def _finished(self, told: Any) -> None:
        step, batch, done, total = _fields(told, int, int, int, int)
        if self._batches.pop(batch, None) is None or not -1 <= step < len(self.labels):
            raise ProtocolError("a batch ended that had not begun")
        self.rearm()
        if self._on_progress is not None and step >= 0 and done:
            from plugin_sdk.host.host import Progress

            self._on_progress(Progress(self.labels[step], done, total))

    def _oldest(self) -> tuple[int, float, bytes] | None:
        return min(self._batches.values(), key=lambda batch: batch[1], default=None)


def _fields(told: Any, *kinds: type) -> Any:
    if not isinstance(told, list) or [type(value) for value in told] != list(kinds):
        raise ProtocolError("an event has other fields than it should")
    return told
