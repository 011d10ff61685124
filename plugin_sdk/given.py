"""Given: a batch as a processor gets it, and what its columns held before."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from plugin_sdk.rows import Columns

Held = tuple[Any, Any, Any]
"""Of a block: its values, the Arrow memory behind them if there is any, and the columns that it fills."""

Matrices = dict[int, tuple[Any, list[Any]]]
"""By the address of a block's values: these, so that the address stays theirs, and a view of each column."""


class Given:
    """A frame for a processor to change as it likes, which still tells what was in it.

    While the frame that it was cut from lives, pandas copies what the processor writes to; so the arrays that were in it
    are as they were, and columns whose array is another one by now are those that it may have changed.
    """

    __slots__ = ("_cut_from", "_held", "_index", "_matrices", "_names", "frame")

    def __init__(self, frame: pd.DataFrame, cut_from: pd.DataFrame) -> None:
        self.frame, self._cut_from = frame, cut_from
        self._names, self._index = frame.columns, frame.index
        self._held = [_held(block) for block in frame._mgr.blocks]
        self._matrices: Matrices = {}

    def is_untouched(self, returned: pd.DataFrame) -> bool:
        """Whether it came back as it was; False may also mean that it is not known."""
        if returned is not self.frame or returned.columns is not self._names or returned.index is not self._index:
            return False
        blocks = returned._mgr.blocks
        return len(blocks) == len(self._held) and all(map(_is_same, map(_held, blocks), self._held))

    def columns(self) -> Columns:
        """The arrays that it had."""
        return _arrays(self._names, map(_as_it_was, self._held), self._matrices)

    def columns_of(self, returned: pd.DataFrame) -> Columns:
        """The arrays of what came back; one that it had is the very same object."""
        return _arrays(returned.columns, map(_held, returned._mgr.blocks), self._matrices)


def columns_of(frame: pd.DataFrame) -> Columns:
    """Each column's array by its name, without the cost of a Series around it."""
    return _arrays(frame.columns, map(_held, frame._mgr.blocks), {})


def _held(block: Any) -> Held:
    values = block.values
    return values, getattr(values, "_pa_array", None), block.mgr_locs


def _is_same(now: Held, before: Held) -> bool:
    return now[0] is before[0] and now[1] is before[1] and now[2] is before[2]


def _as_it_was(held: Held) -> Held:
    """The values that were there, also where somebody wrote into the array itself: `batch["text"].array[0] = "x"`."""
    values, memory, places = held
    if memory is None or values._pa_array is memory:
        return held
    return values._from_pyarrow_array(memory), memory, places


def _arrays(names: pd.Index, blocks: Iterable[Held], matrices: Matrices) -> Columns:
    """Arrays by name; the columns of a block that holds several are taken out of it once."""
    arrays: list[Any] = [None] * len(names)
    for values, _, places in blocks:
        if values.ndim == 1:
            found = [values]
        else:
            _, found = matrices.setdefault(id(values), (values, list(values)))
        for place, array in zip(places, found, strict=True):
            arrays[place] = array
    return dict(zip(names.tolist(), arrays, strict=True))
