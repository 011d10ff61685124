"""Routes of buckets."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.buckets import Bucket, Counts, change_bucket, counts_of, create_bucket, each_bucket, find_bucket, find_counted
from core.paging import Paging, page_of
from core.removal import remove_bucket
from core.web.bodies import Body
from core.web.callers import DeleteScope, ReadScope, WriteScope
from functions.api.deps import Answer, Router, StoresOf, either, given
from functions.api.listing import ListBody

scoped = Router(prefix="/buckets", tags=["buckets"])
SEARCHED = ("bucket_name", "bucket_id", "description")
FieldType = Literal[
    "string", "number", "integer", "float", "boolean", "object", "array", "date", "datetime",
    "text", "image", "audio", "video", "pdf", "excel",
]  # fmt: skip


class SchemaField(BaseModel):
    """BucketSchemaField; what else a field says is kept."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: FieldType
    items: "SchemaField | None" = None
    properties: "dict[str, SchemaField] | None" = None
    description: str | None = None
    examples: list[Any] | None = None
    enum: list[Any] | None = None
    required: bool | None = None


class Schema(BaseModel):
    """BucketSchema."""

    model_config = ConfigDict(extra="allow", strict=True)

    properties: dict[str, SchemaField]


class UniqueKey(Body):
    """UniqueKeyConfig."""

    fields: list[str] = Field(min_length=1)
    default_policy: Literal["insert", "update", "upsert"] | None = None


class CreateBucket(Body):
    """BucketCreateRequest, and whether uploads are processed as they come."""

    bucket_name: str | None = None
    name: str | None = None
    description: str | None = None
    bucket_schema: Schema | None = None
    unique_key: UniqueKey | None = None
    metadata: dict[str, Any] | None = None
    process_on_upload: bool | None = None


class ChangeBucket(Body):
    """BucketPatchRequest and BucketUpdateRequest."""

    bucket_name: str | None = None
    description: str | None = None
    bucket_schema: Schema | None = None
    metadata: dict[str, Any] | None = None
    process_on_upload: bool | None = None


@scoped.post("")
def create(stores: StoresOf, scope: WriteScope, body: CreateBucket) -> Answer:
    name = either(body.bucket_name, body.name, "bucket_name", "name")
    bucket = create_bucket(stores, scope, name, **given(body, without=("bucket_name", "name")))
    return Answer(shown(bucket, Counts()))


@scoped.post("/list")
def list_post(stores: StoresOf, scope: ReadScope, body: ListBody | None = None) -> Answer:
    body = body or ListBody()
    found = (bucket.body() for bucket in each_bucket(stores, scope))
    page, pagination = page_of(found, body.page(Paging()), body.selection, SEARCHED)
    results = [shown(Bucket.model_validate(b), counts_of(stores, scope, b["bucket_id"])) for b in page]
    return Answer({"results": results, "total_count": pagination["total"], "pagination": pagination})


@scoped.get("/{bucket_identifier}")
def get(stores: StoresOf, scope: ReadScope, bucket_identifier: str) -> Answer:
    return Answer(shown(*find_counted(stores, scope, bucket_identifier)))


@scoped.patch("/{bucket_identifier}")
@scoped.put("/{bucket_identifier}")
def change(stores: StoresOf, scope: WriteScope, bucket_identifier: str, body: ChangeBucket) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    changed = change_bucket(stores, scope, bucket, **given(body))
    return Answer(shown(changed, counts_of(stores, scope, changed.bucket_id)))


@scoped.delete("/{bucket_identifier}")
def delete(stores: StoresOf, scope: DeleteScope, bucket_identifier: str) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    task = remove_bucket(stores, scope, bucket)
    told = {"success": True, "message": f"Bucket {bucket.bucket_name!r} was deleted; what it held follows."}
    return Answer(told | {"task_id": task.task_id, "status": task.status})


def shown(bucket: Bucket, counts: Counts) -> dict[str, Any]:
    """BucketResponse."""
    return bucket.body() | {
        "object_count": counts.objects,
        "total_size_bytes": counts.size_bytes,
        "status": "ACTIVE",
        "is_locked": False,
    }
