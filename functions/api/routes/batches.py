"""Routes of batches: create, fill, submit, trigger, watch, cancel."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from core.batches import (
    Batch,
    add_objects,
    cancel_batch,
    change_batch,
    create_batch,
    delete_batch,
    failed_documents,
    first_object_ids,
    get_batch,
    list_batches,
    logs,
    object_ids,
    submit_batch,
)
from core.buckets import Bucket, find_bucket
from core.collections import find_collection
from core.errors import InvalidRequest, NotFound
from core.paging import Paging, Selection, page_of
from core.retries import retry_batch
from core.status import TaskStatus
from core.stores import Stores
from core.tenancy import Scope
from core.triggers import trigger_bucket
from core.web.bodies import Body, OpenBody
from core.web.callers import DeleteScope, ReadScope, WriteScope
from functions.api.deps import Answer, Router, StoresOf
from functions.api.states import Status

scoped = Router(prefix="/buckets/{bucket_identifier}/batches", tags=["batches"])
Ids = Annotated[list[str], Field(min_length=1)]


class Objects(Body):
    """CreateBatchRequest and AddObjectsToBatchRequest."""

    object_ids: Ids


class ListBatches(Body):
    """ListBatchesRequest."""

    status: Status | None = None
    offset: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: str | None = None
    collection_id: str | None = None


class ChangeBatch(Body):
    """PatchBatchRequest."""

    metadata: dict[str, Any] | None = None


class Submit(Body):
    """SubmitBatchRequest."""

    include_processing_history: bool = True
    full: bool | None = None


class Retry(Body):
    """RetryBatchRequest."""

    retry_mode: Literal["transient_only", "all"] = "transient_only"
    tier_nums: list[int] | None = None
    max_retry_count: Annotated[int, Field(ge=1, le=10)] = 3


class Trigger(OpenBody):
    """BatchTriggerRequest."""

    collection_ids: list[str] | None = None
    object_ids: list[str] | None = None
    filters: dict[str, Any] | None = None
    full: bool = False


@scoped.post("")
def create(
    stores: StoresOf, scope: WriteScope, bucket_identifier: str, body: Objects, skip_validation: bool = False
) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    batch = create_batch(stores, scope, bucket, body.object_ids, checked=skip_validation)
    return Answer(whole(stores, scope, batch))


@scoped.post("/list")
def list_post(stores: StoresOf, scope: ReadScope, bucket_identifier: str, body: ListBatches | None = None) -> Answer:
    body = body or ListBatches()
    bucket = find_bucket(stores, scope, bucket_identifier)
    found = {b.batch_id: b for b in list_batches(stores, scope, bucket.bucket_id) if is_listed(b, body)}
    asked = Paging(body.limit, body.offset, body.cursor)
    cut, pagination = page_of((b.body() for b in found.values()), asked, Selection(), ("batch_id",))
    page = [found[b["batch_id"]] for b in cut]
    ids = first_object_ids(stores, scope, page)
    results = [shown(b, ids.get(b.batch_id)) for b in page]
    return Answer({"results": results, "total_count": len(found), "pagination": pagination})


@scoped.post("/trigger")
def trigger(
    stores: StoresOf, scope: WriteScope, bucket_identifier: str, body: Trigger | None = None, full: bool = False
) -> Answer:
    body = body or Trigger()
    bucket = find_bucket(stores, scope, bucket_identifier)
    wanted = [collection_id(stores, scope, c, i) for i, c in enumerate(body.collection_ids or ())] or None
    batch, _ = trigger_bucket(
        stores,
        scope,
        bucket,
        collection_ids=wanted,
        ids=body.object_ids or None,
        full=body.full or full,
        filters=body.filters,
    )
    return Answer(whole(stores, scope, batch))


@scoped.get("/{batch_id}")
def get(stores: StoresOf, scope: ReadScope, bucket_identifier: str, batch_id: str) -> Answer:
    return Answer(whole(stores, scope, found(stores, scope, bucket_identifier, batch_id)[1]))


@scoped.patch("/{batch_id}")
def change(stores: StoresOf, scope: WriteScope, bucket_identifier: str, batch_id: str, body: ChangeBatch) -> Answer:
    _, batch = found(stores, scope, bucket_identifier, batch_id)
    if body.metadata is not None:
        batch = change_batch(stores, scope, batch, metadata=body.metadata)
    return Answer(whole(stores, scope, batch))


@scoped.delete("/{batch_id}")
def delete(stores: StoresOf, scope: DeleteScope, bucket_identifier: str, batch_id: str) -> Answer:
    delete_batch(stores, scope, found(stores, scope, bucket_identifier, batch_id)[1])
    return Answer({"success": True, "message": "Batch deleted; its documents stay."})


@scoped.post("/{batch_id}/objects")
def add(
    stores: StoresOf,
    scope: WriteScope,
    bucket_identifier: str,
    batch_id: str,
    body: Objects,
    skip_validation: bool = False,
) -> Answer:
    bucket, batch = found(stores, scope, bucket_identifier, batch_id)
    batch = add_objects(stores, scope, bucket, batch, body.object_ids, checked=skip_validation)
    return Answer(whole(stores, scope, batch))


@scoped.post("/{batch_id}/submit")
def submit(
    stores: StoresOf,
    scope: WriteScope,
    bucket_identifier: str,
    batch_id: str,
    body: Submit | None = None,
    full: bool | None = None,
) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    wanted = body.full if body and body.full is not None else full
    _, task = submit_batch(stores, scope, bucket.bucket_id, batch_id, full=wanted)
    return Answer(task.answer())


@scoped.post("/{batch_id}/cancel")
def cancel(stores: StoresOf, scope: WriteScope, bucket_identifier: str, batch_id: str) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    return Answer(cancel_batch(stores, scope, bucket.bucket_id, batch_id).answer())


@scoped.post("/{batch_id}/retry")
def retry(
    stores: StoresOf, scope: WriteScope, bucket_identifier: str, batch_id: str, body: Retry | None = None
) -> Answer:
    body = body or Retry()
    bucket = find_bucket(stores, scope, bucket_identifier)
    batch, task, rows = retry_batch(
        stores,
        scope,
        bucket.bucket_id,
        batch_id,
        transient_only=body.retry_mode == "transient_only",
        tiers=body.tier_nums,
        max_retries=body.max_retry_count,
    )
    return Answer(
        {
            "batch_id": batch.batch_id,
            "task_id": task.task_id,
            "status": batch.status,
            "retried_count": rows,
            "message": f"{rows} failed row{'' if rows == 1 else 's'} will be tried again.",
        }
    )


@scoped.get("/{batch_id}/failed-documents")
def failed(
    stores: StoresOf,
    scope: ReadScope,
    bucket_identifier: str,
    batch_id: str,
    tier_num: Annotated[int | None, Query(ge=0, le=1000)] = None,
    collection_id: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
) -> Answer:
    found(stores, scope, bucket_identifier, batch_id)
    documents = list(failed_documents(stores, scope, batch_id, tier=tier_num, collection_id=collection_id))
    return Answer(
        {
            "batch_id": batch_id,
            "failed_documents": documents[offset : offset + limit],
            "total": len(documents),
            "limit": limit,
            "offset": offset,
        }
    )


@scoped.get("/{batch_id}/logs")
def read_logs(
    stores: StoresOf,
    scope: ReadScope,
    bucket_identifier: str,
    batch_id: str,
    tier_num: Annotated[int | None, Query(ge=0, le=1000)] = None,
) -> Answer:
    _, batch = found(stores, scope, bucket_identifier, batch_id)
    tasks = {tier["tier_num"]: tier.get("task_id") for tier in batch.tier_tasks}
    texts = logs(stores, scope, batch_id, tier=tier_num)
    tiers = [{"tier_num": n, "logs": text, "task_id": tasks.get(n)} for n, text in texts.items()]
    return Answer({"batch_id": batch_id, "tiers": tiers})


def found(stores: Stores, scope: Scope, bucket_identifier: str, batch_id: str) -> tuple[Bucket, Batch]:
    """The bucket and the batch that a path names."""
    bucket = find_bucket(stores, scope, bucket_identifier)
    return bucket, get_batch(stores, scope, bucket.bucket_id, batch_id)


def collection_id(stores: Stores, scope: Scope, identifier: str, position: int) -> str:
    """The id of the collection that a body names."""
    try:
        return find_collection(stores, scope, identifier).collection_id
    except NotFound as error:
        raise InvalidRequest(error.problem, error.fix, f"collection_ids[{position}]") from error


def is_listed(batch: Batch, body: ListBatches) -> bool:
    """Whether a list request wants the batch."""
    fills = {c for tier in batch.tier_tasks for c in tier.get("collection_ids", ())} | set(batch.collection_ids or ())
    return (body.status is None or batch.status == body.status) and (
        body.collection_id is None or body.collection_id in fills
    )


def whole(stores: Stores, scope: Scope, batch: Batch) -> dict[str, Any]:
    """BatchModel with all object ids."""
    return shown(batch, [i for chunk in object_ids(stores, scope, batch.batch_id) for i in chunk])


def shown(batch: Batch, ids: list[str] | None) -> dict[str, Any]:
    """BatchModel; lists leave out the ids of batches with more than a thousand objects."""
    running = batch.status in (TaskStatus.PENDING, TaskStatus.PROCESSING)
    tiers = [tier["collection_ids"] for tier in batch.tier_tasks] or None
    return (
        batch.model_dump(mode="json", exclude={"chunks", "retrying", "full", "submitted_at", "filters"})
        | ({"object_ids": ids} if ids is not None else {})
        | {"current_tier": 0 if running else None, "total_tiers": 1, "dag_tiers": tiers}
    )
