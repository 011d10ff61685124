"""Rows: the columns that every planned row has, however it was planned."""

import pyarrow as pa

from core.document_schema import SOURCE_VERSION

TEXTS = "_texts"
"""Which properties of the row are texts that lie in S3: JSON, name to URL; null where none is."""

ROW_COLUMNS = pa.schema(
    [
        ("data", pa.string()),
        ("document_id", pa.string()),
        ("object_id", pa.string()),
        ("blob_id", pa.string()),
        ("blob_property", pa.string()),
        ("blob_type", pa.string()),
        ("blob_url", pa.string()),
        ("collection_id", pa.string()),
        ("feature_extractor_id", pa.string()),
        ("mime_type", pa.string()),
        ("size_bytes", pa.int64()),
        (TEXTS, pa.string()),
        (SOURCE_VERSION, pa.string()),
    ]
)
