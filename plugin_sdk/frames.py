"""A table as a processor sees it."""

import json
from typing import Any

import pandas as pd
import pyarrow as pa

from plugin_sdk.schema_types import is_json


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
