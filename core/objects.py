"""Object: a record of one or more blobs in a bucket."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from core.blob_input import Files, blob_of, named_blob
from core.blobs import Blob as Blob
from core.bucket_schema import (
    BLOB_TYPES,
    check_metadata,
    check_value,
    known_property,
    missing_properties,
    properties_of,
)
from core.buckets import Bucket, count, counts_of, take_room
from core.errors import AlreadyExists, InvalidRequest, NotFound
from core.ids import ordered_id
from core.imported import ObjectSource, refuse_row, row_body
from core.imports import Rows
from core.noun import Noun
from core.object_removal import ask_removal
from core.paging import Paging, Selection, listed
from core.quotas import check_count
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.stores.records import Body, Entry, chunks
from core.tenancy import Scope
from core.uploads import blob_of_upload
from plugin_sdk.errors import PlatformError

MAX_BLOBS = 256
METADATA_BYTES = 64 * 1024
WRITERS = 4
SEARCHED = ("object_id", "key_prefix", "metadata", "blobs")


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

    @property
    def size_bytes(self) -> int:
        """What its blobs take, as far as it is known."""
        return sum(blob.size_bytes or 0 for blob in self.blobs)

    def answer(self) -> Body:
        """ObjectResponse: the properties stand at the root, as they were sent, and together under `metadata`."""
        body = self.body() | {"blobs": [blob.answer() for blob in self.blobs]}
        return self.metadata | body


@dataclass(frozen=True, slots=True)
class Failure:
    """An object of a batch that was not created: its place in the request, and why."""

    index: int
    error: PlatformError

    def answer(self) -> Body:
        """FailedObjectError."""
        return {"object_index": self.index, "error": str(self.error), "error_type": self.error.code}


def create_object(
    stores: Stores, scope: Scope, bucket: Bucket, asked: Mapping[str, Any], policy: str | None = None
) -> Object:
    """The object that the request asks for, created, or updated as the bucket's unique key and `policy` say.

    Raises:
        AlreadyExists: the unique key is taken, and the policy is to insert.
        InvalidRequest: a property, a blob or a value does not fit the bucket's schema.
        QuotaExceeded: the bucket holds as many objects as it may.
    """
    return _create(stores, scope, bucket, asked, policy)


def _create(
    stores: Stores, scope: Scope, bucket: Bucket, asked: Mapping[str, Any], policy: str | None = None
) -> Object:
    made, files = _made(stores, scope, bucket, asked)
    policy = _policy(bucket, policy)
    claim = _claim(scope, bucket, made, bool(asked.get("skip_duplicates")))
    if claim is None:
        return _insert(stores, scope, made, files)
    holder = _holder(stores, scope, bucket.bucket_id, claim)
    if holder is None:
        if policy == "update":
            raise NotFound("No object has this unique key.", "Create it with policy 'insert' or 'upsert'.")
        return _insert_claimed(stores, scope, bucket, made, files, claim)
    if asked.get("skip_duplicates"):
        return holder
    if policy == "insert":
        raise AlreadyExists(
            f"Object {holder.object_id} has this unique key.", "Use policy 'upsert', or set skip_duplicates."
        )
    return _overwrite(stores, scope, holder, made, files)


def create_objects(
    stores: Stores, scope: Scope, bucket: Bucket, asked: Sequence[Mapping[str, Any]]
) -> tuple[list[Object], list[Failure]]:
    """All the objects that can be created, and for each other one the reason.

    Raises:
        QuotaExceeded: the bucket may not hold so many more.
    """
    _check_room(stores, scope, bucket, len(asked))
    if bucket.unique_key or any(a.get("skip_duplicates") for a in asked):
        return _one_by_one(asked, partial(_create, stores, scope, bucket))
    made, failures = _one_by_one(asked, partial(_made, stores, scope, bucket))
    entries = [_entry(scope, thing) for thing, _ in made]
    objects = [thing for thing, _ in made]
    with _room(stores, scope, bucket.bucket_id, objects), ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(partial(_write_files, stores), [files for _, files in made if files.to_write]))
        list(pool.map(stores.records.put_many, chunks(entries, 25)))
    return objects, failures


@contextmanager
def _room(stores: Stores, scope: Scope, bucket_id: str, objects: Sequence[Object]) -> Iterator[None]:
    """Count the new objects while they are written; what fails gives its room back."""
    number, size_bytes = len(objects), sum(o.size_bytes for o in objects)
    take_room(stores, scope, bucket_id, objects=number, size_bytes=size_bytes)
    try:
        yield
    except BaseException:
        count(stores, scope, bucket_id, objects=-number, size_bytes=-size_bytes)
        raise


def _check_room(stores: Stores, scope: Scope, bucket: Bucket, adding: int) -> None:
    check_count(stores, "objects", counts_of(stores, scope, bucket.bucket_id).objects, adding)


def get_object(stores: Stores, scope: Scope, bucket_id: str, object_id: str, rows: Rows | None = None) -> Object:
    """The bucket's object of this id: a record, or an imported row that `rows` reads.

    Raises:
        NotFound: there is none.
    """
    known = 0 < len(object_id) <= 128
    record = stores.records.get(scope.key("object", bucket_id), object_id) if known else None
    if record is None and known and (row := row_body(stores, scope, bucket_id, object_id, rows)):
        return Object.model_validate(row)
    if record is None or "import_id" in record.body:
        raise NotFound(f"There is no object {object_id[:100]!r} in this bucket.", "List its objects to see their ids.")
    return Object.model_validate(record.body)


def objects_of(stores: Stores, scope: Scope, bucket_id: str, ids: Sequence[str]) -> list[Object]:
    """The bucket's objects of these ids, in that order; those that are gone are left out."""
    pk = scope.key("object", bucket_id)
    return [Object.model_validate(r.body) for r in stores.records.get_many([(pk, i) for i in ids])]


