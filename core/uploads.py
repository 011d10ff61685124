"""Upload: a file on its way into a bucket by a presigned PUT, `upl_…`."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from core.blob_input import named_blob
from core.blobs import Blob
from core.bucket_schema import BLOB_TYPES, check_metadata, known_property, properties_of
from core.buckets import Bucket
from core.errors import Expired, InvalidRequest, NotFound, StaleRecord, UploadMissing
from core.ids import new_id, now, ordered_id
from core.mime import HEAD_BYTES, fits, kind_of, sniff
from core.noun import Noun
from core.paging import Paging, Selection, Source, listed
from core.status import TaskStatus
from core.stores import Stores
from core.stores.blobs import BlobInfo, BlobRef
from core.stores.records import Body, Entry
from core.tenancy import Scope
from plugin_sdk.errors import PlatformError

SEARCHED = ("upload_id", "filename", "content_type", "metadata")
MAX_KEY_NAME = 600
DEADLINES = "upload_deadlines"
"""Partition of pointers to the open uploads of all tenants by the time at which they end, for the janitor."""

COPY_ATTEMPTS = 10
GRACE_S = 900
"""Between the expiry of an upload's URL and its end: a PUT that began in time may take a while."""


class Upload(Noun):
    """An upload as stored; the presigned URL is made anew for each answer that shows it."""

    upload_id: str
    bucket_id: str
    filename: str
    content_type: str
    file_size_bytes: int | None = None
    presigned_url_expiration: int = 3600
    s3_key: str
    status: TaskStatus = TaskStatus.PENDING
    metadata: dict[str, Any] = {}
    create_object_on_confirm: bool = True
    object_metadata: dict[str, Any] | None = None
    blob_property: str | None = None
    blob_type: str | None = None
    file_hash: str | None = None
    skip_duplicates: bool = True
    is_duplicate: bool = False
    duplicate_of_upload_id: str | None = None
    skipped_unique_key: bool = False
    existing_object_id: str | None = None
    message: str | None = None
    expires_at: str
    completed_at: str | None = None
    verified_at: str | None = None
    etag: str | None = None
    object_id: str | None = None
    task_id: str | None = None
    held: bool = False
    """Whether an object or an import was asked for that names the upload: its file stays when the upload goes."""

    def answer(self, presigned_url: str | None = None) -> Body:
        """UploadResponse."""
        return self.model_dump(mode="json", exclude={"held"}) | {"presigned_url": presigned_url}


def create_uploads(
    stores: Stores, scope: Scope, bucket: Bucket, asked: Sequence[Mapping[str, Any]]
) -> list[tuple[Upload, str | None]]:
    """New uploads, each with its presigned URL; a file whose hash the bucket has gets none and is COMPLETED.

    Raises:
        InvalidRequest: a file name or a property can't be used; then none of them is created.
    """
    made = [
        _deduplicated(stores, scope, _new(scope, bucket, a, i if len(asked) > 1 else None)) for i, a in enumerate(asked)
    ]
    stores.records.put_many([deadline_of(scope, upload) for upload in made if upload.status is TaskStatus.PENDING])
    stores.records.put_many([_entry(scope, upload) for upload in made])
    for status, number in Counter(upload.status for upload in made).items():
        _count(stores, scope, bucket.bucket_id, {status.value: number})
    return [(upload, presigned(stores, upload)) for upload in made]


def get_upload(stores: Stores, scope: Scope, bucket_id: str, upload_id: str) -> Upload:
    """The bucket's upload of this id.

    Raises:
        NotFound: there is none.
    """
    known = 0 < len(upload_id) <= 128
    record = stores.records.get(scope.key("upload", bucket_id), upload_id) if known else None
    if record is None:
        raise NotFound(f"There is no upload {upload_id[:100]!r} in this bucket.", "List its uploads to see their ids.")
    return Upload.model_validate(record.body)


