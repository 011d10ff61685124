"""Routes of objects."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from core.buckets import Bucket, find_bucket
from core.errors import InvalidRequest
from core.objects import (
    change_object,
    create_object,
    create_objects,
    delete_object,
    get_object,
    list_objects,
)
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.tenancy import Scope
from core.triggers import trigger_bucket
from core.web.bodies import Body, OpenBody
from core.web.callers import DeleteScope, ReadScope, WriteScope
from functions.api.deps import Answer, PagingOf, Router, StoresOf
from functions.api.listing import ListBody
from functions.api.routes.buckets import FieldType
from functions.api.routes.imports import RowsOf

scoped = Router(prefix="/buckets/{bucket_identifier}/objects", tags=["objects"])
URL_LIVES_S = 3600


class Mirroring(BaseModel):
    """What the official client always sends: files are fetched where they are processed, and none is mirrored."""

    canonicalize_source: bool | None = Field(None, exclude=True)
    force_remirror: Literal[False] | None = Field(None, exclude=True)


class CreateBlob(Body, Mirroring):
    """CreateBlobRequest; `url` is the plain way to say that the data is a file elsewhere."""

    property: str = Field(min_length=1, max_length=100)
    type: FieldType
    key_prefix: str | None = None
    data: Any = None
    url: str | None = None
    upload_id: str | None = Field(None, pattern=r"^upl_[a-zA-Z0-9_-]+$")
    metadata: dict[str, Any] | None = None


class ShortBlob(OpenBody):
    """The high-level client's form: a blob for the bucket's only blob property."""

    property: str | None = None
    type: FieldType | None = None
    data: Any = None
    url: str | None = None


class CreateObject(OpenBody, Mirroring):
    """CreateObjectRequest; every other key is a property of the object."""

    key_prefix: str | None = None
    blobs: list[CreateBlob] = []
    blob: ShortBlob | None = None
    skip_duplicates: bool = False
    metadata: dict[str, Any] | None = None


class CreateObjects(Body):
    """CreateObjectsBatchRequest; the platform takes ten times the contract's 100."""

    objects: list[CreateObject] = Field(max_length=1000)


class ChangeObject(OpenBody):
    """PatchObjectRequest; every other key is a property of the object."""

    key_prefix: str | None = None
    skip_duplicates: bool | None = None
    metadata: dict[str, Any] | None = None


class ListObjects(ListBody):
    """ListObjectsRequest, and the paging that the high-level client puts into bodies."""

    select: list[str] | None = None


@scoped.post("")
def create(
    stores: StoresOf,
    scope: WriteScope,
    bucket_identifier: str,
    body: CreateObject,
    policy: str | None = None,
    auto_process: bool = False,
) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    made = create_object(stores, scope, bucket, body.model_dump(exclude_unset=True), policy)
    processed = process(stores, scope, bucket, [made.object_id]) if auto_process else {}
    return Answer(made.answer() | processed)


@scoped.post("/batch")
def create_many(
    stores: StoresOf, scope: WriteScope, bucket_identifier: str, body: CreateObjects, auto_process: bool = False
) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    made, failures = create_objects(stores, scope, bucket, [o.model_dump(exclude_unset=True) for o in body.objects])
    answer = {
        "succeeded": [o.answer() for o in made],
        "failed": [f.answer() for f in failures],
        "total_requested": len(body.objects),
        "succeeded_count": len(made),
        "failed_count": len(failures),
    }
    return Answer(answer | (process(stores, scope, bucket, [o.object_id for o in made]) if auto_process else {}))


@scoped.post("/list")
def list_post(
    stores: StoresOf,
    scope: ReadScope,
    rows: RowsOf,
    bucket_identifier: str,
    paging: PagingOf,
    body: ListObjects | None = None,
) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    body = body or ListObjects()
    page, pagination = list_objects(stores, scope, bucket, body.page(paging), body.selection, rows)
    if body.select:
        kept = {*body.select, "object_id", "bucket_id"}
        page = [{k: v for k, v in item.items() if k in kept} for item in page]
    return Answer({"results": page, "pagination": pagination})


@scoped.get("/{object_identifier}")
def get(
    stores: StoresOf,
    scope: ReadScope,
    rows: RowsOf,
    bucket_identifier: str,
    object_identifier: str,
    return_presigned_urls: Annotated[bool, Query()] = False,
) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    answer = get_object(stores, scope, bucket.bucket_id, object_identifier, rows).answer()
    return Answer(with_urls(stores, scope, bucket, answer) if return_presigned_urls else answer)


@scoped.patch("/{object_identifier}")
def change(
    stores: StoresOf, scope: WriteScope, bucket_identifier: str, object_identifier: str, body: ChangeObject
) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    asked = body.model_dump(exclude_unset=True)
    return Answer(change_object(stores, scope, bucket, object_identifier, asked).answer())


@scoped.delete("/{object_identifier}", status_code=204)
def delete(stores: StoresOf, scope: DeleteScope, bucket_identifier: str, object_identifier: str) -> Answer:
    delete_object(stores, scope, find_bucket(stores, scope, bucket_identifier), object_identifier)
    return Answer(status_code=204)


def process(stores: Stores, scope: Scope, bucket: Bucket, ids: list[str]) -> dict[str, Any]:
    """Submit the new objects to the bucket's collections; where there are none, the answer says so."""
    if not ids:
        return {}
    try:
        batch, task = trigger_bucket(stores, scope, bucket, ids=ids)
    except InvalidRequest as error:
        return {"warnings": [f"auto_process did nothing. {error}"]}
    return {"batch_id": batch.batch_id, "task_id": task.task_id}


def with_urls(stores: Stores, scope: Scope, bucket: Bucket, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with a URL to read each file that the platform holds."""
    ours = f"s3://{stores.settings.object_bucket}/{scope.prefix}/{bucket.bucket_id}/"
    for blob in answer["blobs"]:
        if blob.get("url", "").startswith(ours):
            blob["presigned_url"] = stores.blobs.presign_get(BlobRef.parse(blob["url"]), URL_LIVES_S)
    return answer
