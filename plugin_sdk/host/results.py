"""A partition's result: the columns that were sent, row by row where they belong, and those that came back."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plugin_sdk.host.protocol import ProtocolError
from plugin_sdk.host.replies import Result, Summary
from plugin_sdk.host.tables import positions
from plugin_sdk.manifest import Manifest
from plugin_sdk.outcomes import LINEAGE
from plugin_sdk.rows import Positions, document_names, in_place
from plugin_sdk.schema_types import is_json, property_type, vector_type


def assembled(table: pa.Table, batch: pa.RecordBatch, summary: Summary, manifest: Manifest | None, log: str) -> Result:
    """The result of a run.

    Raises:
        ProtocolError: the reply does not fit what was sent, or what the manifest promises.
    """
    origin, ordinal = positions(batch, table.num_rows)
    written = pa.Table.from_batches([batch]).select(range(2, batch.num_columns))
    _check(written, manifest)
    result = table if in_place(origin, table.num_rows) else table.take(pa.array(origin))
    if ordinal.any():
        result = _renamed(result, ordinal)
    for field, column in zip(written.schema, written.columns, strict=True):
        at = result.schema.get_field_index(field.name)
        result = result.append_column(field, column) if at < 0 else result.set_column(at, field, column)
    return Result(
        result,
        tuple(written.column_names),
        summary.row_failures(),
        table.num_rows,
        summary.rows_dropped,
        summary.step_seconds,
        log,
    )


def _renamed(table: pa.Table, ordinal: Positions) -> pa.Table:
    """Rows that a step added, with document ids of their own."""
    at = table.schema.get_field_index("document_id")
    if at < 0:
        return table
    names = document_names(table["document_id"].to_numpy(zero_copy_only=False), ordinal)
    return table.set_column(at, table.schema.field(at), pa.array(names, table.schema.field(at).type))


def _check(written: pa.Table, manifest: Manifest | None) -> None:
    for field in written.schema:
        if field.name in LINEAGE:
            raise ProtocolError(f"the reply has a column '{field.name}', which says where rows come from")
    if manifest is None:
        return
    features = {feature.feature_name: feature.embedding_dim for feature in manifest.features}
    for name, expected in _promised(written, manifest, features):
        field = written.schema.field(name)
        fits = (field.type == pa.string() and is_json(field)) if expected is None else field.type.equals(expected)
        if not fits:
            raise ProtocolError(f"the reply's column '{name}' has type {field.type}")
        if name in features and not _finite(written[name]):
            raise ProtocolError(f"the reply's column '{name}' holds numbers that are not finite")


def _promised(
    written: pa.Table, manifest: Manifest, features: dict[str, int]
) -> Iterator[tuple[str, pa.DataType | None]]:
    properties = manifest.output_schema.get("properties", {})
    for name in written.column_names:
        if name in features:
            yield name, vector_type(features[name])
        elif name in properties:
            yield name, property_type(manifest.output_schema, name)


def _finite(column: pa.ChunkedArray) -> bool:
    flat = pc.list_flatten(column)
    return all(np.isfinite(chunk.to_numpy(zero_copy_only=False)).all() for chunk in flat.chunks)
