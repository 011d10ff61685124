"""Which row of a batch each returned row comes from, and what its document is called."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.arrays import NumpyExtensionArray

Positions = npt.NDArray[np.int64]


class Unidentified(ValueError):
    """The returned rows cannot be told apart; the text says why."""


def identify(given: pd.DataFrame, returned: pd.DataFrame) -> Positions:
    """For each returned row, the position of the row of `given` that it comes from.

    By `document_id`, else by index, else by position when the count is equal, else by `blob_id`.

    Raises:
        Unidentified: none of these tells.
    """
    found = _by_column(given, returned, "document_id")
    if found is None:
        found = _by_index(given, returned)
    if found is None and len(returned) == len(given):
        found = np.arange(len(given))
    if found is None:
        found = _by_column(given, returned, "blob_id")
    if found is None:
        found = _first_rows(given, returned)
    if found is None:
        raise Unidentified(
            f"{len(returned)} rows for {len(given)} without document_id, so that they cannot be told apart"
        )
    return found


def document_names(ids: Iterable[str | None], ordinals: Positions) -> list[str | None]:
    """The id of each row: its source's, with `_1`, `_2`, … for the second row that came from it and those after."""
    return [
        f"{name}_{ordinal}" if ordinal and name is not None else name
        for name, ordinal in zip(ids, ordinals, strict=True)
    ]


def renumbered(origin: Positions, ordinal: Positions, expanded: Positions) -> Positions:
    """Ordinals in which every row of the origins in `expanded` is counted anew, in order."""
    counts = pd.Series(origin).groupby(origin).cumcount().to_numpy()
    return np.where(np.isin(origin, expanded), counts, ordinal)


def _by_column(given: pd.DataFrame, returned: pd.DataFrame, column: str) -> Positions | None:
    if column not in given.columns or column not in returned.columns:
        return None
    before, after = given[column], returned[column]
    if same_memory(before.array, after.array):
        return np.arange(len(given))
    known = pd.Index(before.to_numpy(dtype=object))
    if not known.is_unique or known.hasnans:
        return None
    found = known.get_indexer(pd.Index(after.to_numpy(dtype=object)))
    return None if (found < 0).any() else found.astype(np.int64)


def _by_index(given: pd.DataFrame, returned: pd.DataFrame) -> Positions | None:
    """By labels, unless they are a fresh 0, 1, 2, … that says nothing on which rows are left."""
    index = returned.index
    if _fresh(index) and len(index) != len(given):
        return np.empty(0, np.int64) if len(index) == 0 else None
    if not pd.api.types.is_integer_dtype(index.dtype) or isinstance(index, pd.MultiIndex):
        return None
    labels = index.to_numpy().astype(np.int64)
    return labels if ((labels >= 0) & (labels < len(given))).all() else None


def _first_rows(given: pd.DataFrame, returned: pd.DataFrame) -> Positions | None:
    """The first rows, where a column that came along proves it."""
    for column in ("object_id", "data"):
        if column in given.columns and column in returned.columns and len(returned) < len(given):
            head = given[column].iloc[: len(returned)].to_list()
            return np.arange(len(returned)) if head == returned[column].to_list() else None
    return None


def same_memory(a: Any, b: Any) -> bool:
    """Whether two columns' arrays are views of the same values; False may also mean that it is not known."""
    if a is b:
        return True
    if isinstance(a, NumpyExtensionArray):
        a = a.to_numpy()
    if isinstance(b, NumpyExtensionArray):
        b = b.to_numpy()
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return len(a) == len(b) and a.dtype == b.dtype and _address(a) == _address(b) and a.strides == b.strides
    return a.__class__ is b.__class__ and getattr(a, "_pa_array", 0) is getattr(b, "_pa_array", 1)


def _address(values: npt.NDArray[Any]) -> int:
    address: int = values.__array_interface__["data"][0]
    return address


def _fresh(index: pd.Index) -> bool:
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1
