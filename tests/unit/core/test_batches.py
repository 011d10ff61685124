"""Batches: which objects and collections they take, and what may follow what."""

import pytest

from core.batches import (
    add_objects,
    cancel_batch,
    create_batch,
    delete_batch,
    failed_documents,
    first_object_ids,
    get_batch,
    list_batches,
    logs,
    object_ids,
    set_status,
    submit_batch,
)
from core.buckets import create_bucket
from core.collections import change_collection, create_collection
from core.errors import IllegalTransition, InvalidRequest, NotFound, StoreUnavailable
from core.status import TaskStatus
from core.stores.records import Entry
from core.tasks import get_task
from core.tenancy import Scope
from core.triggers import trigger_bucket, trigger_collection
from tests.unit.core.samples import SCOPE, published


def fill(stores, bucket, ids):
    pk = SCOPE.key("object", bucket.bucket_id)
    stores.records.put_many([Entry(pk, i, {"object_id": i}) for i in ids])


def collect(stores, bucket, name="paragraphs"):
    extractor = {"feature_extractor_name": "my_extractor", "version": "1.0.0"}
    source = {"type": "bucket", "bucket_ids": [bucket.bucket_id]}
    return create_collection(stores, SCOPE, name, source, extractor).collection


@pytest.fixture
def bucket(moto_stores):
    """A bucket with three objects that feeds one collection."""
    published(moto_stores)
    made = create_bucket(moto_stores, SCOPE, "prose")
    fill(moto_stores, made, ["obj_1", "obj_2", "obj_3"])
    collect(moto_stores, made)
    return made


def jobs(stores):
    return [m.body for m in stores.queues.receive(stores.settings.jobs_queue, wait_s=0, limit=10)]


def test_batch_of_unknown_objects_is_refused_by_their_ids(moto_stores, bucket):
    with pytest.raises(InvalidRequest, match=r"'prose' has no object 'obj_8', 'obj_9'") as caught:
        create_batch(moto_stores, SCOPE, bucket, ["obj_1", "obj_8", "obj_9"])

    assert caught.value.field == "object_ids"
    assert list_batches(moto_stores, SCOPE, bucket.bucket_id) == []


def test_submit_queues_a_job_and_a_task(moto_stores, bucket):
    batch = create_batch(moto_stores, SCOPE, bucket, ["obj_1", "obj_2", "obj_1"])

    submitted, task = submit_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id)

    assert (submitted.status, submitted.object_count) == (TaskStatus.PENDING, 2)
    assert submitted.tier_tasks[0]["task_id"] == submitted.task_id == task.task_id
    assert get_task(moto_stores, "org_1", task.task_id).task_type == "api_buckets_batches_process"
    assert jobs(moto_stores) == [
        {
            "job": "batch",
            "org_id": "org_1",
            "namespace_id": "ns_1",
            "bucket_id": bucket.bucket_id,
            "batch_id": batch.batch_id,
        }
    ]


def test_batch_that_waits_or_runs_is_not_submitted_again(moto_stores, bucket):
    batch, _ = trigger_bucket(moto_stores, SCOPE, bucket)

    for state in (TaskStatus.PENDING, TaskStatus.PROCESSING):
        set_status(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id, state)
        with pytest.raises(IllegalTransition, match=f"is {state} already"):
            submit_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id)

    assert len(jobs(moto_stores)) == 1


def test_batch_that_ended_runs_once_more_without_its_old_failures(moto_stores, bucket):
    batch, first = trigger_bucket(moto_stores, SCOPE, bucket)
    set_status(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id, TaskStatus.PROCESSING)
    set_status(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id, TaskStatus.FAILED, error="all rows failed")
    moto_stores.records.put_many([Entry(SCOPE.key("failed", batch.batch_id), "00#col_1#000000", {"failed": []})])

    again, second = submit_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id)

    assert (again.status, again.error) == (TaskStatus.PENDING, None)
    assert second.task_id != first.task_id
    assert list(moto_stores.records.sort_keys(SCOPE.key("failed", batch.batch_id))) == []


def test_batch_that_could_not_be_queued_has_failed_and_can_be_submitted_again(moto_stores, bucket, monkeypatch):
    batch = create_batch(moto_stores, SCOPE, bucket, ["obj_1"])

    def unreachable(*_: object) -> None:
        raise StoreUnavailable("SQS does not answer.", "Try again in a moment.")

    with monkeypatch.context() as broken:
        broken.setattr(moto_stores.queues, "send", unreachable)
        with pytest.raises(StoreUnavailable):
            submit_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id)

    failed = get_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id)
    assert (failed.status, failed.error) == (TaskStatus.FAILED, "SQS does not answer.")
    assert get_task(moto_stores, "org_1", failed.task_id).status is TaskStatus.FAILED
    assert submit_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id)[0].status is TaskStatus.PENDING


