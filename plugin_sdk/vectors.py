"""Vectors as they are stored: ndarrays are joined, lists packed, the rest taken one by one."""

import math
import struct
from collections.abc import Mapping
from contextlib import suppress
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from plugin_sdk.encoded import Bad, Encoded
from plugin_sdk.positions import total
from plugin_sdk.storable import Unstorable, described, is_null, why_not

SHAPE, DTYPE = attrgetter("shape"), attrgetter("dtype")


def encode_vectors(values: "pd.Series[Any]", dim: int) -> Encoded:
    """Vectors of `dim` numbers as FixedSizeList<float32>: ndarrays are joined, lists packed, the rest taken one by one."""
    objects = values.to_numpy(dtype=object)
    matrix = _joined(objects, dim)
    if matrix is None:
        matrix = _packed(objects, dim)
    if matrix is not None and np.isfinite(total(matrix)):
        return Encoded(pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), dim))
    return _one_by_one(objects, dim) if matrix is None else _finite_only(matrix)


def _joined(objects: np.ndarray[Any, Any], dim: int) -> np.ndarray[Any, Any] | None:
    arrays = objects.tolist()
    if set(map(type, arrays)) != {np.ndarray} or set(map(SHAPE, arrays)) != {(dim,)}:
        return None
    kinds = set(map(DTYPE, arrays))
    if any(kind.kind not in "fiu" for kind in kinds):
        return None
    with np.errstate(over="ignore"):
        if len(kinds) == 1:
            with suppress(TypeError):  # one is no unbroken piece of memory
                return np.frombuffer(b"".join(arrays), kinds.pop()).astype(np.float32, copy=False).reshape(-1, dim)
        joined: np.ndarray[Any, Any] = np.concatenate(arrays, dtype=np.float32, casting="unsafe")
    return joined.reshape(-1, dim)


def _packed(objects: np.ndarray[Any, Any], dim: int) -> np.ndarray[Any, Any] | None:
    if len(objects) == 0 or not all(type(v) in (list, tuple) and len(v) == dim for v in objects):
        return None
    pack = struct.Struct(f"{dim}f").pack
    try:
        flat = b"".join([pack(*v) for v in objects])
    except Exception:  # numbers that are none, or too large; told one by one later
        return None
    return np.frombuffer(flat, np.float32).reshape(-1, dim)


def _one_by_one(objects: np.ndarray[Any, Any], dim: int) -> Encoded:
    matrix = np.zeros((len(objects), dim), np.float32)
    missing = np.zeros(len(objects), bool)
    bad: Bad = {}
    for i, value in enumerate(objects):
        if is_null(value):
            missing[i] = True
            continue
        try:
            matrix[i] = _vector(value, dim)
        except Exception as error:
            bad[i] = why_not(error, value)
    return _finite_only(matrix, missing, bad)


def _vector(value: Any, dim: int) -> np.ndarray[Any, Any]:
    """`value` as float32 numbers.

    Raises:
        Unstorable: it is no such vector.
    """
    numbers = value.detach().cpu().numpy() if hasattr(value, "detach") else value
    rule = f"the manifest says {dim} numbers"
    if isinstance(numbers, str | bytes | Mapping) or not hasattr(numbers, "__len__"):
        raise Unstorable(described(value), rule)
    if getattr(numbers, "ndim", 1) != 1:
        raise Unstorable(f"an array of shape {tuple(numbers.shape)}", rule)
    if len(numbers) != dim:
        raise Unstorable(f"{len(numbers)} numbers", f"the manifest says {dim}")
    try:
        with np.errstate(over="ignore"):
            exact = np.asarray(numbers)
            if exact.dtype.kind not in "fiub":
                exact = np.array([_float(number) for number in numbers])
            return exact.astype(np.float32)
    except (TypeError, ValueError):
        raise Unstorable("values that are no numbers", rule) from None


def _float(number: Any) -> float:
    if isinstance(number, str | bytes):
        raise TypeError("text is no number")
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _finite_only(
    matrix: np.ndarray[Any, Any], missing: np.ndarray[Any, Any] | None = None, bad: Bad | None = None
) -> Encoded:
    bad = dict(bad or {})
    missing = np.zeros(len(matrix), bool) if missing is None else missing.copy()
    for i in np.flatnonzero(~np.isfinite(matrix).all(axis=1)):
        at = int(np.flatnonzero(~np.isfinite(matrix[i]))[0])
        bad[int(i)] = f"{_spelled(matrix[i][at])} at position {at}", "a vector holds finite float32 numbers only"
    missing[list(bad)] = True
    dim = matrix.shape[1]
    flat = pa.array(np.ascontiguousarray(matrix).reshape(-1))
    mask = pa.array(missing) if missing.any() else None
    return Encoded(pa.FixedSizeListArray.from_arrays(flat, dim, mask=mask), bad)


def _spelled(number: Any) -> str:
    return "NaN" if math.isnan(number) else "an infinite or too large number"
