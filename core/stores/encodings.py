"""Encodings: how a new collection's columns are written, where the writer's own choice is not the best one.

The writer's choice is the smallest file: it takes two thirds of the time that a fragment of short texts costs. What is
chosen here was measured on ids, texts of 80 and 4,000 letters, addresses and digests (µs a row, against the default):
"""

from collections.abc import Mapping

import pyarrow as pa

from core.document_schema import SOURCE_VERSION, SYSTEM

Encoding = Mapping[bytes, bytes]
COMPRESSION = b"lance-encoding:compression"
NO_DICTIONARY = {b"lance-encoding:dict-divisor": b"1000000000"}
LZ4: Encoding = {COMPRESSION: b"lz4"}
PLAIN: Encoding = {COMPRESSION: b"none"}
OF_SYSTEM: Mapping[str, Encoding] = {
    # Ids and addresses differ in a few letters of many: as small as the default makes them, in half the time or less.
    **dict.fromkeys(("document_id", "object_id", "blob_id", "blob_url"), LZ4),
    SOURCE_VERSION: PLAIN,  # digests, which nothing makes smaller; where all are one, it is written once all the same
    "size_bytes": NO_DICTIONARY,  # packed as tightly without
}


def encoded(schema: pa.Schema, *, remote: bool) -> pa.Schema:
    """The schema with what tells the writer how to encode; columns that are there already stay as they were.

    Args:
        remote: whether files go over a network, where fewer bytes are worth more than the time that it takes.
    """
    fields = [field.with_metadata({**(field.metadata or {}), **_encoding(field, remote)} or None) for field in schema]
    return pa.schema(fields, metadata=schema.metadata)


def _encoding(field: pa.Field, remote: bool) -> Encoding:
    if field.name in SYSTEM.names:
        return OF_SYSTEM.get(field.name, {})
    return PLAIN if pa.types.is_string(field.type) and not remote else {}
