"""The Arrow schema of a collection's documents: system columns, vectors, the extractor's fields, the source's fields."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from plugin_sdk.manifest import Manifest

TIME = pa.timestamp("us", tz="UTC")
EXTRA = "_extra"
MADE_BY = "_made_by"
"""Column with the fingerprint of plugin and parameters that made the document."""

SOURCE_VERSION = "_source_version"
"""Column with the version of the object that it was made from; null where rows of its blob failed."""

HIDDEN = frozenset({MADE_BY, SOURCE_VERSION})
"""Columns that no answer shows."""

JSON = {b"openpeek": b"json"}
"""Metadata of a string column that holds JSON text."""

SYSTEM = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("collection_id", pa.string(), nullable=False),
        pa.field("object_id", pa.string()),
        pa.field("bucket_id", pa.string()),
        pa.field("blob_id", pa.string()),
        pa.field("blob_property", pa.string()),
        pa.field("blob_type", pa.string()),
        pa.field("blob_url", pa.string()),
        pa.field("mime_type", pa.string()),
        pa.field("size_bytes", pa.int64()),
        pa.field("feature_extractor_id", pa.string()),
        pa.field("batch_id", pa.string()),
        pa.field("created_at", TIME),
        pa.field("updated_at", TIME),
        pa.field(MADE_BY, pa.string()),
        pa.field(SOURCE_VERSION, pa.string()),
    ]
)
RESERVED = frozenset({*SYSTEM.names, EXTRA, "data", "_distance", "_score", "_rowid", "_rowaddr", "_vectors"})
"""Names that no schema may give a column of its own; such a field's values go to `_extra`."""

SCALARS = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
BUCKET_SCALARS = SCALARS | {
    "float": pa.float64(),
    **dict.fromkeys(("text", "date", "datetime", "image", "audio", "video", "pdf", "excel"), pa.string()),
}


def document_schema(manifest: Manifest | None, bucket_schema: Mapping[str, Any] | None = None) -> pa.Schema:
    """The columns of a collection; `manifest` None is an extractor without steps, which keeps the source's fields.

    A name that several of them use belongs to the first of: system, features, output schema, bucket schema.
    """
    fields = {field.name: field for field in SYSTEM}
    for field in (*vector_fields(manifest), *_output_fields(manifest), *_source_fields(bucket_schema)):
        if field.name not in RESERVED and usable_name(field.name):
            fields.setdefault(field.name, field)
    return pa.schema([*fields.values(), pa.field(EXTRA, pa.string(), metadata=JSON)])


def vector_fields(manifest: Manifest | None) -> list[pa.Field]:
    """One column a feature: FixedSizeList<float32>, its metric in the field's metadata."""
    return [
        pa.field(
            f.feature_name,
            pa.list_(pa.float32(), f.embedding_dim),
            metadata={b"openpeek": b"vector", b"metric": f.distance_metric.encode()},
        )
        for f in (manifest.features if manifest else ())
    ]


def is_json(field: pa.Field) -> bool:
    """Whether the column holds JSON text."""
    return bool(field.metadata) and field.metadata.get(b"openpeek") == b"json"


def is_plain(field: pa.Field) -> bool:
    """Whether the column holds what its type says, neither JSON text nor vectors."""
    return b"openpeek" not in (field.metadata or {})


def usable_name(name: str) -> bool:
    """Whether a dataset can have a column of this name; other names live in `_extra`."""
    return bool(name) and not name.startswith("_") and not any(c in name for c in ".`\"'\0\n\r\\")


def _output_fields(manifest: Manifest | None) -> list[pa.Field]:
    if manifest is None:
        return []
    vectors = {manifest.output_field(f.feature_name) for f in manifest.features}
    schema = manifest.output_schema
    properties = schema.get("properties", {}).items()
    return [_field(name, json_type(prop, schema)) for name, prop in properties if name not in vectors]


def _source_fields(bucket_schema: Mapping[str, Any] | None) -> list[pa.Field]:
    properties = (bucket_schema or {}).get("properties") or {}
    return [_field(name, _bucket_type(prop)) for name, prop in properties.items()]


def _field(name: str, kind: pa.DataType | None) -> pa.Field:
    return pa.field(name, pa.string(), metadata=JSON) if kind is None else pa.field(name, kind)


def json_type(prop: Any, root: Mapping[str, Any]) -> pa.DataType | None:
    """The Arrow type of a JSON Schema property, or None for what is kept as JSON text."""
    prop = _resolve(prop, root)
    kind = prop.get("type")
    if isinstance(kind, list):
        names = [k for k in kind if k != "null"]
        kind = names[0] if len(names) == 1 else None
    if kind == "array":
        item = json_type(prop.get("items"), root)
        return pa.list_(item) if item is not None and not pa.types.is_nested(item) else None
    return SCALARS.get(str(kind))


def _resolve(prop: Any, root: Mapping[str, Any], depth: int = 8) -> Mapping[str, Any]:
    """`prop` with its reference followed and `X | None` taken as X."""
    if not isinstance(prop, Mapping) or depth == 0:
        return {}
    reference = prop.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        return _resolve((root.get("$defs") or {}).get(reference.removeprefix("#/$defs/")), root, depth - 1)
    choices = prop.get("anyOf") or prop.get("oneOf")
    if isinstance(choices, list):
        kept = [c for c in choices if not (isinstance(c, Mapping) and c.get("type") == "null")]
        return _resolve(kept[0], root, depth - 1) if len(kept) == 1 else {}
    return prop


def _bucket_type(prop: Any) -> pa.DataType | None:
    prop = prop if isinstance(prop, Mapping) else {}
    if prop.get("type") == "array":
        item = _bucket_type(prop.get("items"))
        return pa.list_(item) if item is not None and not pa.types.is_nested(item) else None
    return BUCKET_SCALARS.get(str(prop.get("type")))
