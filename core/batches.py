"""Batch: objects of one bucket, submitted for feature extraction together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from core.buckets import Bucket
from core.collections import Collection, collections_of_bucket
from core.errors import AlreadyExists, IllegalTransition, InvalidRequest, NotFound, StoreUnavailable
from core.ids import now, ordered_id
from core.imported import count_objects, find_rows
from core.noun import Noun
from core.status import TaskStatus
from core.stores import Stores
from core.stores.records import Body, Entry, chunks
from core.tasks import Task, create_task, get_task, update_task
from core.tenancy import Scope

ACTIVE = "active_batches"
"""Partition of pointers to the batches of all tenants that may wait or run, for the janitor."""

CHUNK = 1000
FIRST_CHUNK = "000000"
MAX_ADDED_CHUNKS = 100
NAMED_AT_MOST = 5
RETRIED_ROWS = "rows#"
"""Begins the sort keys of the failed rows that a retry runs again, beside its objects."""

TASK_TYPE = "api_buckets_batches_process"
WAITING_OR_RUNNING = {TaskStatus.PENDING, TaskStatus.IN_PROGRESS, TaskStatus.PROCESSING}
FOLLOWS = {
    TaskStatus.DRAFT: {TaskStatus.PENDING},
    TaskStatus.PENDING: {TaskStatus.PROCESSING, TaskStatus.FAILED, TaskStatus.CANCELED},
    TaskStatus.IN_PROGRESS: {*TaskStatus} - {TaskStatus.DRAFT},
    TaskStatus.PROCESSING: {
        TaskStatus.COMPLETED,
        TaskStatus.COMPLETED_WITH_ERRORS,
        TaskStatus.FAILED,
        TaskStatus.CANCELED,
    },
    TaskStatus.COMPLETED: {TaskStatus.PENDING},
    TaskStatus.COMPLETED_WITH_ERRORS: {TaskStatus.PENDING},
    TaskStatus.FAILED: {TaskStatus.PENDING},
    TaskStatus.CANCELED: {TaskStatus.PENDING},
}


class Batch(Noun):
    """A batch as stored. Its object ids lie beside it in chunks of 1,000, since a record holds 400 KB at most.

    `collection_ids` restricts it to these collections; None means all that the bucket feeds when it is submitted.
    `full` says that its objects are processed even where their documents are up to date. `filters` narrows the rows of
    imports among its objects.
    """

    batch_id: str
    bucket_id: str
    type: str = "BUCKET"
    status: TaskStatus = TaskStatus.DRAFT
    object_count: int = 0
    chunks: int = 0
    collection_ids: list[str] | None = None
    task_id: str | None = None
    error: str | None = None
    error_summary: dict[str, int] | None = None
    metadata: dict[str, Any] = {}
    tier_tasks: list[dict[str, Any]] = []
    retrying: bool = False
    full: bool = False
    submitted_at: datetime | None = None
    filters: dict[str, Any] | None = None
    requeued: int = 0

    def to(self, status: TaskStatus) -> "Batch":
        """The batch in its next state.

        Raises:
            IllegalTransition: that state does not follow.
        """
        if status is self.status:
            return self
        if status not in FOLLOWS.get(self.status, ()):
            raise IllegalTransition(
                f"The batch {self.batch_id} is {self.status} and can't become {status}.",
                "Wait until it has ended, or cancel it." if self.status in WAITING_OR_RUNNING else "Submit it first.",
            )
        return self.changed(status=status)


def create_batch(
    stores: Stores,
    scope: Scope,
    bucket: Bucket,
    object_ids: Iterable[str],
    *,
    collection_ids: list[str] | None = None,
    checked: bool = False,
    filters: dict[str, Any] | None = None,
) -> Batch:
    """A DRAFT batch of these objects; `checked` says that they are known to exist.

    Raises:
        InvalidRequest: one of them does not exist.
    """
    batch = Batch(
        batch_id=ordered_id("btch"), bucket_id=bucket.bucket_id, collection_ids=collection_ids, filters=filters
    )
    ids = list(dict.fromkeys(object_ids))
    if not checked:
        _check_exist(stores, scope, bucket, ids)
    parts = _chunks(scope, batch.batch_id, ids)
    stores.records.put_many(parts)  # first: a batch that is seen has all its objects
    objects = count_objects(stores, scope, bucket.bucket_id, ids)
    batch = batch.model_copy(update={"object_count": objects, "chunks": len(parts)})
    stores.records.create(Entry(scope.key("batch", bucket.bucket_id), batch.batch_id, batch.body()))
    return batch


def get_batch(stores: Stores, scope: Scope, bucket_id: str, batch_id: str) -> Batch:
    """The batch.

    Raises:
        NotFound: the bucket has none of this id.
    """
    record = stores.records.get(scope.key("batch", bucket_id), batch_id) if batch_id else None
    if record is None:
        raise NotFound(
            f"There is no batch {batch_id[:100]!r} in this bucket.",
            "List the bucket's batches: 'mixpeek batch list --bucket NAME'.",
        )
    return Batch.model_validate(record.body)


def list_batches(stores: Stores, scope: Scope, bucket_id: str) -> list[Batch]:
    """Every batch of the bucket, oldest first: what is added moves no page of a list."""
    found = [Batch.model_validate(r.body) for r in stores.records.each(scope.key("batch", bucket_id))]
    return sorted(found, key=lambda b: (b.created_at, b.batch_id))


def object_ids(stores: Stores, scope: Scope, batch_id: str) -> Iterator[list[str]]:
    """The ids of the batch's objects, up to 1,000 at a time."""
    for record in stores.records.each(scope.key("batch_objects", batch_id), page_size=10):
        yield list(record.body["object_ids"])


