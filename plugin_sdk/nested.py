"""Whether steps changed nested values in place, which no column gives away."""

import copy
import marshal
from collections.abc import Sequence
from typing import Any

import numpy as np

from plugin_sdk.comparing import same
from plugin_sdk.positions import Positions
from plugin_sdk.storable import is_null

PLAIN = 2
"""The version of marshal's format that spells equal plain values equally."""


class Snapshot:
    """A column's nested values as they were before the first step."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._matrix = _matrix(values)
        self._before = None if self._matrix is None else self._matrix.copy()
        self._values = list(values) if self._matrix is not None else [_frozen(value) for value in values]

    def differs(self, now: Sequence[Any], origin: Positions) -> bool:
        """Whether any value is another than the one at its origin was.

        Args:
            now: the column after the steps.
            origin: where each of its rows stood before them.
        """
        before = map(self._values.__getitem__, origin.tolist())
        if self._matrix is None:
            return not all(_as_frozen(old, value) for old, value in zip(before, now, strict=True))
        if not np.array_equal(_bits(self._matrix), _bits(self._before)):
            return True
        return not all(old is value or same(old, value) for old, value in zip(before, now, strict=True))


def _matrix(values: Sequence[Any]) -> Any:
    """The one array whose rows all values are, as a table's vectors come; None where there is none."""
    base = next((getattr(value, "base", None) for value in values if value is not None), None)
    if type(base) is not np.ndarray or base.dtype.kind not in "fiu" or not base.flags.c_contiguous:
        return None
    return base if all(value is None or getattr(value, "base", None) is base for value in values) else None


def _bits(matrix: Any) -> Any:
    """Its numbers as they lie in memory, where NaN equals itself."""
    return matrix.view(f"u{matrix.dtype.itemsize}")


def _frozen(value: Any) -> Any:
    """A copy of its own: as bytes where the value is plain, which is the quickest."""
    if isinstance(value, np.ndarray):
        return value.copy() if value.dtype != object else copy.deepcopy(value)
    try:
        return marshal.dumps(value, PLAIN)
    except ValueError:
        return copy.deepcopy(value)


def _as_frozen(old: Any, now: Any) -> bool:
    if not isinstance(old, bytes):
        return same(old, now)
    try:
        if not isinstance(now, np.ndarray) and marshal.dumps(now, PLAIN) == old:
            return True
    except ValueError:
        return False
    return is_null(now) and is_null(marshal.loads(old))  # our own bytes, of plain values alone
