"""The board: a shared page on which a host notes the rows in flight, for its worker to read when time runs or it dies.

Writing costs the host no system call; nothing that the worker reads there is trusted.
"""

import mmap
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugin_sdk.positions import Positions

SLOTS = 64
"""Batches that can be in flight at once."""

MAX_LISTED = 1024
"""Rows of a batch that are listed one by one; of a larger one the first and the last are known."""

HEADER = struct.Struct("<Qiii")
CHANGES = struct.Struct("<Q")
SLOT = struct.Struct("<Qiiii")
SLOT_BYTES = SLOT.size + 4 * MAX_LISTED
SIZE = HEADER.size + SLOTS * SLOT_BYTES


@dataclass(frozen=True, slots=True)
class Flying:
    """A batch in flight, as its host says: a number of its own, the step's index (-1: prepare), the rows."""

    batch: int
    step: int
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sight:
    """What is on the board: how often it changed, the last step's progress."""

    changes: int
    step: int
    rows_done: int
    rows_total: int


class Writer:
    """The host's side; it hears of every batch from the steps that run."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._free = list(range(SLOTS))
        self._taken: dict[int, int] = {}
        self._changes = 0
        self._batches = 0

    def started(self, step: int, batch: int, rows: "Positions") -> None:
        """A batch is about to be handed to its step."""
        listed = rows[:MAX_LISTED].astype("<i4").tobytes() if len(rows) <= MAX_LISTED else b""
        first, end = (int(rows.min()), int(rows.max()) + 1) if len(rows) else (0, 0)
        with self._lock:
            self._batches += 1
            if not self._free:
                return
            slot = self._taken[batch] = self._free.pop()
            at = HEADER.size + slot * SLOT_BYTES
            self._memory[at + SLOT.size : at + SLOT.size + len(listed)] = listed
            SLOT.pack_into(self._memory, at, self._batches, step, first, end, len(listed) // 4)
            self._changed(step, -1, -1)

    def finished(self, step: int, batch: int, rows_done: int, rows_total: int) -> None:
        """A batch is done."""
        with self._lock:
            slot = self._taken.pop(batch, None)
            if slot is not None:
                SLOT.pack_into(self._memory, HEADER.size + slot * SLOT_BYTES, 0, 0, 0, 0, 0)
                self._free.append(slot)
            self._changed(step, rows_done, rows_total)

    def _changed(self, step: int, done: int, total: int) -> None:
        self._changes += 1
        if done < 0:
            CHANGES.pack_into(self._memory, 0, self._changes)
        else:
            HEADER.pack_into(self._memory, 0, self._changes, step, done, total)


class Reader:
    """The worker's side."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    @property
    def changes(self) -> int:
        """How often it changed."""
        count: int = CHANGES.unpack_from(self._memory)[0]
        return count

    def sight(self) -> Sight:
        """The head of the board."""
        return Sight(*HEADER.unpack_from(self._memory, 0))

    def flying(self, rows_in: int) -> list[Flying]:
        """The batches in flight, with such of their rows as were sent."""
        found = []
        for slot in range(SLOTS):
            at = HEADER.size + slot * SLOT_BYTES
            batch, step, first, end, listed = SLOT.unpack_from(self._memory, at)
            if batch:
                found.append(Flying(batch, step, self._rows(at + SLOT.size, first, end, listed, rows_in)))
        return found

    def numbers(self) -> set[int]:
        """The numbers of the batches in flight."""
        starts = range(HEADER.size, SIZE, SLOT_BYTES)
        return {number for (number,) in (struct.unpack_from("<Q", self._memory, at) for at in starts) if number}

    def close(self) -> None:
        """Give the page back."""
        self._memory.close()

    def _rows(self, at: int, first: int, end: int, listed: int, rows_in: int) -> tuple[int, ...]:
        if 0 < listed <= MAX_LISTED:
            rows = struct.unpack_from(f"<{listed}i", self._memory, at)
            return tuple(row for row in rows if 0 <= row < rows_in)
        return tuple(range(max(0, first), min(end, rows_in)))
