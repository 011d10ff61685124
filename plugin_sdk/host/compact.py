"""Compact: a table on its way to a host: equal columns travel once, a column of one value as that value alone."""

import json
from typing import Any

import pyarrow as pa

COLUMNS = b"openpeek.columns"
"""Schema metadata that names the columns, each with the place of the one that holds its values."""

SMALL_BYTES = 256 << 10
"""Below this size it costs more than it saves."""


def compacted(table: pa.Table) -> pa.Table:
    """The table as `restored` takes it; the same one where nothing is to be gained."""
    if table.num_rows < 2 or table.get_total_buffer_size() < SMALL_BYTES:
        return table
    columns: list[tuple[str, int]] = []
    places: dict[Any, int] = {}
    arrays: list[Any] = []
    fields: list[pa.Field] = []
    for field, column in zip(table.schema, table.columns, strict=True):
        place = places.setdefault(_identity(field, column), len(arrays))
        columns.append((field.name, place))
        if place == len(arrays):
            array = _run(column) if _is_constant(column) else column
            arrays.append(array)
            fields.append(field.with_type(array.type))
    return pa.table(arrays, schema=pa.schema(fields, {COLUMNS: json.dumps(columns).encode()}))


def restored(table: pa.Table) -> pa.Table:
    """The table as it was, but that texts of one value are large ones."""
    told = (table.schema.metadata or {}).get(COLUMNS)
    if told is None:
        return table
    columns = [_repeated(column) for column in table.columns]
    fields = [field.with_type(column.type) for field, column in zip(table.schema, columns, strict=True)]
    wanted = json.loads(told)
    return pa.table(
        [columns[place] for _, place in wanted], schema=pa.schema([fields[p].with_name(name) for name, p in wanted])
    )


def _identity(field: pa.Field, column: pa.ChunkedArray) -> Any:
    """Equal for columns whose values lie in the same memory and mean the same."""
    metadata = tuple(sorted((field.metadata or {}).items()))
    return field.type, field.nullable, metadata, tuple(_memory(chunk) for chunk in column.chunks)


def _memory(array: pa.Array) -> tuple[Any, ...]:
    buffers = (None if buffer is None else (buffer.address, buffer.size) for buffer in array.buffers())
    return array.offset, len(array), *buffers


def _is_constant(column: pa.ChunkedArray) -> bool:
    if column.num_chunks != 1 or pa.types.is_nested(column.type):
        return False
    array = column.chunk(0)
    if array.null_count:
        return bool(array.null_count == len(array))
    return bool(array.slice(1).equals(array.slice(0, len(array) - 1)))


def _run(column: pa.ChunkedArray) -> pa.Array:
    """The column's one value, and how often it comes."""
    ends = pa.array([len(column)], pa.int32())
    return pa.RunEndEncodedArray.from_arrays(ends, column.chunk(0).slice(0, 1))


def _repeated(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_run_end_encoded(column.type):
        return column
    value = column.chunk(0).values[0]
    if pa.types.is_string(value.type):
        value = value.cast(pa.large_string())
    return pa.chunked_array([pa.repeat(value, len(column))])
