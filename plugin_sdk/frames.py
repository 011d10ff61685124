"""A table as a processor sees it."""

import json
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from plugin_sdk.schema_types import is_json

TEXT = pd.StringDtype("pyarrow", na_value=np.nan)
"""The dtype that pandas itself gives to a column of texts."""

Texts = TEXT.construct_array_type()


def to_frame(table: pa.Table) -> pd.DataFrame:
    """`table` as a processor sees it: Arrow-backed text, vectors as float arrays, lists and JSON as Python values."""
    arrays = [_array(table, at) for at in range(table.num_columns)]
    names = _named(tuple(table.column_names)).view()  # what a processor does to it, another batch must not see
    return pd.DataFrame._from_arrays(arrays, columns=names, index=pd.RangeIndex(table.num_rows), verify_integrity=False)


@lru_cache(64)
def _named(columns: tuple[str, ...]) -> pd.Index:
    """These names; not as Arrow texts, in which every look-up is slow."""
    return pd.Index(columns, dtype=object)


def _array(table: pa.Table, at: int) -> Any:
    """Column `at` as pandas holds it."""
    column, field = table.column(at), table.schema.field(at)
    if is_json(field) or pa.types.is_nested(field.type):
        return _objects(_values(column, field))
    if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
        return Texts(column.cast(pa.large_string()), dtype=TEXT)
    if (pa.types.is_integer(field.type) or pa.types.is_floating(field.type)) and not column.null_count:
        return column.to_numpy().copy()  # the table's own memory can only be read
    return table.select([at]).to_pandas(use_threads=False).iloc[:, 0].array


def _objects(values: list[Any]) -> np.ndarray[Any, Any]:
    objects: np.ndarray[Any, Any] = np.empty(len(values), object)
    objects[:] = values
    return objects


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