def first_object_ids(stores: Stores, scope: Scope, batches: Sequence[Batch]) -> dict[str, list[str]]:
    """The object ids of those batches that have no more than one chunk of them, by batch id; one call for all."""
    small = [b for b in batches if b.chunks <= 1]
    records = stores.records.get_many([(scope.key("batch_objects", b.batch_id), FIRST_CHUNK) for b in small])
    by_key = {record.pk: record.body["object_ids"] for record in records}
    return {b.batch_id: by_key.get(scope.key("batch_objects", b.batch_id), []) for b in small}


def add_objects(
    stores: Stores, scope: Scope, bucket: Bucket, batch: Batch, ids: Sequence[str], *, checked: bool = False
) -> Batch:
    """The DRAFT batch with these objects too; those that it has are not added twice.

    Raises:
        IllegalTransition: it was submitted.
        InvalidRequest: an object does not exist.
    """
    _check_draft(batch)
    if not checked:
        _check_exist(stores, scope, bucket, ids)
    if len(ids) > CHUNK * MAX_ADDED_CHUNKS:
        most = CHUNK * MAX_ADDED_CHUNKS
        raise InvalidRequest(f"object_ids holds {len(ids)} ids.", f"Add at most {most} at once.", "object_ids")
    added = _append_ids(stores, scope, batch.batch_id, ids)
    new = count_objects(stores, scope, bucket.bucket_id, [i for entry in added for i in entry.body["object_ids"]])

    def grown(current: Batch) -> Batch:
        _check_draft(current)
        return current.changed(
            object_count=current.object_count + new,
            chunks=current.chunks + len(added),
        )

    try:
        return _update(stores, scope, bucket.bucket_id, batch.batch_id, grown)
    except IllegalTransition:  # submitted in between: without these objects
        stores.records.delete_many([(entry.pk, entry.sk) for entry in added])
        raise


def change_batch(stores: Stores, scope: Scope, batch: Batch, **fields: Any) -> Batch:
    """The batch with these fields changed; its status only moves by `set_status`."""
    return _update(stores, scope, batch.bucket_id, batch.batch_id, lambda current: current.changed(**fields))


def delete_batch(stores: Stores, scope: Scope, batch: Batch) -> None:
    """Delete the batch and what it left beside its documents.

    Raises:
        IllegalTransition: it waits or runs.
    """
    if batch.status in WAITING_OR_RUNNING:
        raise IllegalTransition(f"The batch {batch.batch_id} is {batch.status}.", "Cancel it first.")
    for kind in ("failed", "batch_log", "retry"):
        _forget(stores, scope, kind, batch.batch_id)
    stores.records.delete(scope.key("batch", batch.bucket_id), batch.batch_id)
    _forget(stores, scope, "batch_objects", batch.batch_id)