def list_uploads(
    stores: Stores, scope: Scope, bucket_id: str, paging: Paging, selection: Selection, *, with_urls: bool = False
) -> tuple[list[Body], Body, Body]:
    """One page of the bucket's uploads as answers, oldest first, its pagination, and the bucket's statistics."""
    source = Source(stores.records, scope.key("upload", bucket_id))

    def shown(record: Any) -> Body:
        upload = Upload.model_validate(record.body)
        return upload.answer(presigned(stores, upload) if with_urls else None)

    page, pagination = listed(source, paging, selection, shown, SEARCHED)
    return page, pagination, _statistics(stores, scope, bucket_id)


def delete_upload(stores: Stores, scope: Scope, bucket_id: str, upload_id: str, *, with_file: bool = True) -> None:
    """Delete the upload; its file too, unless an object or an import holds it."""
    upload, gone = get_upload(stores, scope, bucket_id, upload_id), False
    while not gone:
        gone = stores.records.delete_if(scope.key("upload", bucket_id), upload_id, upload.body())
        if not gone:  # it was changed meanwhile: taken by an object, perhaps
            upload = get_upload(stores, scope, bucket_id, upload_id)
    if gone:
        size = upload.file_size_bytes or 0 if upload.status is TaskStatus.COMPLETED else 0
        _count(stores, scope, bucket_id, {upload.status.value: -1, "size_bytes": -size})
    stores.records.delete(DEADLINES, deadline_of(scope, upload).sk)
    if upload.file_hash:
        stores.records.delete_if(scope.key("upload_hash", bucket_id), upload.file_hash, {"upload_id": upload_id})
    if with_file and upload.object_id is None and not upload.held:
        stores.blobs.delete(file_of(stores, upload))


def hold(stores: Stores, scope: Scope, bucket_id: str, upload_id: str) -> Upload:
    """The upload, whose file stays from now on even when the upload is deleted.

    Raises:
        NotFound: there is none.
    """
    upload = get_upload(stores, scope, bucket_id, upload_id)
    if upload.held:
        return upload
    held = stores.records.update(scope.key("upload", bucket_id), upload_id, lambda body: body | {"held": True})
    if held is None:
        raise NotFound(f"Upload {upload_id} was deleted meanwhile.", "Create a new one.")
    return Upload.model_validate(held.body)


def presigned(stores: Stores, upload: Upload) -> str | None:
    """A URL that takes the file, for as long as the upload is open."""
    left_s = int((datetime.fromisoformat(upload.expires_at) - now()).total_seconds())
    if upload.status is not TaskStatus.PENDING or left_s <= 0:
        return None
    return stores.blobs.presign_put(file_of(stores, upload), left_s)


def file_of(stores: Stores, upload: Upload) -> BlobRef:
    """Where the upload's file goes."""
    return BlobRef(stores.settings.object_bucket, upload.s3_key)


def arrived(stores: Stores, upload: Upload) -> BlobInfo:
    """What S3 says of the upload's file.

    Raises:
        Expired: it is not there, and its URL takes it no more.
        UploadMissing: it is not there.
    """
    try:
        return stores.blobs.head(file_of(stores, upload))
    except NotFound as error:
        if datetime.fromisoformat(upload.expires_at) < now():
            raise Expired(f"Upload {upload.upload_id} expired at {upload.expires_at}.", "Create a new one.") from error
        raise UploadMissing(
            f"The file of upload {upload.upload_id} is not there.", "PUT it to the presigned URL, then confirm."
        ) from error


