"""Repeated: columns of one value, made once a worker and cut to the length that a partition has."""

import threading
from collections import OrderedDict
from typing import Any

import pyarrow as pa

KEPT = 16
KEPT_BYTES = 4 << 20
"""Longer ones are made anew each time."""

_made: OrderedDict[tuple[Any, pa.DataType], pa.Array] = OrderedDict()
_guard = threading.Lock()


def repeated(value: Any, count: int, kind: pa.DataType | None = None) -> pa.Array:
    """`count` times the value, text unless `kind` says otherwise; None is null."""
    key = (value, kind or pa.string())
    with _guard:
        array = _made.pop(key, None)
        if array is None or len(array) < count:
            array = pa.repeat(pa.scalar(*key), count)
        if array.nbytes <= KEPT_BYTES:
            _made[key] = array
            while len(_made) > KEPT:
                _made.popitem(last=False)
    return array.slice(0, count)
