"""Removal: a bucket or a namespace with all that it holds. What is named is gone first, then what it held."""

from collections.abc import Iterator

from core.buckets import Bucket, delete_bucket_record, each_bucket
from core.collections import delete_collection, list_collections
from core.namespaces import Namespace, release_name
from core.status import TaskStatus
from core.stores import Stores
from core.stores.records import chunks
from core.tasks import Task, create_task
from core.tenancy import Principal, Scope

OF_NAMESPACE = (
    "plugin",
    "plugin_upload",
    "deployment",
    "collection",
    "collection_name",
    "collection_counts",
    "retriever",
    "retriever_name",
    "bucket",
    "bucket_name",
    "bucket_counts",
    "upload_counts",
)
OF_BUCKET = ("object", "object_claim", "upload", "upload_hash", "batch")
OF_BATCH = ("batch_objects", "failed", "batch_log")

Key = tuple[str, str]


def remove_bucket(stores: Stores, scope: Scope, bucket: Bucket) -> Task:
    """Delete the bucket, its objects with their files, its uploads and batches; documents made of them stay."""
    delete_bucket_record(stores, scope, bucket)
    _delete(stores, _held(stores, scope, bucket.bucket_id))
    stores.records.delete(scope.key("upload_counts"), bucket.bucket_id)
    stores.blobs.delete_all(stores.settings.object_bucket, f"{scope.prefix}/{bucket.bucket_id}/")
    return create_task(
        stores, scope, "api_buckets_delete", [{"bucket_id": bucket.bucket_id}], status=TaskStatus.COMPLETED
    )


def remove_namespace(stores: Stores, principal: Principal, namespace: Namespace) -> Task:
    """Delete the namespace, its buckets, collections, plugins and retrievers; deployments end with their records."""
    scope = principal.scope(namespace.namespace_id)
    stores.records.delete(principal.org_key("namespace"), namespace.namespace_id)
    release_name(stores, principal, namespace)
    for bucket in list(each_bucket(stores, scope)):
        _delete(stores, _held(stores, scope, bucket.bucket_id))
    for collection in list_collections(stores, scope):
        delete_collection(stores, scope, collection)  # sends the job that drops its documents
    _delete(stores, _scans(stores, scope))
    _delete(stores, _keys(stores, [scope.key(kind) for kind in OF_NAMESPACE]))
    for place in (stores.settings.object_bucket, stores.settings.plugin_bucket):
        stores.blobs.delete_all(place, f"{scope.prefix}/")
    inputs = [{"namespace_id": namespace.namespace_id}]
    return create_task(stores, scope, "api_namespaces_delete", inputs, status=TaskStatus.COMPLETED)


def _held(stores: Stores, scope: Scope, bucket_id: str) -> Iterator[Key]:
    for batch_id in stores.records.sort_keys(scope.key("batch", bucket_id)):
        yield from _keys(stores, [scope.key(kind, batch_id) for kind in OF_BATCH])
    yield from _keys(stores, [scope.key(kind, bucket_id) for kind in OF_BUCKET])


def _scans(stores: Stores, scope: Scope) -> Iterator[Key]:
    for upload_id in stores.records.sort_keys(scope.key("plugin_upload")):
        yield f"scan#{upload_id}", "scan"


def _keys(stores: Stores, partitions: list[str]) -> Iterator[Key]:
    for pk in partitions:
        for sk in stores.records.sort_keys(pk):
            yield pk, sk


def _delete(stores: Stores, keys: Iterator[Key]) -> None:
    """All keys are read before the first is deleted: a page must not begin behind a deleted record."""
    for chunk in chunks(list(keys), 1000):
        stores.records.delete_many(chunk)
