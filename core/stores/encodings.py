"""Encodings: how a new collection's columns are written, where the writer's own choice is not the best one."""

import pyarrow as pa

COMPRESSION = b"lance-encoding:compression"
IDS = frozenset({"document_id", "object_id", "blob_id"})
"""Ids differ in a few characters of many: LZ4 makes them as small as the default symbol table, in a third of the time."""


def encoded(schema: pa.Schema) -> pa.Schema:
    """The schema with what tells the writer how to encode; columns that are there already stay as they were."""
    return pa.schema([_encoded(field) for field in schema], metadata=schema.metadata)


def _encoded(field: pa.Field) -> pa.Field:
    if field.name not in IDS:
        return field
    return field.with_metadata({**(field.metadata or {}), COMPRESSION: b"lz4"})
