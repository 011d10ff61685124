"""Reading: a part of an import as rows of a batch, column by column: no row is ever a Python object."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from batch.bulk import names
from batch.bulk.cursors import Cursors
from batch.bulk.parts import BulkPart, Column, Piece
from batch.bulk.values import as_property
from batch.partitions import Extraction
from batch.repeated import repeated
from batch.rows import ROW_COLUMNS, TEXTS
from core.document_schema import JSON, RESERVED, SOURCE_VERSION, is_plain
from core.hashing import hashes, paired


def read_part(extraction: Extraction, part: BulkPart, schema: pa.Schema, cursors: Cursors) -> pa.Table:
    """The part's rows as the plan would have made them of objects: one a text or URL that is there.

    Args:
        schema: the collection's columns, which give the properties their types.

    Raises:
        SourceChanged: a file is another than was imported.
        StoreUnavailable: S3 does not answer.
    """
    table = cursors.read_all(part.pieces, part.source.read)
    if part.kept is not None:
        table = table.take(pa.array(_places(part)))
    objects = object_ids(extraction, part, table)
    properties = {c.property: as_property(table[c.column], c) for c in part.source.columns}
    versions = _versions(part, table, properties)
    blocks = [
        _block(extraction, part, position, properties, objects, versions, schema)
        for position in range(len(part.source.blobs))
    ]
    return pa.concat_tables(blocks)


def object_ids(extraction: Extraction, part: BulkPart, table: pa.Table | None) -> pa.Array:
    """The object ids of the part's rows; without the rows at hand, those by number."""
    source = part.source
    if source.id_column is None or table is None:
        return names.numbered(f"{source.base}_", part.numbers)
    return names.of_own_ids(extraction.bucket_id, pc.cast(table[source.id_column], pa.string()))


def part_ids(extraction: Extraction, part: BulkPart) -> list[tuple[str, str]]:
    """Document and object ids of a part that nobody could read; made of row numbers, whatever ids the rows have."""
    objects = object_ids(extraction, part, None)
    first = part.source.blobs[0].property
    documents = names.document_ids(
        extraction.collection_id, part.source.import_id, first, objects, part.numbers, own=False
    )
    return list(zip(documents.to_pylist(), objects.to_pylist(), strict=True))


def _places(part: BulkPart) -> Any:
    """Where the kept rows stand in the concatenation of the pieces."""
    import numpy as np

    whole = BulkPart(part.source, part.pieces).numbers
    return np.searchsorted(whole, part.numbers)


def _versions(part: BulkPart, table: pa.Table, properties: dict[str, Any]) -> Any:
    """Each row's version (`batch/done.py`): its content's where it has an id of its own, else its file's.

    With several blobs their number stands at the end.
    """
    if part.source.id_column is not None:
        content = hashes([""] * table.num_rows)
        for name in sorted(properties):
            content = paired(content, hashes(_texts_of(properties[name])))
        versions = pa.array([f"{number:016x}" for number in content.tolist()], pa.string())
    else:
        etags = _each_piece_s(part, lambda piece: piece.etag.strip('"'))
        versions = etags if part.kept is None else etags.take(pa.array(_places(part)))
    blobs = part.source.blobs
    if len(blobs) == 1:
        return versions
    there = [pc.cast(pc.is_valid(properties[c.property]), pa.int64()) for c in blobs]
    count = functools.reduce(pc.add, there)
    several = pc.binary_join_element_wise(versions, pc.cast(count, pa.string()), ".")
    return pc.if_else(pc.greater(count, 1), several, versions)


def _each_piece_s(part: BulkPart, value: Callable[[Piece], str]) -> pa.Array:
    """By row, what its piece has; all pieces of one file have the same."""
    found = {value(piece) for piece in part.pieces}
    if len(found) == 1:
        return repeated(found.pop(), sum(piece.rows for piece in part.pieces))
    return pa.concat_arrays([repeated(value(piece), piece.rows) for piece in part.pieces])


def _texts_of(values: Any) -> Any:
    """A column's values as texts that differ where the values do."""
    if pa.types.is_string(values.type):
        return values
    return pa.array([None if v is None else repr(v) for v in values.to_pylist()], pa.string())


def _block(
    extraction: Extraction,
    part: BulkPart,
    position: int,
    properties: dict[str, Any],
    objects: pa.Array,
    versions: Any,
    schema: pa.Schema,
) -> pa.Table:
    """The rows of one of the blob columns."""
    blob, source, count = part.source.blobs[position], part.source, len(objects)
    value = properties[blob.property]
    is_text = blob.role == "text"
    documents = names.document_ids(
        extraction.collection_id,
        source.import_id,
        blob.property,
        objects,
        part.numbers,
        own=source.id_column is not None,
    )
    system = {
        "data": value,
        "document_id": documents,
        "object_id": objects,
        "blob_id": names.blob_ids(objects, position),
        "blob_property": repeated(blob.property, count),
        "blob_type": repeated(blob.type, count),
        "blob_url": repeated(None, count) if is_text else value,
        "collection_id": repeated(extraction.collection_id, count),
        "feature_extractor_id": repeated(extraction.extractor_id, count),
        "mime_type": repeated("text/plain", count) if is_text else repeated(_mime_type(blob), count),
        "size_bytes": pc.cast(pc.binary_length(value), pa.int64()) if is_text else repeated(None, count, pa.int64()),
        TEXTS: _text_files(source.blobs, properties, count),
        SOURCE_VERSION: versions,
    }
    fields, arrays = list(ROW_COLUMNS), [system[f.name] for f in ROW_COLUMNS]
    for column in source.columns:
        if column.property not in RESERVED:
            array, field = _typed(column, properties[column.property], schema)
            fields.append(field)
            arrays.append(array)
    table = pa.table(arrays, schema=pa.schema(fields))
    return table.filter(pc.is_valid(value)) if value.null_count else table


def _typed(column: Column, values: Any, schema: pa.Schema) -> tuple[Any, pa.Field]:
    """A property's column as the collection declares it: as it is, or as JSON text."""
    index = schema.get_field_index(column.property)
    declared = schema.field(index) if index >= 0 else None
    if declared is not None and is_plain(declared) and values.type == declared.type:
        return values, pa.field(column.property, declared.type)
    if declared is None and pa.types.is_string(values.type):
        return values, pa.field(column.property, pa.string())
    texts = [None if v is None else orjson.dumps(v).decode() for v in values.to_pylist()]
    return pa.array(texts, pa.string()), pa.field(column.property, pa.string(), metadata=JSON)


def _text_files(blobs: Sequence[Column], properties: dict[str, Any], count: int) -> Any:
    """By row, which properties are texts that lie in files of their own, as the plan writes it for objects."""
    wanted = [c for c in blobs if c.role == "blob" and c.type in ("text", "string")]
    if not wanted:
        return repeated(None, count)
    columns = {c.property: properties[c.property].to_pylist() for c in wanted}
    rows = [{n: v[i] for n, v in columns.items() if v[i] is not None} for i in range(count)]
    return pa.array([orjson.dumps(row).decode() if row else None for row in rows], pa.string())


def _mime_type(blob: Column) -> str | None:
    return "text/plain" if blob.type in ("text", "string") else None
