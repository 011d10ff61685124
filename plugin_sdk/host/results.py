"""A partition's result: the columns that were sent, row by row where they belong, and those that came back."""

from collections.abc import Collection, Iterable, Iterator

import numpy as np
import pyarrow as pa

from plugin_sdk.host.protocol import ProtocolError
from plugin_sdk.host.replies import Result, Summary
from plugin_sdk.host.tables import Known, positions
from plugin_sdk.manifest import Manifest
from plugin_sdk.outcomes import LINEAGE
from plugin_sdk.positions import Positions, document_names, in_place, total
from plugin_sdk.schema_types import is_json, property_type, vector_type


def assembled(
    table: pa.Table,
    batch: pa.RecordBatch,
    summary: Summary,
    manifest: Manifest | None,
    log: str,
    known: Known,
    earlier: Collection[str] = (),
) -> Result:
    """The result of a run; `known` is what `batch` was taken back with, `earlier` the columns that it may take away.

    Raises:
        ProtocolError: the reply does not fit what was sent, or what the manifest promises.
    """
    placed = positions(batch, table.num_rows, known)
    written = list(zip(batch.schema, batch.columns, strict=True))[2 if placed else 0 :]
    _check(written, manifest, known)
    if not set(summary.gone) <= set(earlier):
        raise ProtocolError("the reply takes away columns that no earlier step wrote")
    result = table if placed is None else _moved(table, *placed)
    if summary.gone:
        result = result.drop_columns(list(set(summary.gone)))
    for field, column in written:
        at = result.schema.get_field_index(field.name)
        result = result.append_column(field, column) if at < 0 else result.set_column(at, field, column)
    return Result(
        result,
        tuple(field.name for field, _ in written),
        summary.row_failures(),
        table.num_rows,
        summary.rows_dropped,
        summary.step_seconds,
        log,
    )


def _moved(table: pa.Table, origin: Positions, ordinal: Positions) -> pa.Table:
    """The rows that came back."""
    rows = table if in_place(origin, table.num_rows) else table.take(pa.array(origin))
    return _renamed(rows, ordinal) if ordinal.any() else rows


def _renamed(table: pa.Table, ordinal: Positions) -> pa.Table:
    """Rows that a step added, with document ids of their own."""
    at = table.schema.get_field_index("document_id")
    if at < 0:
        return table
    names = document_names(table["document_id"].to_numpy(zero_copy_only=False), ordinal)
    return table.set_column(at, table.schema.field(at), pa.array(names, table.schema.field(at).type))


def _check(written: list[tuple[pa.Field, pa.Array]], manifest: Manifest | None, known: Known) -> None:
    if not known.fits:
        _check_fields([field for field, _ in written], manifest)
        known.fits = True
    features = {feature.feature_name for feature in manifest.features} if manifest else ()
    for field, column in written:
        if field.name in features and not _finite(column):
            raise ProtocolError(f"the reply's column '{field.name}' holds numbers that are not finite")


def _check_fields(written: list[pa.Field], manifest: Manifest | None) -> None:
    fields = {field.name: field for field in written}
    if len(fields) < len(written):
        raise ProtocolError("the reply has two columns of one name")
    for name in fields:
        if name in LINEAGE:
            raise ProtocolError(f"the reply has a column '{name}', which says where rows come from")
    for name, expected in _promised(fields, manifest) if manifest else ():
        field = fields[name]
        fits = (field.type == pa.string() and is_json(field)) if expected is None else field.type.equals(expected)
        if not fits:
            raise ProtocolError(f"the reply's column '{name}' has type {field.type}")


def _promised(names: Iterable[str], manifest: Manifest) -> Iterator[tuple[str, pa.DataType | None]]:
    features = {feature.feature_name: feature.embedding_dim for feature in manifest.features}
    properties = manifest.output_schema.get("properties", {})
    for name in names:
        if name in features:
            yield name, vector_type(features[name])
        elif name in properties:
            yield name, property_type(manifest.output_schema, name)


def _finite(column: pa.Array) -> bool:
    """Whether all numbers of a column of vectors are; one look at their sum mostly tells."""
    values = column.flatten() if column.null_count or column.offset else column.values
    numbers = values.to_numpy(zero_copy_only=False)
    return bool(np.isfinite(total(numbers)) or np.isfinite(numbers).all())
