"""Blob: one file or value of an object."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from core.stores.records import Body


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

    def answer(self) -> Body:
        """BlobModel, with the value or the address beside it."""
        details = {k: getattr(self, k) for k in ("filename", "size_bytes", "mime_type", "hash")}
        content = {"data": self.data} if self.url is None else {"url": self.url}
        named = {"blob_id": self.blob_id, "property": self.property, "key_prefix": self.key_prefix, "type": self.type}
        return named | {"properties": self.metadata | content, "details": details, "metadata": self.metadata} | content
