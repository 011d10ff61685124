"""Whether a step changed a column."""

from typing import Any

import numpy as np
import pandas as pd

from plugin_sdk.storable import is_null


def same_values(given: "pd.Series[Any]", returned: "pd.Series[Any]") -> bool:
    """Whether two columns of equal length hold equal values of one dtype."""
    if given.dtype != returned.dtype:
        return False
    if given.dtype != object:
        return bool(given.array.equals(returned.array))
    return all(same(a, b) for a, b in zip(given.array, returned.array, strict=True))


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal and of one type; nulls are equal to each other."""
    if a is b or (is_null(a) and is_null(b)):
        return True
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        both = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        return both and np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f")
    try:
        return type(a) is type(b) and bool(a == b)
    except Exception:  # an author's type may compare as it likes; then the column counts as changed
        return False
