"""Object removal: documents follow their object: once it is deleted no search finds what was made of it."""

from collections.abc import Mapping
from typing import Any, Protocol

from core.batches import ACTIVE, active_of
from core.collections import list_collections
from core.document_counts import Countable, note_count
from core.errors import NotFound
from core.stores import Stores
from core.tenancy import Scope

AGAIN_AFTER_S = 60
MOST_ROUNDS = 60


class Table(Countable, Protocol):
    """A collection's documents."""

    def delete_of_object(self, object_id: str) -> int:
        """Delete what was made of one object; how many documents there were."""
        ...


class Datasets(Protocol):
    """Where collections' documents lie."""

    def open(self, scope: Scope, collection_id: str) -> Table:
        """The documents of a collection.

        Raises:
            NotFound: it has none yet.
        """
        ...


def ask_removal(stores: Stores, scope: Scope, bucket_id: str, object_id: str) -> None:
    """Have the documents of an object that is about to be deleted removed by a job."""
    job = {"job": "delete_documents", "org_id": scope.org_id, "namespace_id": scope.namespace_id}
    job |= {"bucket_id": bucket_id, "object_id": object_id}
    stores.queues.send(stores.settings.jobs_queue, job, delay_s=1)


def remove_documents(stores: Stores, datasets: Datasets, job: Mapping[str, Any]) -> None:
    """Do what a job of `ask_removal` says; nothing while the object is there.

    A batch that read the object before it went may write once more: while one runs on the bucket, the job comes back.
    """
    scope = Scope(str(job["org_id"]), str(job["namespace_id"]))
    bucket_id, object_id = str(job["bucket_id"]), str(job["object_id"])
    if stores.records.get(scope.key("object", bucket_id), object_id):
        return
    for collection in list_collections(stores, scope):
        if bucket_id not in collection.bucket_ids:
            continue
        try:
            table = datasets.open(scope, collection.collection_id)
            table.delete_of_object(object_id)
        except NotFound:
            continue
        note_count(stores.records, scope, collection.collection_id, table)
    rounds = int(job.get("rounds", 0)) + 1
    if rounds < MOST_ROUNDS and _is_busy(stores, scope, bucket_id):
        again = dict(job) | {"rounds": rounds}
        stores.queues.send(stores.settings.jobs_queue, again, delay_s=AGAIN_AFTER_S)


def _is_busy(stores: Stores, scope: Scope, bucket_id: str) -> bool:
    return any(True for _ in stores.records.each(ACTIVE, prefix=active_of(scope, bucket_id, "").sk))