def list_objects(
    stores: Stores, scope: Scope, bucket: Bucket, paging: Paging, selection: Selection, rows: Rows | None = None
) -> tuple[list[Body], Body]:
    """One page of the bucket's objects as answers, oldest first, and its pagination."""
    pk = scope.key("object", bucket.bucket_id)
    return listed(
        ObjectSource(stores.records, pk, stores=stores, scope=scope, bucket_id=bucket.bucket_id, rows=rows),
        paging,
        selection,
        lambda record: Object.model_validate(record.body).answer(),
        SEARCHED,
        lambda: counts_of(stores, scope, bucket.bucket_id).objects,
    )


def change_object(stores: Stores, scope: Scope, bucket: Bucket, object_id: str, asked: Mapping[str, Any]) -> Object:
    """The object with these properties set; null takes one away.

    Raises:
        InvalidRequest: a property is not in the schema, is part of the unique key, or has another type.
        NotFound: there is no such object.
    """
    unique = set((bucket.unique_key or {}).get("fields", []))
    _check_properties(bucket, asked)
    properties = _properties(asked)
    for name in properties:
        if name in unique:
            raise InvalidRequest(f"{name} is part of the bucket's unique key.", "Create a new object instead.", name)
    refuse_row(stores, scope, bucket.bucket_id, object_id, "changed")

    def change(body: Body) -> Body:
        thing = Object.model_validate(body)
        merged = {k: v for k, v in (thing.metadata | properties).items() if v is not None}
        _check_metadata_size(merged)
        prefix = asked.get("key_prefix") or thing.key_prefix
        return thing.changed(metadata=merged, key_prefix=prefix).body()

    record = stores.records.update(scope.key("object", bucket.bucket_id), object_id, change)
    if record is None:
        raise NotFound(f"There is no object {object_id!r} in this bucket.", "List its objects to see their ids.")
    return Object.model_validate(record.body)


def delete_object(stores: Stores, scope: Scope, bucket: Bucket, object_id: str) -> None:
    """Delete the object, its files, and its hold on the unique key; its documents by a job."""
    refuse_row(stores, scope, bucket.bucket_id, object_id, "deleted")
    thing = get_object(stores, scope, bucket.bucket_id, object_id)
    ask_removal(stores, scope, bucket.bucket_id, object_id)  # first, so that no document is left behind
    if not stores.records.delete(scope.key("object", bucket.bucket_id), object_id):
        raise NotFound(f"There is no object {object_id!r} in this bucket.", "It was deleted meanwhile.")
    for skip_duplicates in (False, True):
        claim = _claim(scope, bucket, thing, skip_duplicates)
        if claim:
            stores.records.delete_if(*claim, {"object_id": object_id})
    for ref in own_files(stores, scope, thing):
        stores.blobs.delete(ref)
    count(stores, scope, bucket.bucket_id, objects=-1, size_bytes=-thing.size_bytes)


