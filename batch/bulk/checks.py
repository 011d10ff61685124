"""Checks: every value of a file against the bucket's schema, column by column, before any of its rows is an object."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch.bulk.names import of_own_ids
from batch.bulk.parts import Column
from batch.bulk.values import BadValue, as_property
from core.blob_input import Files, check_url
from core.bucket_schema import check_value
from core.errors import InvalidRequest

Locate = Callable[[int], str]
"""Names a row of a table by its place in the file, e.g. `line 17`."""

PLAIN_DATE = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])$"
PLAIN_TIME = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{3}(\d{3})?)?(Z|[+-]\d\d:\d\d)?$"
"""What is surely a date or a time; whatever looks different is judged one by one."""

Digests = "np.ndarray[Any, np.dtype[np.uint64]]"


def check_table(
    table: pa.Table, columns: tuple[Column, ...], properties: Mapping[str, Any], files: Files, url: str, locate: Locate
) -> None:
    """Let pass a table whose every value its property can hold.

    Args:
        properties: the bucket schema's, by name.
        files: says which URLs the tenant may name.

    Raises:
        InvalidRequest: one can't; the message names file, row, column and value.
    """
    for column in columns:
        described = properties.get(column.property) or {"type": column.type}
        try:
            values = as_property(_valid_text(table[column.column]), column)
            _check(values, column, described, files)
        except BadValue as bad:
            shown = repr(bad.value)
            raise InvalidRequest(
                f"{url}, {locate(bad.row)}: column {column.column!r} is "
                f"{shown if len(shown) <= 60 else shown[:57] + '…'}, which is not {bad.wanted}.",
                f"Correct the value; it is to fill the property {column.property!r} of type {column.type!r}.",
                column.column,
            ) from bad


def digests(table: pa.Table, id_column: str, bucket_id: str, url: str, locate: Locate) -> Any:
    """The first 64 bits of each row's object id, which its own id gives it.

    Raises:
        InvalidRequest: a row has none.
    """
    values = table[id_column]
    missing = pc.is_null(values) if not pa.types.is_string(values.type) else pc.equal(pc.fill_null(values, ""), "")
    if pc.any(missing).as_py():
        raise InvalidRequest(
            f"{url}, {locate(pc.index(missing, True).as_py())}: the id column {id_column!r} is empty.",
            "Give every row an id, or leave id_column out: then rows are numbered.",
            "id_column",
        )
    ids = of_own_ids(bucket_id, pc.cast(values, pa.string())).to_pylist()
    return np.fromiter((int(i[4:20], 16) for i in ids), np.uint64, len(ids))


def _valid_text(values: Any) -> Any:
    """The column, once its text is UTF-8."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid as error:
        for row, value in enumerate(values):
            try:
                value.as_py()
            except UnicodeDecodeError:
                raise BadValue(row, value.as_buffer().to_pybytes(), "UTF-8 text") from None
        raise BadValue(0, str(error), "a valid column") from error
    return values


def _check(values: Any, column: Column, described: Mapping[str, Any], files: Files) -> None:
    if described.get("required") and described.get("default") is None and values.null_count:
        raise BadValue(pc.index(pc.is_null(values), True).as_py(), None, "there, though the schema requires it")
    if column.role == "blob":
        _each(values, _odd_urls(values), lambda v: check_url(v, files, column.property), "a URL that can be read")
    elif column.type in ("date", "datetime"):
        plain = pc.match_substring_regex(values, PLAIN_DATE if column.type == "date" else PLAIN_TIME)
        wanted = f"an ISO 8601 {column.type}"
        _each(values, pc.invert(plain), lambda v: check_value(v, {"type": column.type}, column.property), wanted)
    if described.get("enum"):
        allowed = described["enum"]
        known = pc.is_in(values, value_set=pa.array([a for a in allowed if a is not None], values.type))
        _each(
            values,
            pc.invert(known),
            lambda v: check_value(v, described, column.property),
            f"one of {', '.join(map(repr, allowed))}",
        )
    if column.type in ("array", "object") and (described.get("items") or described.get("properties")):
        every = pc.is_valid(values)
        _each(values, every, lambda v: check_value(v, described, column.property), "what the schema describes")


def _odd_urls(values: Any) -> Any:
    """URLs that need a look: all but plain http ones of usual length."""
    plain = pc.match_substring_regex(values, r"^https?://[A-Za-z0-9.:-]+/[!-~]*$")
    return pc.invert(pc.and_(plain, pc.less(pc.binary_length(values), 2000)))


def _each(values: Any, doubtful: Any, check: Callable[[Any], Any], wanted: str) -> None:
    """Hold the doubtful values against `check`, one by one."""
    for row in np.flatnonzero(pc.fill_null(doubtful, False).to_numpy(zero_copy_only=False)).tolist():
        value = values[row].as_py()
        try:
            check(value)
        except InvalidRequest as error:
            raise BadValue(row, value, wanted) from error
