"""Object removal: what was made of a deleted object is gone from its collections, and counted as gone."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from core.batches import active_of
from core.buckets import Bucket, create_bucket
from core.collections import Collection, create_collection
from core.document_counts import document_counts, note_count
from core.document_schema import document_schema
from core.object_removal import remove_documents
from core.objects import create_object, delete_object
from core.stores import Stores
from core.stores.vectors import DocumentTable, Vectors
from tests.unit.core.samples import SCOPE

BUCKET_SCHEMA = {"properties": {"text": {"type": "text"}}}


def collected(stores: Stores, bucket: Bucket, name: str) -> Collection:
    source = {"type": "bucket", "bucket_ids": [bucket.bucket_id]}
    extractor = {"feature_extractor_name": "passthrough_extractor", "version": "v1"}
    return create_collection(stores, SCOPE, name, source, extractor).collection


def filled(stores: Stores, vectors: Vectors, collection: Collection, object_ids: list[str]) -> DocumentTable:
    """Two documents an object."""
    schema = document_schema(None, BUCKET_SCHEMA)
    table = vectors.create(SCOPE, collection.collection_id, schema)
    rows = [
        {"document_id": f"doc_{o}_{n}", "collection_id": collection.collection_id, "object_id": o}
        for o in object_ids
        for n in (0, 1)
    ]
    table.commit(table.write_fragments(pa.Table.from_pylist(rows, schema=schema)))
    note_count(stores.records, SCOPE, collection.collection_id, table)
    return table


def job_of(stores: Stores) -> dict[str, Any]:
    (message,) = stores.queues.receive(stores.settings.jobs_queue, wait_s=3)
    return dict(message.body)


def test_documents_go_with_their_object_and_no_others(moto_stores: Stores, tmp_path: Path) -> None:
    bucket = create_bucket(moto_stores, SCOPE, "texts", bucket_schema=BUCKET_SCHEMA)
    vectors = Vectors(str(tmp_path))
    first, second, empty = (collected(moto_stores, bucket, name) for name in ("first", "second", "empty"))
    gone, kept = (create_object(moto_stores, SCOPE, bucket, {}).object_id for _ in range(2))
    tables = [filled(moto_stores, vectors, c, [gone, kept]) for c in (first, second)]

    delete_object(moto_stores, SCOPE, bucket, gone)
    job = job_of(moto_stores)
    for _ in range(2):  # a job may come twice
        remove_documents(moto_stores, vectors, job)

    for table in tables:
        assert [d["object_id"] for d in table.list().documents] == [kept, kept]
    ids = [c.collection_id for c in (first, second, empty)]
    assert document_counts(moto_stores, SCOPE, ids) == dict(zip(ids, (2, 2, 0), strict=True))


def test_documents_of_an_object_that_is_there_stay(moto_stores: Stores, tmp_path: Path) -> None:
    bucket = create_bucket(moto_stores, SCOPE, "texts", bucket_schema=BUCKET_SCHEMA)
    collection = collected(moto_stores, bucket, "first")
    kept = create_object(moto_stores, SCOPE, bucket, {}).object_id
    vectors = Vectors(str(tmp_path))
    table = filled(moto_stores, vectors, collection, [kept])
    place = {"org_id": SCOPE.org_id, "namespace_id": SCOPE.namespace_id, "bucket_id": bucket.bucket_id}

    remove_documents(moto_stores, vectors, place | {"job": "delete_documents", "object_id": kept})

    assert table.count() == 2


def test_the_job_comes_back_while_a_batch_of_the_bucket_may_still_write(
    moto_stores: Stores, tmp_path: Path, monkeypatch: Any
) -> None:
    bucket = create_bucket(moto_stores, SCOPE, "texts", bucket_schema=BUCKET_SCHEMA)
    moto_stores.records.put_many([active_of(SCOPE, bucket.bucket_id, "btch_1")])
    monkeypatch.setattr("core.object_removal.AGAIN_AFTER_S", 0)
    place = {"org_id": SCOPE.org_id, "namespace_id": SCOPE.namespace_id, "bucket_id": bucket.bucket_id}
    job = place | {"job": "delete_documents", "object_id": "obj_1"}

    remove_documents(moto_stores, Vectors(str(tmp_path)), job)

    assert job_of(moto_stores) == job | {"rounds": 1}
