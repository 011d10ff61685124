"""Blob input: what a request says of a blob, checked against the bucket's schema and made into a stored blob.

Text up to 64 KiB stays in the record, as long as the object's share of a record lasts; longer text becomes a file.
A URL stays a URL: the file is fetched where it is processed.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

import orjson

from core.blobs import Blob
from core.bucket_schema import FILE_TYPES, Schema, blob_property, check_value, known_property
from core.errors import InvalidRequest
from core.ids import new_id
from core.stores.blobs import BlobRef

INLINE_BYTES = 64 * 1024
RECORD_BYTES = 256 * 1024
MAX_URL = 2083
SCHEMES = ("http://", "https://", "s3://")
MAX_FILE_BYTES = 32 * 1024 * 1024
TEXT_TYPES = frozenset({"text", "string"})


@dataclass(slots=True)
class Files:
    """Where an object's files go, and what is to be written there; `forbidden` buckets are the platform's own."""

    bucket: str
    prefix: str
    folder: str
    forbidden: frozenset[str]
    inline_left: int = RECORD_BYTES
    to_write: list[tuple[BlobRef, bytes, str]] = field(default_factory=list)

    def put(self, name: str, data: bytes, mime_type: str) -> str:
        """The URL that these bytes will have once the object's files are written."""
        ref = BlobRef(self.bucket, f"{self.folder}/{name}")
        self.to_write.append((ref, data, mime_type))
        return ref.url


def blob_of(asked: Mapping[str, Any], schema: Schema | None, files: Files, where: str) -> Blob:
    """The blob that the request asks for, by `data` or `url`.

    Raises:
        InvalidRequest: its property is not in the schema, its type is another, or its content is not of that type.
    """
    name, kind = str(asked["property"]), str(asked["type"])
    described = known_property(schema, name, f"{where}.property")
    if described is not None and not _agree(kind, str(described["type"])):
        raise InvalidRequest(
            f"{where}.type is {kind!r}; the bucket's schema says that {name!r} is {described['type']!r}.",
            f"Send type {described['type']!r}.",
            f"{where}.type",
        )
    blob = Blob(
        blob_id=new_id("blob"),
        property=name,
        type=kind,
        key_prefix=asked.get("key_prefix"),
        metadata=asked.get("metadata") or {},
    )
    data, url = asked.get("data"), asked.get("url")
    if (data is None) == (url is None):
        problem = "has neither data nor url" if data is None else "has both data and url"
        raise InvalidRequest(f"{where} {problem}.", "Give data, url or upload_id: one of them.", f"{where}.data")
    if url is not None:
        return _linked(blob, str(url), files, f"{where}.url")
    if kind in TEXT_TYPES:
        return _text(blob, data, files, f"{where}.data")
    if kind in FILE_TYPES:
        return _file(blob, data, files, f"{where}.data")
    check_value(data, described or {"type": kind}, f"{where}.data")
    return _value(blob, data, files)


def named_blob(blob: Mapping[str, Any], schema: Schema | None) -> dict[str, Any]:
    """The short form `{"url": …}` or `{"data": …}` as a whole blob: it goes to the schema's only blob property."""
    name, kind = blob.get("property"), blob.get("type")
    if name is None:
        name, only = blob_property(schema)
        kind = kind or only
    elif kind is None:
        kind = (known_property(schema, str(name), "blob.property") or {"type": "text"})["type"]
    return dict(blob) | {"property": name, "type": kind}


def check_url(url: str, files: Files, where: str) -> str:
    """The URL, if it is http, https or s3 and points at no other tenant's file."""
    parts = _parts(url) if len(url) <= MAX_URL else None
    if parts is None or not url.startswith(SCHEMES) or not parts.netloc or not url.isprintable():
        raise InvalidRequest(
            f"{where} is no http, https or s3 URL of at most {MAX_URL} characters.",
            "Send one, or upload the file.",
            where,
        )
    own = parts.netloc == files.bucket and parts.path.startswith(f"/{files.prefix}/") and ".." not in parts.path
    if parts.scheme == "s3" and parts.netloc in files.forbidden and not own:
        raise InvalidRequest(f"{where}: there is no file at {url}.", "Use a file of this namespace.", where)
    return url


def _parts(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:  # such as "http://["
        return None


def _agree(kind: str, described: str) -> bool:
    numbers = {"number", "float", "integer"}
    same = {kind, described}
    return kind == described or same <= TEXT_TYPES or (same <= numbers and described != "integer")


def _linked(blob: Blob, url: str, files: Files, where: str) -> Blob:
    check_url(url, files, where)
    filename = urlsplit(url).path.rsplit("/", 1)[-1] or None
    return blob.model_copy(update={"url": url, "filename": filename})


def _text(blob: Blob, data: Any, files: Files, where: str) -> Blob:
    if not isinstance(data, str):
        raise InvalidRequest(f"{where} is no text.", "Send a string.", where)
    raw = data.encode()
    about = {"size_bytes": len(raw), "hash": hashlib.sha256(raw).hexdigest(), "mime_type": "text/plain"}
    if len(raw) <= min(INLINE_BYTES, files.inline_left):
        files.inline_left -= len(raw)
        return blob.model_copy(update={"data": data, **about})
    name = f"{blob.blob_id}.txt"
    url = files.put(name, raw, "text/plain; charset=utf-8")
    return blob.model_copy(update={"url": url, "filename": name, **about})


def _file(blob: Blob, data: Any, files: Files, where: str) -> Blob:
    if isinstance(data, str) and data.startswith("data:"):
        return _embedded(blob, data, files, where)
    if not isinstance(data, str) or not data.lower().startswith(SCHEMES):
        raise InvalidRequest(
            f"{where} of a blob of type {blob.type} is no URL.",
            "Send an http, https, s3 or data: URL, or upload the file and send its upload_id.",
            where,
        )
    return _linked(blob, data, files, where)


def _embedded(blob: Blob, url: str, files: Files, where: str) -> Blob:
    head, comma, content = url.removeprefix("data:").partition(",")
    kind, *options = head.split(";")
    try:
        raw = base64.b64decode(content, validate=True) if "base64" in options else unquote_to_bytes(content)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"{where} is no base64: {error}.", "Encode the file anew.", where) from error
    if not comma or not raw or len(raw) > MAX_FILE_BYTES:
        raise InvalidRequest(f"{where} holds {len(raw)} bytes.", "Send a data: URL of a file, or upload it.", where)
    mime_type = kind or "application/octet-stream"
    stored = files.put(blob.blob_id, raw, mime_type)
    about = {"size_bytes": len(raw), "hash": hashlib.sha256(raw).hexdigest(), "mime_type": mime_type}
    return blob.model_copy(update={"url": stored, "filename": blob.blob_id, **about})


def _value(blob: Blob, data: Any, files: Files) -> Blob:
    raw = orjson.dumps(data)
    if len(raw) > min(INLINE_BYTES, files.inline_left):
        raise InvalidRequest(
            f"The {blob.type} of {blob.property!r} takes {len(raw)} bytes.",
            "Send at most 64 KiB, or a file.",
            blob.property,
        )
    files.inline_left -= len(raw)
    return blob.model_copy(update={"data": data, "size_bytes": len(raw), "mime_type": "application/json"})