def own_files(stores: Stores, scope: Scope, thing: Object) -> list[BlobRef]:
    """The object's files that the platform holds."""
    ours = f"s3://{stores.settings.object_bucket}/{scope.prefix}/{thing.bucket_id}/"
    return [BlobRef.parse(b.url) for b in thing.blobs if b.url and b.url.startswith(ours)]


def insert_once(
    stores: Stores, scope: Scope, thing: Object, bucket: Bucket | None = None, files: Files | None = None
) -> Object:
    """The object, created unless one of its id, or of its unique key in `bucket`, is there already: then that one.

    Raises:
        QuotaExceeded: the bucket holds as many objects as it may.
    """
    claim = _claim(scope, bucket, thing, False) if bucket else None
    held = [Entry(*claim, {"object_id": thing.object_id})] if claim else []
    try:
        with _room(stores, scope, thing.bucket_id, [thing]):
            if files:
                _write_files(stores, files)
            stores.records.create_all([_entry(scope, thing), *held])
    except AlreadyExists:
        holder = _holder(stores, scope, thing.bucket_id, claim) if claim else None
        return holder or get_object(stores, scope, thing.bucket_id, thing.object_id)
    return thing


def checked_properties(bucket: Bucket, asked: Mapping[str, Any], blobs: Iterable[Blob]) -> dict[str, Any]:
    """The object's properties, with the schema's defaults, once all that is required is there."""
    _check_properties(bucket, asked)
    properties = {k: v for k, v in _properties(asked).items() if v is not None}
    for name, described in properties_of(bucket.bucket_schema).items():
        if described.get("default") is not None and described["type"] not in BLOB_TYPES:
            properties.setdefault(name, described["default"])
    _check_metadata_size(properties)
    missing = missing_properties(bucket.bucket_schema, set(properties) | {b.property for b in blobs})
    if missing:
        raise InvalidRequest(f"The object lacks {', '.join(missing)}.", "The bucket's schema requires it.", missing[0])
    return properties


Made = tuple[Object, Files]


def _made(stores: Stores, scope: Scope, bucket: Bucket, asked: Mapping[str, Any]) -> Made:
    """The object as it would be stored, and its files; nothing is written yet."""
    object_id = ordered_id("obj")
    settings = stores.settings
    folder = f"{scope.prefix}/{bucket.bucket_id}/{object_id}"
    data_bucket = settings.data_uri.removeprefix("s3://").partition("/")[0]
    forbidden = frozenset({settings.object_bucket, settings.plugin_bucket, data_bucket})
    files = Files(settings.object_bucket, scope.prefix, folder, forbidden)
    blobs = [_blob(stores, scope, bucket, files, a, f"blobs[{i}]") for i, a in enumerate(_asked_blobs(bucket, asked))]
    thing = Object(
        object_id=object_id,
        bucket_id=bucket.bucket_id,
        key_prefix=asked.get("key_prefix"),
        blobs=blobs,
        metadata=checked_properties(bucket, asked, blobs),
        source_details=[{"type": "bucket", "source_id": bucket.bucket_id}],
    )
    return thing, files


