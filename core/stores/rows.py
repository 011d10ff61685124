"""Rows: stored rows as JSON values, and which columns of a collection a reader gets."""

from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa

from core.document_schema import EXTRA, HIDDEN, is_json

ID = "document_id"
Documents = list[dict[str, Any]]


def to_documents(table: pa.Table) -> Documents:
    """Rows as JSON values: JSON columns parsed, `_extra` unfolded beside the others, times with their zone."""
    rows: list[dict[str, Any]] = table.to_pylist()
    parsed = [f.name for f in table.schema if is_json(f) and f.name != EXTRA]
    for row in rows:
        for name in parsed:
            row[name] = None if row[name] is None else orjson.loads(row[name])
        extra = row.pop(EXTRA, None)
        if extra:
            for name, value in orjson.loads(extra).items():
                row.setdefault(name, value)
    return rows


def vector_columns(schema: pa.Schema) -> dict[str, str]:
    """Names of the vector columns, each with its metric."""
    return {f.name: (f.metadata or {}).get(b"metric", b"cosine").decode() for f in schema if is_vector(f)}


def is_vector(field: pa.Field) -> bool:
    """Whether the column holds vectors."""
    return bool(pa.types.is_fixed_size_list(field.type))


def columns(schema: pa.Schema, vectors: bool, select: Sequence[str] | None) -> list[str]:
    """The columns that hold what `select` names, or all that may be shown; vectors only if asked for."""
    names = [f.name for f in schema if f.name not in HIDDEN and (vectors or not is_vector(f))]
    if select is None:
        return names
    wanted = {s.removeprefix("metadata.") for s in select} | {ID}
    return [n for n in names if n in wanted or (n == EXTRA and wanted - set(names))]