def keep(
    stores: Stores, upload: Upload, check: Callable[[BlobInfo], None] = lambda info: None
) -> tuple[Upload, BlobInfo]:
    """The upload with a copy of what arrived as its file: the upload's URL, which may be open still, does not reach it.

    The copy's key holds the ETag, so that two contents never have one key.

    Raises:
        Expired, UploadMissing: as `arrived`; and what `check` raises for what arrived.
        StaleRecord: the file is replaced again and again.
    """
    folder, _, name = upload.s3_key.rpartition("/")
    for _ in range(COPY_ATTEMPTS):
        info = arrived(stores, upload)
        check(info)
        kept = upload.changed(s3_key=f"{folder}/{info.etag}/{name}")
        try:
            stores.blobs.copy_version(file_of(stores, upload), file_of(stores, kept), info)
        except (StaleRecord, NotFound):  # it was replaced, or another confirmation was faster
            continue
        return kept, info
    raise StaleRecord(f"The file of upload {upload.upload_id} changes all the time.", "Confirm when it is whole.")


def uploaded_blob(stores: Stores, bucket: Bucket, upload: Upload, info: BlobInfo) -> Blob:
    """The blob that the arrived file makes; its MIME type is that of its content.

    Raises:
        InvalidRequest: the file is empty, or is not of the property's type.
    """
    if not info.size_bytes:
        raise InvalidRequest(f"The file of upload {upload.upload_id} is empty.", "PUT it again, then confirm.", "file")
    ref = file_of(stores, upload)
    mime_type = sniff(stores.blobs.get(ref, HEAD_BYTES), upload.content_type)
    name, kind = _property(bucket, upload, mime_type)
    if not fits(kind, mime_type):
        raise InvalidRequest(
            f"The file of upload {upload.upload_id} is {mime_type}; {name!r} takes {kind}.",
            "Upload another file, or use another property.",
            "blob_property",
        )
    return Blob(
        blob_id=f"blob_{upload.upload_id.removeprefix('upl_')}",
        property=name,
        type=kind,
        url=ref.url,
        filename=upload.filename,
        mime_type=mime_type,
        size_bytes=info.size_bytes,
        hash=upload.file_hash,
        metadata=upload.metadata,
    )


def blob_of_upload(stores: Stores, scope: Scope, bucket: Bucket, upload_id: str, asked: Mapping[str, Any]) -> Blob:
    """The blob of an object that names an upload; property and type are what the object says."""
    upload = hold(stores, scope, bucket.bucket_id, upload_id)
    fills = {"blob_property": asked["property"], "blob_type": asked["type"]}
    if upload.status is not TaskStatus.COMPLETED:  # it has become this object's, and no other is made of it
        upload = _taken(stores, scope, bucket, upload, fills)
    named = upload.changed(**fills)
    blob = uploaded_blob(stores, bucket, named, arrived(stores, named))
    about = {"blob_id": new_id("blob"), "metadata": upload.metadata | (asked.get("metadata") or {})}
    return blob.model_copy(update=about | {"key_prefix": asked.get("key_prefix")})


def verified(kept: Upload, info: BlobInfo) -> Body:
    """What a confirmation writes down of the file that it keeps."""
    return {
        "s3_key": kept.s3_key,
        "etag": info.etag,
        "file_size_bytes": info.size_bytes,
        "verified_at": now().isoformat(),
    }


@contextmanager
def dropped_if_refused(stores: Stores, kept: Upload) -> Iterator[None]:
    """Let a copy not stay whose content is refused in here; every other confirmation of it would refuse it too."""
    try:
        yield
    except InvalidRequest:
        stores.blobs.delete(file_of(stores, kept))
        raise


def completed_meanwhile(stores: Stores, scope: Scope, upload: Upload, missing: PlatformError) -> Upload:
    """The upload whose file is `missing`, if that is so since another confirmation kept it."""
    current = get_upload(stores, scope, upload.bucket_id, upload.upload_id)
    if current.status is not TaskStatus.COMPLETED:
        raise missing
    return current


