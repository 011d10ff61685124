"""Columns between Arrow and pandas: fast, exact, and with a word on every value that cannot be stored."""

import datetime
import enum
import json
import math
import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from plugin_sdk.schema_types import JSON_METADATA, is_json, vector_type

Bad = dict[int, tuple[str, str]]
"""Row -> what was written there, and the rule against it, e.g. ("3 numbers", "the manifest says 384")."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column as it is stored; the rows in `bad` are null in it."""

    array: pa.Array
    bad: Bad = field(default_factory=dict)
    json: bool = False

    def named(self, name: str) -> pa.Field:
        """The column's field."""
        return pa.field(name, self.array.type, metadata=JSON_METADATA if self.json else None)


def to_frame(table: pa.Table) -> pd.DataFrame:
    """`table` as a processor sees it: Arrow-backed text, vectors as float arrays, lists and JSON as Python values."""
    plain = [name for name in table.column_names if not _nested(table.schema.field(name))]
    frame = table.select(plain).to_pandas(use_threads=False)
    for name in table.column_names:
        if _nested(table.schema.field(name)):
            frame[name] = pd.Series(_values(table[name], table.schema.field(name)), dtype=object)
    if len(plain) < table.num_columns:
        frame = frame[table.column_names]
    frame.columns = pd.Index(table.column_names, dtype=object)  # an index of Arrow texts is slow at every look-up
    return frame


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
    present = [value for value in objects if not _null(value)]
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


def encode_vectors(values: "pd.Series[Any]", dim: int) -> Encoded:
    """Vectors of `dim` numbers as FixedSizeList<float32>: ndarrays are joined, lists packed, the rest taken one by one."""
    objects = values.to_numpy(dtype=object)
    matrix = _joined(objects, dim)
    if matrix is None:
        matrix = _packed(objects, dim)
    if matrix is not None and np.isfinite(_sum(matrix)):
        return Encoded(pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), dim))
    return _one_by_one(objects, dim) if matrix is None else _finite_only(matrix)


def same_values(given: "pd.Series[Any]", returned: "pd.Series[Any]") -> bool:
    """Whether two columns of equal length hold equal values of one dtype."""
    if given.dtype != returned.dtype:
        return False
    if given.dtype != object:
        return bool(given.array.equals(returned.array))
    return all(_same(a, b) for a, b in zip(given.array, returned.array, strict=True))


def _same(a: Any, b: Any) -> bool:
    if a is b or (_null(a) and _null(b)):
        return True
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.array_equal(a, b)
    try:
        return type(a) is type(b) and bool(a == b)
    except Exception:  # an author's type may compare as it likes; then the column counts as changed
        return False


def _nested(kind: pa.Field) -> bool:
    return is_json(kind) or pa.types.is_nested(kind.type)


def _values(column: pa.ChunkedArray, kind: pa.Field) -> list[Any]:
    if is_json(kind):
        return [None if text is None else json.loads(text) for text in column.to_pylist()]
    if pa.types.is_fixed_size_list(kind.type):
        return _unstacked(column.combine_chunks(), kind.type)
    return list(column.to_pylist())


def _unstacked(column: pa.FixedSizeListArray, kind: pa.DataType) -> list[Any]:
    """Rows of a (nested) fixed-size list as ndarrays; a null row is None."""
    shape = []
    values: pa.Array = column
    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks else pa.array([], kind)
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    while pa.types.is_fixed_size_list(values.type):
        size = values.type.list_size
        shape.append(size)
        values = values.values.slice(values.offset * size, len(values) * size)
    exact = pa.types.is_floating(values.type) or not values.null_count  # a null float becomes NaN
    if not exact or not pa.types.is_primitive(values.type):
        return list(column.to_pylist())
    rows = values.to_numpy(zero_copy_only=False).reshape(len(valid), *shape).copy()
    return [row if there else None for row, there in zip(rows, valid, strict=True)]


# Vectors


def _sum(matrix: np.ndarray[Any, Any]) -> float:
    """Not finite if any number is not (and, for huge ones, sometimes without)."""
    with np.errstate(all="ignore"):
        return float(matrix.sum())


def _joined(objects: np.ndarray[Any, Any], dim: int) -> np.ndarray[Any, Any] | None:
    shape = (dim,)
    if len(objects) == 0 or not all(type(v) is np.ndarray and v.shape == shape for v in objects):
        return None
    if any(v.dtype.kind not in "fiu" for v in objects):
        return None
    with np.errstate(over="ignore"):
        joined: np.ndarray[Any, Any] = np.concatenate(objects, dtype=np.float32, casting="unsafe")
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
        if _null(value):
            missing[i] = True
            continue
        try:
            matrix[i] = _vector(value, dim)
        except Exception as error:
            bad[i] = _why(error, value)
    return _finite_only(matrix, missing, bad)


def _vector(value: Any, dim: int) -> np.ndarray[Any, Any]:
    """`value` as float32 numbers.

    Raises:
        Unstorable: it is no such vector.
    """
    numbers = value.detach().cpu().numpy() if hasattr(value, "detach") else value
    rule = f"the manifest says {dim} numbers"
    if isinstance(numbers, str | bytes | Mapping) or not hasattr(numbers, "__len__"):
        raise Unstorable(_described(value), rule)
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


