"""Values: a file's columns as what a bucket's properties hold, or the first value that does not fit."""

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from batch.bulk.parts import Column
from core.document_schema import is_json

WHOLE = re.compile(r"-?\d{1,19}\Z")
Kinds = Callable[[pa.DataType], bool]


class BadValue(Exception):
    """A value that its property can't hold: `row` counts from the first of those that were given."""

    def __init__(self, row: int, value: Any, wanted: str) -> None:
        super().__init__(row, value, wanted)
        self.row, self.value, self.wanted = row, value, wanted


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_day(kind: pa.DataType) -> bool:
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_object(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind) or pa.types.is_map(kind))


FITS: dict[str, Kinds] = {
    "integer": _is_number,
    "number": _is_number,
    "float": _is_number,
    "boolean": pa.types.is_boolean,
    "date": lambda kind: is_text(kind) or _is_day(kind),
    "datetime": lambda kind: is_text(kind) or _is_day(kind),
    "array": _is_list,
    "object": _is_object,
}
"""By a property's type, the types of columns that can fill it; of all other properties only text can."""


def fits(kind: str, field: pa.Field) -> bool:
    """Whether the column can fill a property of this type; whether each value does is another question."""
    if is_json(field):
        return kind in ("object", "array")
    return pa.types.is_null(field.type) or FITS.get(kind, is_text)(field.type)


def natural_type(field: pa.Field) -> str | None:
    """The property type that a column has by itself, where no bucket schema says; None where there is none for it."""
    if is_json(field):
        return "object"
    if is_text(field.type):
        return "string"
    found = (k for k in ("boolean", "object", "array") if FITS[k](field.type))
    if pa.types.is_integer(field.type):
        return "integer"
    return next(found, "number" if _is_number(field.type) else "datetime" if _is_day(field.type) else None)


def as_property(values: Any, column: Column) -> Any:
    """The column as one array of the property's own type.

    Raises:
        BadValue: one of its values is not of that type.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    match column.type:
        case "integer":
            return _whole(values)
        case "number" | "float":
            return _without_nan(pc.cast(values, pa.float64(), safe=False))
        case "boolean":
            return pc.cast(values, pa.bool_())
        case "date" | "datetime" if _is_day(values.type):
            return _iso(values, column.type)
        case "object" | "array":
            return values
    return pc.cast(values, pa.string())


def _whole(values: Any) -> Any:
    if values.type == pa.int64():
        return values
    if pa.types.is_floating(values.type):
        values = _without_nan(values)
    try:
        return pc.cast(values, pa.int64())
    except pa.ArrowInvalid:
        for row, value in enumerate(values.to_pylist()):
            if value is not None and not (value == int(value) and -(2**63) <= value < 2**63):
                raise BadValue(row, value, "a whole number of 64 bits") from None
        raise


def _without_nan(values: Any) -> Any:
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


def _iso(values: Any, kind: str) -> Any:
    """Dates and times as ISO 8601 text."""
    if kind == "date":
        days = pc.cast(values, pa.date32(), safe=False)
        if pa.types.is_timestamp(values.type):
            off = pc.fill_null(pc.not_equal(pc.cast(days, values.type), values), False)
            if pc.any(off).as_py():
                row = pc.index(off, True).as_py()
                raise BadValue(row, values[row].as_py(), "a date without a time")
        return pc.cast(days, pa.string())
    if pa.types.is_date(values.type):
        values = pc.cast(values, pa.timestamp("s"))
    return pc.replace_substring(pc.cast(values, pa.string()), " ", "T", max_replacements=1)