def completed(stores: Stores, scope: Scope, upload: Upload, **fields: Any) -> Upload:
    """The upload, COMPLETED with these fields; when it was before, it stays as it was.

    Of the files that arrived and were copied only the completed upload's own stays.
    """
    changed: list[bool] = []

    def change(body: Body) -> Body | None:
        changed[:] = [body["status"] != TaskStatus.COMPLETED]
        done = {"status": TaskStatus.COMPLETED, "completed_at": now().isoformat()}
        return Upload.model_validate(body).changed(**done, **fields).body() if changed[0] else None

    record = stores.records.update(scope.key("upload", upload.bucket_id), upload.upload_id, change)
    if record is None:
        raise NotFound(f"Upload {upload.upload_id} was deleted meanwhile.", "Create a new one.")
    done = Upload.model_validate(record.body)
    if changed[0]:
        deltas = {upload.status.value: -1, TaskStatus.COMPLETED.value: 1, "size_bytes": done.file_size_bytes or 0}
        _count(stores, scope, upload.bucket_id, deltas)
        if done.file_hash:
            pk = scope.key("upload_hash", upload.bucket_id)
            stores.records.put_many([Entry(pk, done.file_hash, {"upload_id": done.upload_id})])
    for key in {upload.s3_key, fields.get("s3_key", done.s3_key)} - {done.s3_key}:
        stores.blobs.delete(BlobRef(stores.settings.object_bucket, key))
    return done


def note_upload(stores: Stores, scope: Scope, bucket_id: str, upload_id: str, message: str) -> None:
    """Say on the open upload's record why its file could not become an object."""

    def noted(body: Body) -> Body | None:
        upload = Upload.model_validate(body)
        return upload.changed(message=message).body() if upload.status is TaskStatus.PENDING else None

    stores.records.update(scope.key("upload", bucket_id), upload_id, noted)


def expire_upload(stores: Stores, scope: Scope, upload: Upload, message: str) -> bool:
    """End the open upload as FAILED, and delete its file if one came; whether it was open."""
    ended: list[bool] = []

    def change(body: Body) -> Body | None:
        current = Upload.model_validate(body)
        ended[:] = [current.status is TaskStatus.PENDING]
        return current.changed(status=TaskStatus.FAILED, message=message).body() if ended[0] else None

    if stores.records.update(scope.key("upload", upload.bucket_id), upload.upload_id, change) is None or not ended[0]:
        return False
    _count(stores, scope, upload.bucket_id, {TaskStatus.PENDING.value: -1, TaskStatus.FAILED.value: 1})
    stores.blobs.delete(file_of(stores, upload))
    return True


def deadline_of(scope: Scope, upload: Upload) -> Entry:
    """The pointer by which the janitor finds the upload once its time has passed."""
    due = int(datetime.fromisoformat(upload.expires_at).timestamp()) + GRACE_S
    place = {"org_id": scope.org_id, "namespace_id": scope.namespace_id}
    place |= {"bucket_id": upload.bucket_id, "upload_id": upload.upload_id}
    return Entry(DEADLINES, "#".join((f"{due:012d}", *place.values())), place | {"due": due})


def _taken(stores: Stores, scope: Scope, bucket: Bucket, upload: Upload, fills: Mapping[str, Any]) -> Upload:
    """The upload, COMPLETED, once what arrived can be the blob that an object asks for."""
    try:
        kept, info = keep(stores, upload)
    except (UploadMissing, Expired) as missing:
        return completed_meanwhile(stores, scope, upload, missing)
    with dropped_if_refused(stores, kept):
        uploaded_blob(stores, bucket, kept.changed(**fills), info)
    return completed(stores, scope, upload, **verified(kept, info))


def _new(scope: Scope, bucket: Bucket, asked: Mapping[str, Any], index: int | None) -> Upload:
    where = "" if index is None else f"uploads[{index}]."
    filename = str(asked["filename"])
    if not filename.isprintable() or "/" in filename or "\\" in filename or filename in (".", ".."):
        raise InvalidRequest(
            f"{where}filename is {filename!r}.", "Give the file's own name, no path.", f"{where}filename"
        )
    upload_id = ordered_id("upl")
    expires_in_s = asked.get("presigned_url_expiration", 3600)
    upload = Upload(
        upload_id=upload_id,
        bucket_id=bucket.bucket_id,
        s3_key=f"{scope.prefix}/{bucket.bucket_id}/{upload_id}/{_key_name(filename)}",
        expires_at=(now() + timedelta(seconds=expires_in_s)).isoformat(),
        **{k: v for k, v in asked.items() if v is not None},
    )
    if upload.create_object_on_confirm:
        _property(bucket, upload, upload.content_type)
        check_metadata(bucket.bucket_schema, upload.object_metadata, f"{where}object_metadata")
    return upload


