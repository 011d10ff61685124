"""Which row of a batch each returned row comes from."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from plugin_sdk.positions import Positions, in_place

Columns = dict[str, Any]
"""Arrays, of pandas or numpy, by name."""


class Unidentified(ValueError):
    """The returned rows cannot be told apart; the text says why."""


def identify(given: Columns, returned: Columns, count: int, index: pd.Index) -> Positions | None:
    """For each returned row, the position of the row of the batch that it comes from; None when all are in place.

    By `document_id`, else by index, else by position when the count is equal, else by `blob_id`.

    Args:
        given: the columns of the batch, which has `count` rows, numbered from 0.
        returned: the columns that came back, with `index`.

    Raises:
        Unidentified: none of these tells.
    """
    same_count = len(index) == count
    if same_count and "document_id" in returned and same_memory(given.get("document_id"), returned["document_id"]):
        return None
    found = _by_column(given, returned, "document_id")
    if found is None:
        found = _by_index(index, count)
    if found is None and same_count:
        return None
    if found is None:
        found = _by_column(given, returned, "blob_id")
    if found is None:
        found = _first_rows(given, returned, len(index))
    if found is None:
        raise Unidentified(f"{len(index)} rows for {count} without document_id, so that they cannot be told apart")
    return None if in_place(found, count) else found


def renumbered(origin: Positions, ordinal: Positions, expanded: Positions) -> Positions:
    """Ordinals in which every row of the origins in `expanded` is counted anew, in order."""
    counts = pd.Series(origin).groupby(origin).cumcount().to_numpy()
    return np.where(np.isin(origin, expanded), counts, ordinal)


def _by_column(given: Columns, returned: Columns, column: str) -> Positions | None:
    if column not in given or column not in returned:
        return None
    known = pd.Index(np.asarray(given[column], dtype=object))
    if not known.is_unique or known.hasnans:
        return None
    found = known.get_indexer(pd.Index(np.asarray(returned[column], dtype=object)))
    return None if (found < 0).any() else found.astype(np.int64)


def _by_index(index: pd.Index, count: int) -> Positions | None:
    """By labels, unless they are a fresh 0, 1, 2, … that says nothing on which rows are left."""
    if _fresh(index) and len(index) != count:
        return np.empty(0, np.int64) if len(index) == 0 else None
    if isinstance(index, pd.MultiIndex) or not pd.api.types.is_integer_dtype(index.dtype):
        return None
    labels = index.to_numpy().astype(np.int64)
    return labels if ((labels >= 0) & (labels < count)).all() else None


def _first_rows(given: Columns, returned: Columns, left: int) -> Positions | None:
    """The first rows, where a column that came along proves it."""
    for column in ("object_id", "data"):
        if column in given and column in returned and left < len(given[column]):
            return np.arange(left) if list(given[column][:left]) == list(returned[column]) else None
    return None


def same_memory(a: Any, b: Any) -> bool:
    """Whether two columns' arrays are views of the same values; False may also mean that it is not known."""
    if a is b:
        return True
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return len(a) == len(b) and a.dtype == b.dtype and _address(a) == _address(b) and a.strides == b.strides
    return a.__class__ is b.__class__ and getattr(a, "_pa_array", 0) is getattr(b, "_pa_array", 1)


def _address(values: npt.NDArray[Any]) -> int:
    address: int = values.__array_interface__["data"][0]
    return address


def _fresh(index: pd.Index) -> bool:
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1