def _why(error: Exception, value: Any) -> tuple[str, str]:
    """What is wrong with a value; an author's type may raise whatever it likes when it is read."""
    if isinstance(error, Unstorable):
        return error.found, error.rule
    return _described(value), f"reading it raises {type(error).__name__}"


def _spelled(number: Any) -> str:
    return "NaN" if math.isnan(number) else "an infinite or too large number"


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


# Scalars and lists


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
    return _checked(objects, pa.string(), _text)


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
        if matrix is not None and np.isfinite(_sum(matrix)):
            return Encoded(pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), dim).cast(kind))
    return _checked(objects, kind, lambda value: _items(value, _TAKEN.get(kind.value_type, _text)))


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
    checked = _checked(_objects(values), pa.string(), _json_text)
    return Encoded(checked.array, checked.bad, json=True)


def _checked(objects: np.ndarray[Any, Any], kind: pa.DataType, take: Callable[[Any], Any]) -> Encoded:
    """Each value through `take`, which raises Unstorable for one that does not fit."""
    taken: list[Any] = [None] * len(objects)
    bad: Bad = {}
    for i, value in enumerate(objects):
        if _null(value):
            continue
        try:
            taken[i] = take(value)
        except Exception as error:
            bad[i] = _why(error, value)
    return Encoded(pa.array(taken, kind), bad)


class Unstorable(ValueError):
    """A value does not fit its column: what it is, and the rule against it."""

    def __init__(self, found: str, rule: str) -> None:
        super().__init__(found, rule)
        self.found, self.rule = found, rule


INFINITE = "an infinite number", "only finite ones can be stored"


def _text(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return _text(value.value)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, uuid.UUID | PurePath | Decimal):
        return str(value)
    if not isinstance(value, str):
        raise Unstorable(_described(value), "the manifest says string")
    return _unicode(str(value))


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unstorable("a text with lone surrogates", "only valid Unicode can be stored") from None
    return text


def _whole(value: Any) -> int:
    if isinstance(value, enum.Enum):
        return _whole(value.value)
    number = _plain(value)
    fits = isinstance(number, int) or (isinstance(number, float) and number.is_integer())
    if isinstance(number, bool) or not fits:
        raise Unstorable(_described(value), "the manifest says integer")
    if not -(2**63) <= int(number) < 2**63:
        raise Unstorable(_described(value), "an integer has at most 64 bits")
    return int(number)


def _real(value: Any) -> float:
    number = _plain(value)
    if isinstance(number, Decimal):
        number = float(number)
    if not isinstance(number, int | float):
        raise Unstorable(_described(value), "the manifest says number")
    try:
        real = float(number)
    except OverflowError:
        real = math.inf
    if math.isinf(real):
        raise Unstorable(*INFINITE)
    return real


def _truth(value: Any) -> bool:
    plain = _plain(value)
    if not isinstance(plain, bool):
        raise Unstorable(_described(value), "the manifest says boolean")
    return plain


def _items(value: Any, take: Callable[[Any], Any]) -> list[Any]:
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
        raise Unstorable(_described(value), "the manifest says array")
    if getattr(value, "ndim", 1) != 1:
        raise Unstorable(f"an array of shape {tuple(value.shape)}", "the manifest says a flat one")
    return [None if _null(item) else take(item) for item in value]


def _json_text(value: Any) -> str:
    try:
        text = json.dumps(value, default=_json_default, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unstorable(_described(value), f"it cannot be written as JSON: {error}") from None
    return _unicode(text)


def _json_default(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy().tolist()
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, int | float):
        return value
    return _text(value)


def _objects(values: "pd.Series[Any]") -> np.ndarray[Any, Any]:
    """The values as Python objects, nulls of whatever kind left as they are."""
    objects: np.ndarray[Any, Any] = values.to_numpy(dtype=object)
    return objects


def _plain(value: Any) -> Any:
    """A numpy or torch scalar as Python's own."""
    if isinstance(value, np.generic) or (hasattr(value, "detach") and getattr(value, "ndim", 1) == 0):
        return value.item()
    return value


def _null(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _described(value: Any) -> str:
    if isinstance(value, int | float | np.number):
        return f"{type(value).__name__} {value}"[:80]
    return f"a value of type {type(value).__name__}"


def _unchunked(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    if not isinstance(array, pa.ChunkedArray):
        return array
    return array.chunk(0) if array.num_chunks == 1 else pa.concat_arrays(array.chunks or [pa.array([], array.type)])


_ACCEPTED = {pa.int64(): "iuf", pa.float64(): "iuf", pa.bool_(): "b"}
_TAKEN: dict[pa.DataType, Callable[[Any], Any]] = {pa.int64(): _whole, pa.float64(): _real, pa.bool_(): _truth}

__all__ = ["Bad", "Encoded", "encode_as", "encode_freely", "encode_vectors", "same_values", "to_frame", "vector_type"]
