"""Fitting: how many rows of a step go into memory at once, as its batches have shown."""

import contextlib
import gc
import sys
import threading

GROW_AFTER = 64
"""So many batches in a row must pass before twice as many rows are tried again: what fits may have been the rows' fault."""


class Fitting:
    """The size that a step's batches are cut to; learned when memory runs out, forgotten slowly. Any thread may ask."""

    def __init__(self, batch_size: int) -> None:
        self._most, self._rows = batch_size, batch_size
        self._passed = 0
        self._lock = threading.Lock()

    @property
    def rows(self) -> int:
        """Rows that are tried at once."""
        return self._rows

    def passed(self) -> None:
        """A batch of that size fitted."""
        with self._lock:
            self._passed += 1
            if self._rows < self._most and self._passed >= GROW_AFTER:
                self._rows, self._passed = min(2 * self._rows, self._most), 0

    def learn(self, rows: int) -> None:
        """Memory ran out, and of the parts that were tried then, this was the largest that fitted."""
        with self._lock:
            self._rows, self._passed = max(1, min(rows, self._rows)), 0


def release_memory() -> None:
    """Give back what nothing refers to any more, on the GPU too, where the plugin uses torch there."""
    gc.collect()
    torch = sys.modules.get("torch")
    with contextlib.suppress(Exception):  # the module may be a plugin's own, and a GPU's error may stay with it
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()