def submit_batch(
    stores: Stores, scope: Scope, bucket_id: str, batch_id: str, *, full: bool | None = None
) -> tuple[Batch, Task]:
    """Queue the batch: PENDING, with a task that tells how it goes. One that has ended is run once more.

    The first time all of its objects are processed; later on, only those whose documents are not up to date. `full`
    says which of the two is wanted.

    Raises:
        InvalidRequest: it has no objects, or no collection takes them.
        IllegalTransition: it waits or runs.
    """
    batch = get_batch(stores, scope, bucket_id, batch_id)
    if batch.status in WAITING_OR_RUNNING:
        raise _running(batch)
    _check_filled(batch)
    is_new = batch.status is TaskStatus.DRAFT

    def forget() -> None:
        for kind in () if is_new else ("failed", "batch_log", "retry"):
            _forget(stores, scope, kind, batch_id)

    return _submit(stores, scope, batch, forget, full=is_new if full is None else full)


def submit_new(
    stores: Stores, scope: Scope, batch: Batch, collections: Sequence[Collection], *, full: bool
) -> tuple[Batch, Task]:
    """Queue a batch that was made just now for these collections, as `submit_batch` does.

    Raises:
        InvalidRequest: it has no objects.
    """
    _check_filled(batch)
    return _submit(stores, scope, batch, lambda: None, full=full, collections=collections)


def resubmit(
    stores: Stores, scope: Scope, batch: Batch, check: Callable[[], None], prepare: Callable[[], None]
) -> tuple[Batch, Task]:
    """Queue a batch that has ended for a part of its objects: `check` may refuse, `prepare` writes down which.

    Raises:
        IllegalTransition: it was never submitted, waits, or runs.
    """
    if batch.status in WAITING_OR_RUNNING:
        raise _running(batch)
    if batch.status is TaskStatus.DRAFT:
        raise IllegalTransition(f"The batch {batch.batch_id} was never submitted.", "Submit it.")
    check()
    return _submit(stores, scope, batch, prepare, retrying=True)


def cancel_batch(stores: Stores, scope: Scope, bucket_id: str, batch_id: str) -> Task:
    """Cancel a batch that waits or runs; the batch service stops it at the next partition. Again changes nothing.

    Raises:
        IllegalTransition: it was never submitted, or has ended.
    """
    batch = set_status(stores, scope, bucket_id, batch_id, TaskStatus.CANCELED)
    task_id = batch.task_id or ""
    update_task(stores, scope.org_id, task_id, status=TaskStatus.CANCELED)
    return get_task(stores, scope.org_id, task_id)


def set_status(stores: Stores, scope: Scope, bucket_id: str, batch_id: str, status: TaskStatus, **fields: Any) -> Batch:
    """Move the batch on, with other fields if given; the state that it is in may be set again.

    Raises:
        IllegalTransition: that state does not follow, e.g. because the batch was canceled.
    """

    def moved(batch: Batch) -> Batch:
        tiers = [tier | _tier_change(tier, status) for tier in batch.tier_tasks]
        return batch.to(status).changed(**{"tier_tasks": tiers, **fields})

    return _update(stores, scope, bucket_id, batch_id, moved)


def active_of(scope: Scope, bucket_id: str, batch_id: str) -> Entry:
    """The pointer by which the janitor finds a batch whose job was lost."""
    place = {"org_id": scope.org_id, "namespace_id": scope.namespace_id, "bucket_id": bucket_id, "batch_id": batch_id}
    return Entry(ACTIVE, "#".join(place.values()), place)


def queue_again(stores: Stores, scope: Scope, batch: Batch) -> None:
    """Send the job of a batch that waits or runs once more: the one before was lost.

    Raises:
        IllegalTransition: it has ended.
    """

    def noted(current: Batch) -> Batch:
        if current.status not in WAITING_OR_RUNNING:
            raise IllegalTransition(f"The batch {current.batch_id} is {current.status}.", "Submit it again.")
        return current.changed(requeued=current.requeued + 1)

    _queue(stores, scope, _update(stores, scope, batch.bucket_id, batch.batch_id, noted))


def fail_batch(stores: Stores, scope: Scope, batch: Batch, error: str) -> None:
    """Let the batch and its task be FAILED for this reason.

    Raises:
        IllegalTransition: it has ended.
    """
    set_status(stores, scope, batch.bucket_id, batch.batch_id, TaskStatus.FAILED, error=error)
    if batch.task_id:
        update_task(stores, scope.org_id, batch.task_id, status=TaskStatus.FAILED, error=error)