def _key_name(filename: str) -> str:
    """The file name as it stands in the key; shortened where its URL would pass the 2,083 characters of a client."""
    return filename if len(quote(filename)) <= MAX_KEY_NAME else re.sub(r"[^A-Za-z0-9._-]", "_", filename)[-200:]


def _property(bucket: Bucket, upload: Upload, mime_type: str) -> tuple[str, str]:
    """Which property the file fills, and of what type."""
    schema, kind = bucket.bucket_schema, (upload.blob_type or "").lower() or None
    name = upload.blob_property
    if name is None and schema is None:
        return kind or kind_of(mime_type), kind or kind_of(mime_type)
    if name is None:
        fitting = [
            n for n, p in properties_of(schema).items() if p["type"] in BLOB_TYPES and fits(p["type"], mime_type)
        ]
        named = {"property": fitting[0]} if len(fitting) == 1 else {}
        return _as_pair(named_blob(named, schema))
    described = known_property(schema, name, "blob_property") or {}
    kind = kind or described.get("type") or kind_of(mime_type)
    if described and described["type"] != kind:
        raise InvalidRequest(
            f"blob_type is {kind!r}; the bucket's schema says that {name!r} is {described['type']!r}.",
            f"Send {described['type']!r}, or leave blob_type out.",
            "blob_type",
        )
    return name, str(kind)


def _as_pair(blob: Mapping[str, Any]) -> tuple[str, str]:
    return str(blob["property"]), str(blob["type"])


def _deduplicated(stores: Stores, scope: Scope, upload: Upload) -> Upload:
    """The upload, or the same told to be a copy of one that the bucket has."""
    if not upload.file_hash or not upload.skip_duplicates:
        return upload
    pointer = stores.records.get(scope.key("upload_hash", upload.bucket_id), upload.file_hash)
    if pointer is None:
        return upload
    first_record = stores.records.get(scope.key("upload", upload.bucket_id), pointer.body["upload_id"])
    if first_record is None:
        return upload
    first = Upload.model_validate(first_record.body)
    return upload.changed(
        status=TaskStatus.COMPLETED,
        is_duplicate=True,
        duplicate_of_upload_id=first.upload_id,
        object_id=first.object_id,
        existing_object_id=first.object_id,
        message="The bucket has a file with this hash; nothing needs to be uploaded.",
    )


def _statistics(stores: Stores, scope: Scope, bucket_id: str) -> Body:
    numbers = stores.records.counters(scope.key("upload_counts"), bucket_id)
    by_status = {s.value: numbers[s.value] for s in TaskStatus if numbers.get(s.value, 0) > 0}
    total, size, done = sum(by_status.values()), max(0, numbers.get("size_bytes", 0)), by_status.get("COMPLETED", 0)
    return {
        "total_uploads": total,
        "total_size_bytes": size,
        "uploads_by_status": by_status,
        "avg_file_size_bytes": size / done if done else 0.0,
        "unique_buckets": 1 if total else 0,
    }


def _count(stores: Stores, scope: Scope, bucket_id: str, deltas: Mapping[str, int]) -> None:
    stores.records.add(
        scope.key("upload_counts"), bucket_id, {k: v for k, v in deltas.items() if v} or {"size_bytes": 0}
    )


def _entry(scope: Scope, upload: Upload) -> Entry:
    return Entry(scope.key("upload", upload.bucket_id), upload.upload_id, upload.body())
