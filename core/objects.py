"""Object: a record of one or more blobs in a bucket; blob: one file or value of it."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from core.noun import Noun


class Blob(BaseModel):
    """One file or value. Either `data` holds the value itself (text up to 64 KiB), or `url` says where the file is.

    `url` is `s3://…`, in the object bucket under the namespace's prefix when the platform holds the file.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    blob_id: str
    property: str
    type: str
    data: Any = None
    url: str | None = None
    key_prefix: str | None = None
    filename: str | None = None
    mime_type: str | None = None
    size_bytes: int | None = None
    hash: str | None = None
    metadata: dict[str, Any] = {}


class Object(Noun):
    """An object as stored; `metadata` holds its non-blob properties, by the bucket schema's names."""

    object_id: str
    bucket_id: str
    key_prefix: str | None = None
    blobs: list[Blob] = []
    metadata: dict[str, Any] = {}
    status: str = "DRAFT"
    error: str | None = None
    source_details: list[dict[str, Any]] = []
