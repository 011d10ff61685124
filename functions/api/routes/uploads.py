"""Routes of uploads into buckets."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from core.buckets import find_bucket
from core.confirmations import confirm_upload, confirm_uploads
from core.uploads import create_uploads, delete_upload, get_upload, list_uploads, presigned
from core.web.bodies import Body, OpenBody
from core.web.callers import DeleteScope, ReadScope, WriteScope
from functions.api.deps import Answer, PagingOf, Router, StoresOf, given
from functions.api.listing import ListBody

scoped = Router(prefix="/buckets/{bucket_identifier}/uploads", tags=["uploads"])


class CreateUpload(Body):
    """CreateUploadRequest."""

    filename: str = Field(min_length=1, max_length=255)
    content_type: str = Field(max_length=255)
    file_size_bytes: int | None = Field(None, ge=1)
    presigned_url_expiration: int = Field(3600, ge=60, le=86400)
    metadata: dict[str, Any] | None = None
    create_object_on_confirm: bool = True
    object_metadata: dict[str, Any] | None = None
    blob_property: str | None = Field(None, pattern=r"^[a-zA-Z0-9_]+$")
    blob_type: str | None = None
    file_hash: str | None = Field(None, pattern=r"^[a-f0-9]{64}$")
    skip_duplicates: bool = True


class CreateUploads(Body):
    """BatchUploadRequest; an upload's own metadata wins over what all share."""

    uploads: list[CreateUpload] = Field(min_length=1, max_length=100)
    shared_metadata: dict[str, Any] | None = None
    shared_object_metadata: dict[str, Any] | None = None


class ConfirmUpload(Body):
    """ConfirmUploadRequest."""

    etag: str | None = None
    file_size_bytes: int | None = Field(None, ge=1)


class Confirmation(OpenBody):
    """One of BatchConfirmRequest's confirmations."""

    upload_id: str
    etag: str | None = None
    file_size_bytes: int | None = Field(None, ge=1)


class ConfirmUploads(Body):
    """BatchConfirmRequest."""

    confirmations: list[Confirmation] = Field(min_length=1, max_length=100)


class ListUploads(ListBody):
    """ListUploadsRequest."""

    return_presigned_urls: bool = False


@scoped.post("")
def create(stores: StoresOf, scope: WriteScope, bucket_identifier: str, body: CreateUpload) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    ((upload, url),) = create_uploads(stores, scope, bucket, [given(body)])
    return Answer(upload.answer(url))


@scoped.post("/batch")
def create_many(stores: StoresOf, scope: WriteScope, bucket_identifier: str, body: CreateUploads) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    asked = [shared(given(upload), body) for upload in body.uploads]
    uploads = [upload.answer(url) for upload, url in create_uploads(stores, scope, bucket, asked)]
    return Answer({"uploads": uploads, "total": len(uploads)})


@scoped.post("/list")
def list_post(
    stores: StoresOf, scope: ReadScope, bucket_identifier: str, paging: PagingOf, body: ListUploads | None = None
) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    body = body or ListUploads()
    page, pagination, stats = list_uploads(
        stores, scope, bucket.bucket_id, body.page(paging), body.selection, with_urls=body.return_presigned_urls
    )
    return Answer({"results": page, "pagination": pagination, "stats": stats})


@scoped.post("/confirm/batch")
def confirm_many(stores: StoresOf, scope: WriteScope, bucket_identifier: str, body: ConfirmUploads) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    task = confirm_uploads(stores, scope, bucket, [c.model_dump(exclude_unset=True) for c in body.confirmations])
    return Answer(
        {
            "task_id": task.task_id,
            "status": task.status,
            "confirmations_count": len(body.confirmations),
            "task": task.answer(),
            "message": task.error or "All uploads were confirmed.",
        }
    )


@scoped.get("/{upload_id}")
def get(
    stores: StoresOf,
    scope: ReadScope,
    bucket_identifier: str,
    upload_id: str,
    return_presigned_urls: bool = False,
) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    upload = get_upload(stores, scope, bucket.bucket_id, upload_id)
    return Answer(upload.answer(presigned(stores, upload) if return_presigned_urls else None))


@scoped.delete("/{upload_id}", status_code=204)
def delete(
    stores: StoresOf, scope: DeleteScope, bucket_identifier: str, upload_id: str, delete_s3_object: bool = True
) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    delete_upload(stores, scope, bucket.bucket_id, upload_id, with_file=delete_s3_object)
    return Answer(status_code=204)


@scoped.post("/{upload_id}/confirm")
def confirm(
    stores: StoresOf,
    scope: WriteScope,
    bucket_identifier: str,
    upload_id: str,
    body: ConfirmUpload | None = None,
    later: Annotated[bool, Query(alias="async")] = False,
) -> Answer:
    """With or without `async` the answer comes when it is done, which takes milliseconds."""
    bucket = find_bucket(stores, scope, bucket_identifier)
    said = body or ConfirmUpload()
    upload = confirm_upload(stores, scope, bucket, upload_id, etag=said.etag, size_bytes=said.file_size_bytes)
    keys = ("upload_id", "etag", "file_size_bytes", "file_hash", "verified_at", "completed_at", "object_id", "task_id")
    return Answer(upload.model_dump(mode="json", include={*keys, "status", "message"}))


def shared(upload: dict[str, Any], body: CreateUploads) -> dict[str, Any]:
    """The upload with what the request gives to all of them."""
    for key, common in (("metadata", body.shared_metadata), ("object_metadata", body.shared_object_metadata)):
        if common:
            upload[key] = common | upload.get(key, {})
    return upload