def failed_documents(
    stores: Stores, scope: Scope, batch_id: str, *, tier: int | None = None, collection_id: str | None = None
) -> Iterator[Body]:
    """Rows that failed, as the batch service wrote them down, and those whose retry has not come to its end."""
    prefix = "" if tier is None else f"{tier:02d}#"
    told: set[str] = set()
    for record in stores.records.each(scope.key("failed", batch_id), prefix=prefix, page_size=10):
        for failed in record.body["failed"]:
            told.add(failed["document_id"])
            if collection_id in (None, failed["collection_id"]):
                yield failed
    for record in stores.records.each(scope.key("retry", batch_id), prefix=RETRIED_ROWS, page_size=10):
        for failed in record.body["failed"]:
            wanted = tier in (None, failed["tier_num"]) and collection_id in (None, failed["collection_id"])
            if wanted and failed["document_id"] not in told:
                yield failed


def logs(stores: Stores, scope: Scope, batch_id: str, *, tier: int | None = None) -> dict[int, str]:
    """What the plugins printed, by tier."""
    texts: dict[int, list[str]] = {}
    prefix = "" if tier is None else f"{tier:02d}#"
    for record in stores.records.each(scope.key("batch_log", batch_id), prefix=prefix, page_size=10):
        texts.setdefault(int(record.body["tier"]), []).append(record.body["text"])
    return {number: "".join(parts) for number, parts in sorted(texts.items())}


def _update(stores: Stores, scope: Scope, bucket_id: str, batch_id: str, change: Callable[[Batch], Batch]) -> Batch:
    def changed(body: Body) -> Body:
        return change(Batch.model_validate(body)).body()

    record = stores.records.update(scope.key("batch", bucket_id), batch_id, changed)
    if record is None:
        raise NotFound(
            f"There is no batch {batch_id[:100]!r} in this bucket.",
            "List the bucket's batches: 'mixpeek batch list --bucket NAME'.",
        )
    return Batch.model_validate(record.body)


def _submit(
    stores: Stores,
    scope: Scope,
    batch: Batch,
    prepare: Callable[[], None],
    *,
    retrying: bool = False,
    full: bool = False,
    collections: Sequence[Collection] | None = None,
) -> tuple[Batch, Task]:
    bucket_id, batch_id = batch.bucket_id, batch.batch_id
    if collections is None:
        collections = fed_by(stores, scope, bucket_id, batch.collection_ids)
    task = create_task(stores, scope, TASK_TYPE, [{"bucket_id": bucket_id, "batch_id": batch_id}])
    try:
        batch = _pend(stores, scope, batch, task, collections, retrying, full)
    except IllegalTransition:
        update_task(stores, scope.org_id, task.task_id, status=TaskStatus.CANCELED, error="Submitted twice at once.")
        raise
    prepare()
    try:
        _queue(stores, scope, batch)
    except StoreUnavailable as error:
        set_status(stores, scope, bucket_id, batch_id, TaskStatus.FAILED, error=error.problem)
        update_task(stores, scope.org_id, task.task_id, status=TaskStatus.FAILED, error=error.problem)
        raise
    return batch, task


def _pend(
    stores: Stores,
    scope: Scope,
    batch: Batch,
    task: Task,
    collections: Sequence[Collection],
    retrying: bool,
    full: bool,
) -> Batch:
    written = sum(tier.get("documents_written") or 0 for tier in batch.tier_tasks) if retrying else None
    tier = {
        "tier_num": 0,
        "task_id": task.task_id,
        "status": TaskStatus.PENDING,
        "collection_ids": [c.collection_id for c in collections],
        "source_type": "bucket",
        "documents_written": written,
    }

    def pending(current: Batch) -> Batch:
        if current.status in WAITING_OR_RUNNING:
            raise _running(current)
        return current.to(TaskStatus.PENDING).changed(
            task_id=task.task_id,
            tier_tasks=[tier],
            error=None,
            error_summary=None,
            requeued=0,
            retrying=retrying,
            full=full,
            submitted_at=now(),
        )

    return _update(stores, scope, batch.bucket_id, batch.batch_id, pending)


