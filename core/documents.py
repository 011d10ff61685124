"""Document: one row that an extractor wrote, as the API shows it. No I/O in here."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from core.tenancy import Scope

SYSTEM = frozenset(
    {
        "document_id",
        "collection_id",
        "object_id",
        "bucket_id",
        "blob_id",
        "blob_property",
        "blob_type",
        "blob_url",
        "mime_type",
        "size_bytes",
        "feature_extractor_id",
        "batch_id",
        "created_at",
        "updated_at",
    }
)
"""Columns that the platform writes; the API shows them under `_internal`."""

IMMUTABLE = SYSTEM | {"_internal", "_vectors", "document_blobs", "source_object_id", "root_object_id"}
BLOB_TYPES = {"video", "image", "audio", "text", "pdf"}
Presign = Callable[[str], str | None]


def shown(
    row: Mapping[str, Any],
    scope: Scope,
    vector_names: Iterable[str],
    *,
    select: Collection[str] | None = None,
    presign: Presign | None = None,
) -> dict[str, Any]:
    """A stored row as a document of the API.

    The extractor's and the source's fields stand at the root, vectors too where the row has them; `_vectors` lists the
    vectors' names, `_internal` says where the document comes from.

    Args:
        row: columns as the store gives them, JSON parsed.
        vector_names: the collection's vectors.
        select: names to keep at the root; None keeps all.
        presign: gives a URL to read an `s3://` URL by, for `document_blobs`.
    """
    names = sorted(vector_names)
    fields = {k: v for k, v in row.items() if k not in SYSTEM and not (k in names and v is None)}
    if select is not None:
        wanted = {name.removeprefix("metadata.") for name in select}
        fields = {k: v for k, v in fields.items() if k in wanted or k in names}
    return {
        "document_id": row["document_id"],
        "collection_id": row["collection_id"],
        "source_object_id": row.get("object_id"),
        "root_object_id": row.get("object_id"),
        **fields,
        "document_blobs": _blobs(row, presign),
        "_internal": _internal(row, scope),
        "_vectors": names,
    }


def _internal(row: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    bucket_id, collection_id = row.get("bucket_id"), row["collection_id"]
    return {
        "internal_id": scope.org_id,
        "namespace_id": scope.namespace_id,
        "document_id": row["document_id"],
        "collection_id": collection_id,
        "created_at": row.get("created_at"),
        "updated_at": row.get("updated_at"),
        "mime_type": row.get("mime_type"),
        "size_bytes": row.get("size_bytes"),
        "modality": row.get("blob_type"),
        "lineage": {
            "root_object_id": row.get("object_id"),
            "root_bucket_id": bucket_id,
            "source_type": "bucket",
            "source_object_id": row.get("object_id"),
            "source_blob_id": row.get("blob_id"),
            "source_blob_property": row.get("blob_property"),
            "feature_extractor_id": row.get("feature_extractor_id"),
            "batch_id": row.get("batch_id"),
            "path": f"{bucket_id}/{collection_id}" if bucket_id else collection_id,
        },
        "processing": {"source_url": row.get("blob_url"), "detected_mime_type": row.get("mime_type")},
    }


def _blobs(row: Mapping[str, Any], presign: Presign | None) -> list[dict[str, Any]]:
    url = row.get("blob_url")
    if not url:
        return []
    kind = str(row.get("blob_type") or "").lower()
    blob = {
        "field": row.get("blob_property") or "data",
        "role": "source",
        "type": kind if kind in BLOB_TYPES else "other",
        "url": url,
        "size_bytes": row.get("size_bytes"),
        "content_type": row.get("mime_type"),
        "source_blob_id": row.get("blob_id"),
    }
    if presign is not None:
        blob["presigned_url"] = presign(url)
    return [blob]
