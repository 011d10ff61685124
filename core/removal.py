"""Removal: a bucket or a namespace with all that it holds. What is named is gone at once, what it held by a job.

A job is sent before the record goes, so that nothing is left behind, and does nothing while the record is there, so
that a deletion that failed halfway takes nothing away. It may run twice, and may be cut off: it begins anew and ends.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from core.arrivals import WINDOWS, window_of
from core.batches import ACTIVE, NAMED_AT_MOST, Batch, active_of
from core.buckets import Bucket, delete_bucket_record, each_bucket
from core.collections import delete_collection, list_collections
from core.document_counts import COUNTS
from core.errors import IllegalTransition, NotFound
from core.namespaces import NAMESPACES, Namespace, forget_end
from core.status import TaskStatus
from core.stores import Stores
from core.tasks import Task, create_task, update_task
from core.tenancy import Principal, Scope
from core.uploads import DEADLINES, Upload, deadline_of

OF_NAMESPACE = (
    "plugin",
    "plugin_upload",
    "deployment",
    "model",
    "model_upload",
    "collection",
    "collection_name",
    COUNTS,
    "tending",
    "retriever",
    "retriever_name",
    "bucket",
    "bucket_name",
    "bucket_counts",
    "upload_counts",
    "turns",
)
OF_BUCKET = ("object", "object_claim", "upload", "upload_hash", "arrival", "batch", "import")
OF_BATCH = ("batch_objects", "failed", "batch_log", "retry")
DELAY_S = 10
"""Longer than any process remembers a namespace: after it nobody writes into what is being removed."""
KEYS_AT_ONCE = 5_000


def remove_bucket(stores: Stores, scope: Scope, bucket: Bucket) -> Task:
    """Delete the bucket now, and its objects with their files, its uploads and batches by a job; documents stay."""
    job = {"job": "delete_bucket", "bucket_id": bucket.bucket_id}
    task = _sent(stores, scope, "api_buckets_delete", job)
    delete_bucket_record(stores, scope, bucket)
    return task


def remove_namespace(stores: Stores, principal: Principal, namespace: Namespace, *, force: bool = False) -> Task:
    """Delete the namespace now, and its buckets, collections, plugins, models and retrievers by a job.

    Raises:
        IllegalTransition: batches wait or run in it, and it is not forced.
    """
    scope = principal.scope(namespace.namespace_id)
    if not force:
        _check_idle(stores, scope, namespace)
    task = _sent(stores, scope, "api_namespaces_delete", {"job": "delete_namespace"})
    stores.records.delete(principal.org_key("namespace"), namespace.namespace_id)
    NAMESPACES.release(stores, principal.org_key, namespace)
    forget_end(stores, principal, namespace)
    return task


def expire_namespace(stores: Stores, principal: Principal, namespace_id: str) -> bool:
    """Delete the namespace like `remove_namespace` with `force`, if its time has passed; whether it was deleted now."""
    pk = principal.org_key("namespace")
    record = stores.records.get(pk, namespace_id)
    namespace = Namespace.model_validate(record.body) if record else None
    if record is None or namespace is None or not namespace.expired:
        return False
    _sent(stores, principal.scope(namespace_id), "api_namespaces_delete", {"job": "delete_namespace"})
    if not stores.records.delete_if(pk, namespace_id, record.body):  # it was given more time: the job leaves it alone
        return False
    NAMESPACES.release(stores, principal.org_key, namespace)
    return True


def finish_removal(stores: Stores, job: Mapping[str, Any]) -> None:
    """Do what a job of `remove_bucket` or `remove_namespace` says."""
    scope = Scope(str(job["org_id"]), str(job["namespace_id"]))
    bucket_id = job.get("bucket_id")
    pk = scope.key("bucket") if bucket_id else Principal(scope.org_id, "", "").org_key("namespace")
    if stores.records.get(pk, str(bucket_id or scope.namespace_id)):
        _told(stores, scope, job, TaskStatus.FAILED, "The deletion was cut off and took nothing away. Repeat it.")
        return
    _told(stores, scope, job, TaskStatus.PROCESSING)
    if bucket_id:
        _purge_bucket(stores, scope, str(bucket_id))
    else:
        _purge_namespace(stores, scope)
    _told(stores, scope, job, TaskStatus.COMPLETED)


def _check_idle(stores: Stores, scope: Scope, namespace: Namespace) -> None:
    prefix = active_of(scope, "", "").sk.rstrip("#") + "#"
    pointers = [record.body for record in stores.records.each(ACTIVE, prefix=prefix)]
    buckets = stores.records.existing(scope.key("bucket"), [p["bucket_id"] for p in pointers])
    places = [(scope.key("batch", p["bucket_id"]), p["batch_id"]) for p in pointers if p["bucket_id"] in buckets]
    busy = [r.sk for r in stores.records.get_many(places) if not Batch.model_validate(r.body).status.ended]
    if busy:
        raise IllegalTransition(
            f"In the namespace {namespace.namespace_name!r} batches wait or run: {', '.join(busy[:NAMED_AT_MOST])}.",
            "Cancel them, or delete it with force=true.",
        )


def _sent(stores: Stores, scope: Scope, task_type: str, job: dict[str, Any]) -> Task:
    named = {k: v for k, v in job.items() if k != "job"} | {"namespace_id": scope.namespace_id}
    task = create_task(stores, scope, task_type, [named])
    whole = job | {"org_id": scope.org_id, "namespace_id": scope.namespace_id, "task_id": task.task_id}
    stores.queues.send(stores.settings.jobs_queue, whole, delay_s=DELAY_S)
    return task


def _told(stores: Stores, scope: Scope, job: Mapping[str, Any], status: TaskStatus, error: str | None = None) -> None:
    try:
        update_task(stores, scope.org_id, str(job["task_id"]), status=status, error=error)
    except NotFound:  # its organization tidied up; the removal goes on
        return


def _purge_bucket(stores: Stores, scope: Scope, bucket_id: str) -> None:
    for batch_id in stores.records.sort_keys(scope.key("batch", bucket_id)):
        stores.records.delete(ACTIVE, active_of(scope, bucket_id, batch_id).sk)
        for kind in OF_BATCH:
            _empty(stores, scope.key(kind, batch_id))
    for record in stores.records.each(scope.key("upload", bucket_id)):
        stores.records.delete(DEADLINES, deadline_of(scope, Upload.model_validate(record.body)).sk)
    stores.records.delete(WINDOWS, window_of(scope, bucket_id).sk)
    for kind in OF_BUCKET:
        _empty(stores, scope.key(kind, bucket_id))
    for kind in ("bucket_counts", "upload_counts"):  # `bucket_counts` again: an upload under way may have counted
        stores.records.delete(scope.key(kind), bucket_id)
    stores.blobs.delete_all(stores.settings.object_bucket, f"{scope.prefix}/{bucket_id}/")


def _purge_namespace(stores: Stores, scope: Scope) -> None:
    """Deployments go first: serving nodes follow their records."""
    _empty(stores, scope.key("deployment"))
    for bucket in list(each_bucket(stores, scope)):
        _purge_bucket(stores, scope, bucket.bucket_id)
    for collection in list_collections(stores, scope):
        delete_collection(stores, scope, collection)  # sends the job that drops its documents
    for upload_id in stores.records.sort_keys(scope.key("plugin_upload")):
        stores.records.delete(f"scan#{upload_id}", "scan")
    for kind in OF_NAMESPACE:
        _empty(stores, scope.key(kind))
    for place in (stores.settings.object_bucket, stores.settings.plugin_bucket):
        stores.blobs.delete_all(place, f"{scope.prefix}/")


def _empty(stores: Stores, pk: str) -> None:
    """Delete every record of one partition key; each round begins at its start, and holds only its own keys."""
    while keys := list(islice(_keys(stores, pk), KEYS_AT_ONCE)):
        stores.records.delete_many(keys)


def _keys(stores: Stores, pk: str) -> Iterator[tuple[str, str]]:
    return ((pk, sk) for sk in stores.records.sort_keys(pk))