def _queue(stores: Stores, scope: Scope, batch: Batch) -> None:
    pointer = active_of(scope, batch.bucket_id, batch.batch_id)
    stores.records.put_many([pointer])  # first: a lost job is then found
    job = {"job": "batch"} | ({"retry": True} if batch.retrying else {})
    stores.queues.send(stores.settings.jobs_queue, job | pointer.body)


def _check_filled(batch: Batch) -> None:
    if batch.object_count == 0:
        problem = f"The batch {batch.batch_id} has no objects."
        raise InvalidRequest(problem, "Add objects to it, then submit.", "object_ids")


def _running(batch: Batch) -> IllegalTransition:
    return IllegalTransition(
        f"The batch {batch.batch_id} is {batch.status} already.", "Wait until it has ended, or cancel it."
    )


def _tier_change(tier: Body, status: TaskStatus) -> Body:
    change: Body = {"status": status}
    if status is TaskStatus.PROCESSING and not tier.get("started_at"):
        change["started_at"] = now().isoformat()
    if status.ended and not tier.get("completed_at"):
        change["completed_at"] = now().isoformat()
    return change


def fed_by(stores: Stores, scope: Scope, bucket_id: str, wanted: Sequence[str] | None) -> list[Collection]:
    """The collections that a batch of this bucket fills.

    Raises:
        InvalidRequest: there is none, or a wanted one is not among them.
    """
    fed = collections_of_bucket(stores, scope, bucket_id)
    if wanted is not None:
        known = {c.collection_id for c in fed}
        missing = [c for c in wanted if c not in known]
        if missing or not wanted:
            raise InvalidRequest(
                f"{missing[0]!r} is no enabled collection of this bucket." if missing else "collection_ids is empty.",
                f"It feeds {', '.join(sorted(known)) or 'none'}.",
                "collection_ids",
            )
        return [c for c in fed if c.collection_id in set(wanted)]
    if not fed:
        raise InvalidRequest(
            f"No enabled collection is made from the bucket {bucket_id}.",
            "Create a collection with this bucket as its source, then submit.",
            "bucket_identifier",
        )
    return fed


def _check_exist(stores: Stores, scope: Scope, bucket: Bucket, ids: Sequence[str]) -> None:
    found = stores.records.existing(scope.key("object", bucket.bucket_id), ids)
    missing = [i for i in ids if i not in found]
    if missing:
        rows = find_rows(stores, scope, bucket.bucket_id, missing)
        missing = [i for i in missing if i not in rows]
    if missing:
        named = ", ".join(repr(i[:100]) for i in missing[:NAMED_AT_MOST])
        more = f" and {len(missing) - NAMED_AT_MOST} more" if len(missing) > NAMED_AT_MOST else ""
        raise InvalidRequest(
            f"The bucket {bucket.bucket_name!r} has no object {named}{more}.",
            "List objects to see their ids.",
            "object_ids",
        )


def _check_draft(batch: Batch) -> None:
    if batch.status is not TaskStatus.DRAFT:
        raise IllegalTransition(
            f"The batch {batch.batch_id} is {batch.status}; only a DRAFT takes objects.", "Create a new batch."
        )


def _append_ids(stores: Stores, scope: Scope, batch_id: str, ids: Sequence[str]) -> list[Entry]:
    """Write those ids that are new behind the batch's last chunk; of two calls at once the later sees the earlier's."""
    while True:
        written = list(object_ids(stores, scope, batch_id))
        known = {i for chunk in written for i in chunk}
        added = _chunks(scope, batch_id, [i for i in dict.fromkeys(ids) if i not in known], len(written))
        if not added:
            return []
        try:
            stores.records.create_all(added)
        except AlreadyExists:
            continue
        return added


def _chunks(scope: Scope, batch_id: str, ids: Sequence[str], first: int = 0) -> list[Entry]:
    pk, parts = scope.key("batch_objects", batch_id), chunks(ids, CHUNK)
    return [Entry(pk, f"{n:06d}", {"object_ids": list(part)}) for n, part in enumerate(parts, first)]


def _forget(stores: Stores, scope: Scope, kind: str, batch_id: str) -> None:
    pk = scope.key(kind, batch_id)
    stores.records.delete_many([(pk, sk) for sk in stores.records.sort_keys(pk)])