def test_ids_that_no_record_can_have_are_unknown_ones(moto_stores, bucket):
    with pytest.raises(InvalidRequest, match="no object ''"):
        create_batch(moto_stores, SCOPE, bucket, ["", "x" * 5000])
    for impossible in ("", "x" * 5000):
        with pytest.raises(NotFound):
            get_batch(moto_stores, SCOPE, bucket.bucket_id, impossible)


def test_empty_bucket_is_told(moto_stores, bucket):
    empty = create_bucket(moto_stores, SCOPE, "empty")
    collect(moto_stores, empty, "nothing")

    with pytest.raises(InvalidRequest, match="'empty' has no objects"):
        trigger_bucket(moto_stores, SCOPE, empty)


def test_bucket_without_a_collection_is_told(moto_stores):
    lonely = create_bucket(moto_stores, SCOPE, "lonely")
    fill(moto_stores, lonely, ["obj_1"])

    with pytest.raises(InvalidRequest, match="No enabled collection is made from the bucket"):
        trigger_bucket(moto_stores, SCOPE, lonely)
    batch = create_batch(moto_stores, SCOPE, lonely, ["obj_1"])
    with pytest.raises(InvalidRequest, match="No enabled collection"):
        submit_batch(moto_stores, SCOPE, lonely.bucket_id, batch.batch_id)


def test_trigger_takes_every_object_in_chunks(moto_stores, bucket):
    ids = [f"obj_{n:05d}" for n in range(2500)]
    fill(moto_stores, bucket, ids)

    batch, _ = trigger_bucket(moto_stores, SCOPE, bucket)

    chunks = list(object_ids(moto_stores, SCOPE, batch.batch_id))
    assert [len(c) for c in chunks] == [1000, 1000, 503]
    assert sorted(i for c in chunks for i in c) == sorted(["obj_1", "obj_2", "obj_3", *ids])
    assert first_object_ids(moto_stores, SCOPE, [batch]) == {}


def test_trigger_can_name_objects_and_collections(moto_stores, bucket):
    second = collect(moto_stores, bucket, "sentences")

    batch, _ = trigger_bucket(moto_stores, SCOPE, bucket, collection_ids=[second.collection_id], ids=["obj_2"])

    assert batch.tier_tasks[0]["collection_ids"] == [second.collection_id]
    assert first_object_ids(moto_stores, SCOPE, [batch]) == {batch.batch_id: ["obj_2"]}
    with pytest.raises(InvalidRequest, match="'col_other' is no enabled collection of this bucket"):
        trigger_bucket(moto_stores, SCOPE, bucket, collection_ids=["col_other"])


def test_collection_trigger_makes_a_batch_for_each_bucket_with_objects(moto_stores, bucket):
    second, empty = (create_bucket(moto_stores, SCOPE, n) for n in ("verse", "empty"))
    fill(moto_stores, second, ["obj_9"])
    source = {"type": "bucket", "bucket_ids": [bucket.bucket_id, second.bucket_id, empty.bucket_id]}
    extractor = {"feature_extractor_name": "my_extractor", "version": "1.0.0"}
    collection = create_collection(moto_stores, SCOPE, "all_texts", source, extractor).collection

    submitted = trigger_collection(moto_stores, SCOPE, collection)

    assert [(b.bucket_id, b.object_count) for b, _ in submitted] == [(bucket.bucket_id, 3), (second.bucket_id, 1)]
    assert all(b.collection_ids == [collection.collection_id] for b, _ in submitted)
    ((only, _),) = trigger_collection(moto_stores, SCOPE, collection, ["verse"])
    assert only.bucket_id == second.bucket_id
    with pytest.raises(InvalidRequest, match="no objects in empty"):
        trigger_collection(moto_stores, SCOPE, collection, ["empty"])
    with pytest.raises(InvalidRequest, match="'other' is no source"):
        trigger_collection(moto_stores, SCOPE, collection, ["other"])
    disabled = change_collection(moto_stores, SCOPE, collection, enabled=False)
    with pytest.raises(IllegalTransition, match="is disabled"):
        trigger_collection(moto_stores, SCOPE, disabled)


