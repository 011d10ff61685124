"""Confirmation: an uploaded file becomes an object. Asked for by a client or by the arrival of the file, any number of
times, it makes one object."""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from core.buckets import Bucket, counts_of
from core.errors import Expired, InvalidRequest, QuotaExceeded, UploadMissing
from core.objects import Object, checked_properties, insert_once, objects_of
from core.quotas import check_count
from core.status import TaskStatus
from core.stores import Stores
from core.stores.blobs import BlobInfo, BlobRef
from core.stores.records import Body
from core.tasks import Task, create_task, update_task
from core.tenancy import Scope
from core.uploads import (
    Upload,
    completed,
    completed_meanwhile,
    dropped_if_refused,
    file_of,
    get_upload,
    keep,
    uploaded_blob,
    verified,
)
from plugin_sdk.errors import PlatformError

HASHED_BYTES = 128 * 1024 * 1024
AT_ONCE = 8
TASK_TYPE = "api_buckets_uploads_batch_confirm"


def confirm_upload(
    stores: Stores,
    scope: Scope,
    bucket: Bucket,
    upload_id: str,
    *,
    etag: str | None = None,
    size_bytes: int | None = None,
) -> Upload:
    """The upload, its file checked and its object made; once it is so, nothing is done again.

    Raises:
        InvalidRequest: size, ETag or hash differ from what was said, or the file is not of the property's type.
        UploadMissing: the file is not there; Expired: and will not come.
    """
    upload = get_upload(stores, scope, bucket.bucket_id, upload_id)
    if upload.status is TaskStatus.COMPLETED:
        _check_said(upload, etag, size_bytes)
        return upload
    if upload.create_object_on_confirm:
        _check_room(stores, scope, upload)
    try:
        kept, info = keep(stores, upload, lambda info: _check_file(upload, info, etag, size_bytes))
    except (UploadMissing, Expired) as missing:
        upload = completed_meanwhile(stores, scope, upload, missing)
        _check_said(upload, etag, size_bytes)
        return upload
    with dropped_if_refused(stores, kept):
        _check_hash(stores, kept, info)
        made = _object(stores, bucket, kept, info) if upload.create_object_on_confirm else None
    fields = verified(kept, info)
    if made is None:
        return completed(stores, scope, upload, **fields)
    held = insert_once(stores, scope, made, bucket)
    if held.object_id != made.object_id:
        fields |= {"skipped_unique_key": True, "existing_object_id": held.object_id}
    elif held.blobs[0].url != made.blobs[0].url:  # another file was confirmed first
        stores.blobs.delete(file_of(stores, kept))
        fields |= _told_by(held)
    return completed(stores, scope, upload, object_id=held.object_id, **fields)


def keep_upload(stores: Stores, scope: Scope, bucket: Bucket, upload_id: str) -> Upload:
    """The upload, its file where it stays; no object is made of the file, unless that has happened already.

    Raises:
        as `confirm_upload`.
    """

    def without_object(body: Body) -> Body | None:
        return body | {"create_object_on_confirm": False} if body["status"] == TaskStatus.PENDING else None

    stores.records.update(scope.key("upload", bucket.bucket_id), upload_id, without_object)
    return confirm_upload(stores, scope, bucket, upload_id)


def confirm_uploads(stores: Stores, scope: Scope, bucket: Bucket, asked: Sequence[Mapping[str, Any]]) -> Task:
    """Confirm each upload of the list; the task tells what became of each."""
    task = create_task(stores, scope, TASK_TYPE, [dict(a) for a in asked])

    def confirmed(one: Mapping[str, Any]) -> dict[str, Any]:
        said = {"etag": one.get("etag"), "size_bytes": one.get("file_size_bytes")}
        try:
            upload = confirm_upload(stores, scope, bucket, str(one["upload_id"]), **said)
        except PlatformError as error:
            return {"upload_id": one["upload_id"], "status": "FAILED", "error": str(error), "error_type": error.code}
        return {"upload_id": upload.upload_id, "status": "COMPLETED", "object_id": upload.object_id}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        outputs = list(pool.map(confirmed, asked))
    failed = sum(o["status"] == "FAILED" for o in outputs)
    status = TaskStatus.COMPLETED if not failed else TaskStatus.COMPLETED_WITH_ERRORS
    if failed == len(outputs):
        status = TaskStatus.FAILED
    error = f"{failed} of {len(outputs)} uploads were not confirmed; outputs tells why." if failed else None
    return update_task(stores, scope.org_id, task.task_id, status=status, outputs=outputs, error=error)


def _object(stores: Stores, bucket: Bucket, upload: Upload, info: BlobInfo) -> Object:
    """Its id follows from the upload's, so that a second confirmation finds the first one's object."""
    blob = uploaded_blob(stores, bucket, upload, info)
    return Object(
        object_id=_object_id(upload),
        bucket_id=bucket.bucket_id,
        blobs=[blob],
        metadata=checked_properties(bucket, {"metadata": upload.object_metadata or {}}, [blob]),
        source_details=[{"type": "bucket", "source_id": bucket.bucket_id}],
    )


def _object_id(upload: Upload) -> str:
    return f"obj_{upload.upload_id.removeprefix('upl_')}"


def _check_room(stores: Stores, scope: Scope, upload: Upload) -> None:
    """Let pass as long as the bucket has room for the upload's object, or has that object: before its file is copied."""
    try:
        check_count(stores, "objects", counts_of(stores, scope, upload.bucket_id).objects)
    except QuotaExceeded:
        if not objects_of(stores, scope, upload.bucket_id, [_object_id(upload)]):
            raise


def _check_said(upload: Upload, etag: str | None, size_bytes: int | None) -> None:
    """Let pass what is said of an upload that is COMPLETED already, as the event of its file may have made it."""
    told = {"etag": (etag and etag.strip('"'), upload.etag), "file_size_bytes": (size_bytes, upload.file_size_bytes)}
    for field, (said, found) in told.items():
        if said is not None and found is not None and said != found:
            raise InvalidRequest(f"{field} is {said!r}; the uploaded file has {found!r}.", "PUT the file again.", field)


def _told_by(held: Object) -> dict[str, Any]:
    """What the upload's object says of the file that was kept for it."""
    key = BlobRef.parse(str(held.blobs[0].url)).key
    return {"s3_key": key, "etag": key.split("/")[-2], "file_size_bytes": held.blobs[0].size_bytes}


def _check_file(upload: Upload, info: BlobInfo, etag: str | None, size_bytes: int | None) -> None:
    for said in (size_bytes, upload.file_size_bytes):
        if said is not None and said != info.size_bytes:
            raise InvalidRequest(
                f"file_size_bytes is {said}; the uploaded file has {info.size_bytes} bytes.",
                "PUT the whole file again, or correct the number.",
                "file_size_bytes",
            )
    if etag is not None and etag.strip('"') != info.etag:
        raise InvalidRequest(f"etag is {etag!r}; the uploaded file has {info.etag!r}.", "PUT the file again.", "etag")


def _check_hash(stores: Stores, upload: Upload, info: BlobInfo) -> None:
    if upload.file_hash and info.size_bytes <= HASHED_BYTES:
        found = hashlib.sha256(stores.blobs.get(file_of(stores, upload))).hexdigest()
        if found != upload.file_hash:
            raise InvalidRequest(
                f"file_hash is {upload.file_hash}; the uploaded file's is {found}.", "PUT the file again.", "file_hash"
            )
