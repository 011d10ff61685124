"""A step's columns as they are stored: fast, exact, and with a word on every value that cannot be."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from plugin_sdk.encoded import Bad, Encoded
from plugin_sdk.positions import total
from plugin_sdk.storable import INFINITE, as_items, as_json, as_real, as_text, as_truth, as_whole, is_null, why_not


def encode_as(values: "pd.Series[Any]", kind: pa.DataType | None) -> Encoded:
    """`values` in the type that the manifest gives them; None stands for JSON."""
    if kind is None:
        return _json(values)
    if pa.types.is_string(kind):
        return _strings(values)
    if pa.types.is_list(kind):
        return _lists(values, kind)
    return _scalars(values, kind)


def encode_freely(values: "pd.Series[Any]") -> Encoded:
    """`values` in the type that they have themselves, JSON where they have none in common."""
    kind = values.dtype
    if isinstance(kind, np.dtype) and kind.kind in "biuf":
        return _numpy(values.to_numpy())
    if isinstance(kind, pd.StringDtype):
        return _strings(values)
    objects = _objects(values)
    present = [value for value in objects if not is_null(value)]
    types = set(map(type, present))
    if types <= {str}:
        return _strings(values)
    if types == {bytes}:
        return Encoded(pa.array(objects, pa.binary(), from_pandas=True))
    if types == {bool} or types == {int}:
        return _scalars(values, pa.bool_() if types == {bool} else pa.int64())
    if types == {np.ndarray} and len(present) == len(objects):
        stacked = _stacked(present)
        return _json(values) if stacked is None else stacked
    return _json(values)


def _stacked(arrays: Sequence[np.ndarray[Any, Any]]) -> Encoded | None:
    """Number arrays of one shape as nested fixed-size lists; None for others."""
    first = arrays[0]
    alike = all(a.shape == first.shape and a.dtype == first.dtype for a in arrays)
    if not alike or first.dtype.kind not in "iuf" or not 1 <= first.ndim <= 3 or first.size == 0:
        return None
    values = pa.array(np.concatenate([a.reshape(-1) for a in arrays]))
    for size in reversed(first.shape):
        values = pa.FixedSizeListArray.from_arrays(values, size)
    return Encoded(values)


def _numpy(values: np.ndarray[Any, Any]) -> Encoded:
    if values.dtype.kind == "u" and values.dtype.itemsize == 8:
        return Encoded(pa.array(values))
    kinds = {"b": pa.bool_(), "i": pa.int64(), "u": pa.int64(), "f": pa.float64()}
    return _finite(pa.array(values, from_pandas=True).cast(kinds[values.dtype.kind]))


def _finite(array: pa.Array) -> Encoded:
    if not pa.types.is_floating(array.type):
        return Encoded(array)
    wrong = pc.fill_null(pc.is_inf(array), False)
    rows = np.flatnonzero(wrong.to_numpy(zero_copy_only=False))
    if not len(rows):
        return Encoded(array)
    return Encoded(pc.if_else(wrong, None, array), {int(i): INFINITE for i in rows})


def _strings(values: "pd.Series[Any]") -> Encoded:
    if isinstance(values.dtype, pd.StringDtype):
        array = pa.array(values.array, from_pandas=True)
        return Encoded(_unchunked(array).cast(pa.string()))
    objects = _objects(values)
    if set(map(type, objects)) <= {str, type(None)}:
        try:
            return Encoded(pa.array(objects, pa.string()))
        except UnicodeEncodeError:
            pass
    return _checked(objects, pa.string(), as_text)


def _scalars(values: "pd.Series[Any]", kind: pa.DataType) -> Encoded:
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in _ACCEPTED[kind]:
        array = pa.array(values.to_numpy(), from_pandas=True)
        try:
            return _finite(array.cast(kind))
        except pa.ArrowInvalid:  # a fraction in an integer column, or an integer that is too large
            pass
    return _checked(_objects(values), kind, _TAKEN[kind])


def _lists(values: "pd.Series[Any]", kind: pa.DataType) -> Encoded:
    objects = values.to_numpy(dtype=object)
    if pa.types.is_floating(kind.value_type) and len(objects) and isinstance(objects[0], list | tuple | np.ndarray):
        dim = len(objects[0]) if np.ndim(objects[0]) else 0
        matrix = _doubles(objects, dim) if dim else None
        if matrix is not None and np.isfinite(total(matrix)):
            return Encoded(pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), dim).cast(kind))
    return _checked(objects, kind, lambda value: as_items(value, _TAKEN.get(kind.value_type, as_text)))


def _doubles(objects: np.ndarray[Any, Any], dim: int) -> np.ndarray[Any, Any] | None:
    """Lists, tuples or ndarrays of `dim` numbers each as float64; None if one is something else."""
    if all(type(v) is np.ndarray and v.shape == (dim,) and v.dtype.kind in "fiu" for v in objects):
        joined: np.ndarray[Any, Any] = np.concatenate(objects, dtype=np.float64, casting="unsafe")
        return joined.reshape(-1, dim)
    if not all(type(v) in (list, tuple) and len(v) == dim for v in objects):
        return None
    pack = struct.Struct(f"{dim}d").pack
    try:
        flat = b"".join([pack(*v) for v in objects])
    except Exception:  # numbers that are none, or too large; told one by one later
        return None
    return np.frombuffer(flat, np.float64).reshape(-1, dim)


def _json(values: "pd.Series[Any]") -> Encoded:
    checked = _checked(_objects(values), pa.string(), as_json)
    return Encoded(checked.array, checked.bad, json=True)


def _checked(objects: np.ndarray[Any, Any], kind: pa.DataType, take: Callable[[Any], Any]) -> Encoded:
    """Each value through `take`, which raises Unstorable for one that does not fit."""
    taken: list[Any] = [None] * len(objects)
    bad: Bad = {}
    for i, value in enumerate(objects):
        if is_null(value):
            continue
        try:
            taken[i] = take(value)
        except Exception as error:
            bad[i] = why_not(error, value)
    return Encoded(pa.array(taken, kind), bad)


def _objects(values: "pd.Series[Any]") -> np.ndarray[Any, Any]:
    """The values as Python objects, nulls of whatever kind left as they are."""
    objects: np.ndarray[Any, Any] = values.to_numpy(dtype=object)
    return objects


def _unchunked(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    if not isinstance(array, pa.ChunkedArray):
        return array
    return array.chunk(0) if array.num_chunks == 1 else pa.concat_arrays(array.chunks or [pa.array([], array.type)])


_ACCEPTED = {pa.int64(): "iuf", pa.float64(): "iuf", pa.bool_(): "b"}
_TAKEN: dict[pa.DataType, Callable[[Any], Any]] = {pa.int64(): as_whole, pa.float64(): as_real, pa.bool_(): as_truth}