def _asked_blobs(bucket: Bucket, asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    blobs = list(asked.get("blobs") or [])
    if asked.get("blob") is not None:
        if blobs:
            raise InvalidRequest("The object has both blob and blobs.", "Give blobs alone.", "blob")
        blobs = [named_blob(asked["blob"], bucket.bucket_schema)]
    if len(blobs) > MAX_BLOBS:
        raise InvalidRequest(f"The object has {len(blobs)} blobs.", f"Send at most {MAX_BLOBS} an object.", "blobs")
    return blobs


def _blob(stores: Stores, scope: Scope, bucket: Bucket, files: Files, asked: Mapping[str, Any], where: str) -> Blob:
    if asked.get("upload_id") is None:
        return blob_of(asked, bucket.bucket_schema, files, where)
    if asked.get("data") is not None or asked.get("url") is not None:
        raise InvalidRequest(f"{where} has upload_id beside data or url.", "Give one of them.", f"{where}.upload_id")
    known_property(bucket.bucket_schema, str(asked["property"]), f"{where}.property")
    return blob_of_upload(stores, scope, bucket, str(asked["upload_id"]), asked)


def _properties(asked: Mapping[str, Any]) -> dict[str, Any]:
    """All that the request says beyond an object's own fields."""
    return dict(asked.get("metadata") or {}) | _named_properties(asked)


def _named_properties(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What it says beside them: properties of the bucket's schema, while `metadata` may hold others too."""
    own = {"key_prefix", "blobs", "blob", "skip_duplicates", "metadata"}
    return {k: v for k, v in asked.items() if k not in own}


def _check_properties(bucket: Bucket, asked: Mapping[str, Any]) -> None:
    for name, value in _named_properties(asked).items():
        described = known_property(bucket.bucket_schema, name, name, "send it in metadata")
        if described is not None:
            check_value(value, described, name)
    check_metadata(bucket.bucket_schema, asked.get("metadata"), "metadata")


def _check_metadata_size(metadata: Mapping[str, Any]) -> None:
    size = len(orjson.dumps(metadata, option=orjson.OPT_NON_STR_KEYS))
    if size > METADATA_BYTES:
        raise InvalidRequest(
            f"The object's properties take {size} bytes.", "Send at most 64 KiB; use blobs.", "metadata"
        )


def _policy(bucket: Bucket, policy: str | None) -> str:
    policy = policy or (bucket.unique_key or {}).get("default_policy") or "insert"
    if policy not in ("insert", "update", "upsert"):
        raise InvalidRequest(f"policy is {policy!r}.", "Use insert, update or upsert.", "policy")
    return policy


def _claim(scope: Scope, bucket: Bucket, thing: Object, skip_duplicates: bool) -> tuple[str, str] | None:
    """The record that only one object may hold: of its unique key, or of its whole content; None where any may be."""
    if bucket.unique_key:
        by_blob = {b.property: b.hash or b.url or b.data for b in thing.blobs}
        held: Any = [thing.metadata.get(f, by_blob.get(f)) for f in bucket.unique_key["fields"]]
    elif skip_duplicates:
        held = [thing.metadata, [(b.property, b.hash or b.url or b.data) for b in thing.blobs]]
    else:
        return None
    digest = hashlib.sha256(orjson.dumps(held, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return scope.key("object_claim", bucket.bucket_id), digest


def _holder(stores: Stores, scope: Scope, bucket_id: str, claim: tuple[str, str]) -> Object | None:
    """The object that holds the claim; a claim whose object is gone counts for nothing."""
    held = stores.records.get(*claim)
    if held is None:
        return None
    found = objects_of(stores, scope, bucket_id, [held.body["object_id"]])
    if not found:
        stores.records.delete_if(*claim, held.body)
    return found[0] if found else None


def _insert(stores: Stores, scope: Scope, thing: Object, files: Files) -> Object:
    return insert_once(stores, scope, thing, files=files)


def _insert_claimed(
    stores: Stores, scope: Scope, bucket: Bucket, thing: Object, files: Files, claim: tuple[str, str]
) -> Object:
    claimed = Entry(*claim, {"object_id": thing.object_id})
    try:
        with _room(stores, scope, bucket.bucket_id, [thing]):
            _write_files(stores, files)
            stores.records.create_all([_entry(scope, thing), claimed])
    except AlreadyExists as error:
        raise AlreadyExists("Another object took this unique key just now.", "Read it, or use 'upsert'.") from error
    return thing


def _overwrite(stores: Stores, scope: Scope, old: Object, made: Object, files: Files) -> Object:
    _write_files(stores, files)
    fields = {"blobs": made.blobs, "metadata": made.metadata, "key_prefix": made.key_prefix or old.key_prefix}
    record = stores.records.update(
        scope.key("object", old.bucket_id),
        old.object_id,
        lambda body: Object.model_validate(body).changed(**fields).body(),
    )
    if record is None:
        raise NotFound(f"Object {old.object_id} was deleted meanwhile.", "Create it again.")
    new = Object.model_validate(record.body)
    kept = set(own_files(stores, scope, new))
    for ref in own_files(stores, scope, old):
        if ref not in kept:
            stores.blobs.delete(ref)
    count(stores, scope, old.bucket_id, objects=0, size_bytes=new.size_bytes - old.size_bytes)
    return new


def _write_files(stores: Stores, files: Files) -> None:
    for ref, data, mime_type in files.to_write:
        stores.blobs.put(ref, data, mime_type)


def _one_by_one(asked: Sequence[Mapping[str, Any]], make: Any) -> tuple[list[Any], list[Failure]]:
    made, failures = [], []
    for index, one in enumerate(asked):
        try:
            made.append(make(one))
        except (InvalidRequest, AlreadyExists, NotFound) as error:
            failures.append(Failure(index, error))
    return made, failures


def _entry(scope: Scope, thing: Object) -> Entry:
    return Entry(scope.key("object", thing.bucket_id), thing.object_id, thing.body())