def test_cancel_is_final_for_the_service_and_harmless_twice(moto_stores, bucket):
    batch, task = trigger_bucket(moto_stores, SCOPE, bucket)

    for _ in range(2):
        assert cancel_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id).status is TaskStatus.CANCELED

    assert get_task(moto_stores, "org_1", task.task_id).status is TaskStatus.CANCELED
    with pytest.raises(IllegalTransition, match="is CANCELED and can't become PROCESSING"):
        set_status(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id, TaskStatus.PROCESSING)


def test_draft_can_be_neither_canceled_nor_completed(moto_stores, bucket):
    batch = create_batch(moto_stores, SCOPE, bucket, ["obj_1"])

    with pytest.raises(IllegalTransition, match=r"is DRAFT and can't become CANCELED\. Submit it first"):
        cancel_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id)


def test_status_moves_the_tier_with_it(moto_stores, bucket):
    batch, _ = trigger_bucket(moto_stores, SCOPE, bucket)
    place = (moto_stores, SCOPE, bucket.bucket_id, batch.batch_id)

    set_status(*place, TaskStatus.PROCESSING)
    ended = set_status(*place, TaskStatus.COMPLETED_WITH_ERRORS, error_summary={"runtime": 2})

    tier = ended.tier_tasks[0]
    assert (tier["status"], ended.error_summary) == ("COMPLETED_WITH_ERRORS", {"runtime": 2})
    assert tier["started_at"] < tier["completed_at"]


def test_draft_takes_more_objects_but_none_twice(moto_stores, bucket):
    batch = create_batch(moto_stores, SCOPE, bucket, ["obj_1"])

    grown = add_objects(moto_stores, SCOPE, bucket, batch, ["obj_2", "obj_1", "obj_2"])

    assert grown.object_count == 2
    assert list(object_ids(moto_stores, SCOPE, batch.batch_id)) == [["obj_1"], ["obj_2"]]
    assert add_objects(moto_stores, SCOPE, bucket, grown, ["obj_1"]).object_count == 2


def test_submitted_batch_takes_no_more_objects(moto_stores, bucket):
    stale = create_batch(moto_stores, SCOPE, bucket, ["obj_1"])
    submit_batch(moto_stores, SCOPE, bucket.bucket_id, stale.batch_id)

    with pytest.raises(IllegalTransition, match="only a DRAFT takes objects"):
        add_objects(moto_stores, SCOPE, bucket, stale, ["obj_2"])

    assert list(object_ids(moto_stores, SCOPE, stale.batch_id)) == [["obj_1"]]


def test_deleted_batch_leaves_nothing_behind(moto_stores, bucket):
    batch, _ = trigger_bucket(moto_stores, SCOPE, bucket)
    with pytest.raises(IllegalTransition, match="Cancel it first"):
        delete_batch(moto_stores, SCOPE, batch)
    cancel_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id)

    delete_batch(moto_stores, SCOPE, get_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id))

    assert list(object_ids(moto_stores, SCOPE, batch.batch_id)) == []
    with pytest.raises(NotFound):
        get_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id)


def test_failed_documents_and_logs_are_read_by_tier_and_collection(moto_stores):
    failed = SCOPE.key("failed", "btch_1")
    log = SCOPE.key("batch_log", "btch_1")
    moto_stores.records.put_many(
        [
            Entry(
                failed,
                "00#col_a#000000",
                {"failed": [{"document_id": "doc_1", "object_id": "1", "collection_id": "col_a"}]},
            ),
            Entry(
                failed,
                "00#col_b#000000",
                {"failed": [{"document_id": "doc_2", "object_id": "2", "collection_id": "col_b"}]},
            ),
            Entry(
                failed,
                "01#col_a#000000",
                {"failed": [{"document_id": "doc_3", "object_id": "3", "collection_id": "col_a"}]},
            ),
            Entry(log, "00#col_a#000000", {"tier": 0, "text": "loading\n"}),
            Entry(log, "00#col_a#000001", {"tier": 0, "text": "done\n"}),
        ]
    )

    def objects(**wanted):
        return [f["object_id"] for f in failed_documents(moto_stores, SCOPE, "btch_1", **wanted)]

    assert objects() == ["1", "2", "3"]
    assert objects(collection_id="col_a") == ["1", "3"]
    assert objects(tier=0, collection_id="col_a") == ["1"]
    assert logs(moto_stores, SCOPE, "btch_1") == {0: "loading\ndone\n"}


def test_batch_is_invisible_to_another_organization(moto_stores, bucket):
    batch, _ = trigger_bucket(moto_stores, SCOPE, bucket)

    with pytest.raises(NotFound):
        get_batch(moto_stores, Scope("org_2", "ns_1"), bucket.bucket_id, batch.batch_id)
