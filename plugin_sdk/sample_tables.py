"""Rows of sample data between Python and Arrow, in the columns that a batch carries."""

import json
import math
from typing import Any

import pyarrow as pa

from plugin_sdk.sample_records import Record

JSON = {b"openpeek": b"json"}
"""Field metadata of a column of JSON texts."""


def to_table(rows: list[Record]) -> pa.Table:
    """The rows as a batch carries them: native columns where the values have one type, JSON texts else."""
    fields, arrays = [], []
    for name in dict.fromkeys(name for row in rows for name in row):
        array, metadata = _column([row.get(name) for row in rows])
        fields.append(pa.field(name, array.type, metadata=metadata))
        arrays.append(array)
    return pa.table(arrays, schema=pa.schema(fields))


def _column(values: list[Any]) -> tuple[pa.Array, dict[bytes, bytes] | None]:
    if all(value is None for value in values):
        return pa.nulls(len(values), pa.string()), None
    if not any(isinstance(value, dict) for value in values):
        try:
            return pa.array(values), None
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            pass
    texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
    return pa.array(texts, pa.string()), JSON


def to_records(table: pa.Table) -> list[Record]:
    """The rows as JSON has them: JSON columns read, numbers that JSON has no word for as null."""
    columns = {
        f.name: [None if v is None else json.loads(v) for v in table[f.name].to_pylist()]
        if (f.metadata or {}).get(b"openpeek") == b"json"
        else [_finite(v) for v in table[f.name].to_pylist()]
        for f in table.schema
    }
    return [{name: values[i] for name, values in columns.items()} for i in range(table.num_rows)]


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
