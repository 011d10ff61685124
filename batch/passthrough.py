"""Passthrough: fields of the source that a collection wants in its documents under names of its own."""

from typing import Any

import orjson
import pyarrow as pa

from batch.inputs import mapped
from batch.partitions import Extraction
from core.document_schema import JSON, is_json


def with_passed(
    extraction: Extraction, rows: pa.Table, places: Any, result: pa.Table
) -> tuple[pa.Table, dict[int, str]]:
    """The result with the fields that are passed on, and by row the required field that its source lacks.

    What the pipeline itself wrote under a field's name stays.

    Args:
        rows: the planned rows.
        places: for each row of the result, the planned row that it came from.
    """
    lacking: dict[int, str] = {}
    for wanted in extraction.extractor.field_passthrough:
        path, default = str(wanted["source_path"]), wanted.get("default")
        name = str(wanted.get("target_path") or path)
        if name == path and default is None and not wanted.get("required"):
            continue  # it is there as it is
        source = _values(rows, path)
        values = [source[place] for place in places]
        if wanted.get("required") and default is None:
            for row in (i for i, value in enumerate(values) if value is None):
                lacking.setdefault(row, path)
        if name not in result.column_names or name in rows.column_names:
            result = _with_column(result, name, [default if value is None else value for value in values])
    return result, lacking


def _values(rows: pa.Table, path: str) -> list[Any]:
    root = path.removeprefix("metadata.")
    values: list[Any] = mapped(rows, path).to_pylist()
    if root in rows.column_names and is_json(rows.schema.field(root)):
        return [None if value is None else orjson.loads(value) for value in values]
    return values


def _with_column(result: pa.Table, name: str, values: list[Any]) -> pa.Table:
    """The values as JSON, which a column of any type takes as far as they fit it."""
    texts = pa.array([None if v is None else orjson.dumps(v).decode() for v in values], pa.string())
    field = pa.field(name, pa.string(), metadata=JSON)
    if name in result.column_names:
        return result.set_column(result.column_names.index(name), field, texts)
    return result.append_column(field, texts)
