"""Upkeep: uploads whose time has passed, windows whose message was lost, batches without a job."""

from datetime import timedelta

import pytest

from core import upkeep, uploads
from core.arrivals import WINDOWS, register_file
from core.batches import ACTIVE, get_batch, set_status
from core.buckets import counts_of, create_bucket
from core.collections import create_collection
from core.errors import NotFound
from core.objects import create_object
from core.paging import Paging, Selection
from core.status import TaskStatus
from core.tasks import get_task
from core.triggers import trigger_bucket
from core.upkeep import expire_uploads, requeue_lost_batches, resume_windows, tidy
from core.uploads import DEADLINES, create_uploads, file_of, get_upload, list_uploads
from functions.janitor import handler as module
from tests.unit.core.samples import SCOPE, published

SCHEMA = {"properties": {"text": {"type": "text"}}}


@pytest.fixture
def bucket(moto_stores):
    published(moto_stores)
    made = create_bucket(moto_stores, SCOPE, "prose", bucket_schema=SCHEMA, process_on_upload=True)
    extractor = {"feature_extractor_name": "my_extractor", "version": "1.0.0"}
    create_collection(moto_stores, SCOPE, "prose", {"type": "bucket", "bucket_ids": [made.bucket_id]}, extractor)
    return made


@pytest.fixture
def overdue(monkeypatch):
    """Lets the uploads made from here on be past their end at once."""
    monkeypatch.setattr(uploads, "GRACE_S", -2 * 86400)


def upload_of(stores, bucket, **asked):
    asked = {"filename": "a.txt", "content_type": "text/plain", **asked}
    return create_uploads(stores, SCOPE, bucket, [asked])[0][0]


def current(stores, upload):
    return get_upload(stores, SCOPE, upload.bucket_id, upload.upload_id)


def test_upload_without_a_file_expires_and_its_pointer_goes(moto_stores, bucket, overdue):
    upload = upload_of(moto_stores, bucket)

    assert expire_uploads(moto_stores) == (0, 1)

    assert current(moto_stores, upload).status is TaskStatus.FAILED
    assert list(moto_stores.records.each(DEADLINES)) == []
    assert expire_uploads(moto_stores) == (0, 0)


def test_upload_with_an_unusable_file_expires_with_its_file(moto_stores, bucket, overdue):
    upload = upload_of(moto_stores, bucket, file_size_bytes=3)
    moto_stores.blobs.put(file_of(moto_stores, upload), b"four")

    assert expire_uploads(moto_stores) == (0, 1)

    assert "has 4 bytes" in current(moto_stores, upload).message
    with pytest.raises(NotFound):
        moto_stores.blobs.head(file_of(moto_stores, upload))


def test_upload_whose_event_was_lost_becomes_an_object_after_all(moto_stores, bucket, overdue):
    upload = upload_of(moto_stores, bucket)
    moto_stores.blobs.put(file_of(moto_stores, upload), b"words")

    assert expire_uploads(moto_stores) == (1, 0)

    assert current(moto_stores, upload).status is TaskStatus.COMPLETED
    assert counts_of(moto_stores, SCOPE, bucket.bucket_id).objects == 1
    assert len(list(moto_stores.records.each(WINDOWS))) == 1  # it is processed, as if its event had come


def test_upload_that_is_open_or_done_is_left_alone(moto_stores, bucket, monkeypatch):
    still_open = upload_of(moto_stores, bucket)
    monkeypatch.setattr(uploads, "GRACE_S", -2 * 86400)
    done = upload_of(moto_stores, bucket)
    moto_stores.blobs.put(file_of(moto_stores, done), b"words")
    created = create_object(
        moto_stores, SCOPE, bucket, {"blobs": [{"property": "text", "type": "text", "upload_id": done.upload_id}]}
    )

    assert expire_uploads(moto_stores) == (0, 0)

    assert current(moto_stores, still_open).status is TaskStatus.PENDING
    assert [r.body["upload_id"] for r in moto_stores.records.each(DEADLINES)] == [still_open.upload_id]
    assert moto_stores.blobs.get(file_of(moto_stores, current(moto_stores, done))) == b"words"
    assert created.blobs[0].url.endswith("a.txt")


def test_more_uploads_than_a_page_all_expire(moto_stores, bucket, overdue, monkeypatch):
    monkeypatch.setattr(upkeep, "PAGE", 4)
    for _ in range(9):
        upload_of(moto_stores, bucket)

    assert expire_uploads(moto_stores) == (0, 9)


def test_window_whose_message_was_lost_gets_another(moto_stores, bucket, monkeypatch):
    upload = upload_of(moto_stores, bucket)
    moto_stores.blobs.put(file_of(moto_stores, upload), b"words")
    register_file(moto_stores, file_of(moto_stores, upload))
    assert resume_windows(moto_stores) == 0

    monkeypatch.setattr(upkeep, "WINDOW_LOST_AFTER_S", -1)

    assert resume_windows(moto_stores) == 1
    assert [r.body["bucket_id"] for r in moto_stores.records.each(WINDOWS)] == [bucket.bucket_id]
    assert moto_stores.queues.held(moto_stores.settings.uploads_queue) == 2


@pytest.fixture
def batch(moto_stores, bucket):
    """A batch that was submitted, and whose job is gone."""
    upload = upload_of(moto_stores, bucket)
    moto_stores.blobs.put(file_of(moto_stores, upload), b"words")
    register_file(moto_stores, file_of(moto_stores, upload))
    batch, _ = trigger_bucket(moto_stores, SCOPE, bucket)
    (message,) = moto_stores.queues.receive(moto_stores.settings.jobs_queue, wait_s=0)
    moto_stores.queues.delete(message)
    return batch


def jobs(stores):
    found = stores.queues.receive(stores.settings.jobs_queue, wait_s=0, limit=10)
    for message in found:
        stores.queues.delete(message)
    return [message.body for message in found]


def test_batch_without_a_job_is_put_back_and_fails_when_it_is_lost_again_and_again(moto_stores, batch, monkeypatch):
    assert requeue_lost_batches(moto_stores) == (0, 0)  # it may only just have been sent
    monkeypatch.setattr(upkeep, "SILENT", timedelta(0))

    for _ in range(upkeep.REQUEUED_AT_MOST):
        assert requeue_lost_batches(moto_stores) == (1, 0)
        assert [job["batch_id"] for job in jobs(moto_stores)] == [batch.batch_id]
    assert requeue_lost_batches(moto_stores) == (0, 1)

    failed = get_batch(moto_stores, SCOPE, batch.bucket_id, batch.batch_id)
    assert (failed.status, failed.error) == (TaskStatus.FAILED, "The batch's job was lost 4 times.")
    assert get_task(moto_stores, SCOPE.org_id, batch.task_id).status is TaskStatus.FAILED
    assert requeue_lost_batches(moto_stores) == (0, 0)
    assert list(moto_stores.records.each(ACTIVE)) == []


def test_batch_that_waits_behind_other_jobs_is_not_sent_twice(moto_stores, batch, monkeypatch):
    monkeypatch.setattr(upkeep, "SILENT", timedelta(0))
    moto_stores.queues.send(moto_stores.settings.jobs_queue, {"job": "other"})

    assert requeue_lost_batches(moto_stores) == (0, 0)
    assert jobs(moto_stores) == [{"job": "other"}]


def test_batch_that_ended_is_forgotten(moto_stores, batch, monkeypatch):
    monkeypatch.setattr(upkeep, "SILENT", timedelta(0))
    set_status(moto_stores, SCOPE, batch.bucket_id, batch.batch_id, TaskStatus.CANCELED)

    assert requeue_lost_batches(moto_stores) == (0, 0)
    assert list(moto_stores.records.each(ACTIVE)) == []


def test_function_says_how_much_there_was_to_do(moto_stores, bucket, overdue, monkeypatch):
    upload_of(moto_stores, bucket)
    monkeypatch.setattr(module, "stores", lambda: moto_stores)

    done = module.handler({"detail-type": "Scheduled Event"}, None)

    assert done == tidy(moto_stores)._asdict() | {"uploads_expired": 1}
    statistics = list_uploads(moto_stores, SCOPE, bucket.bucket_id, Paging(), Selection.parse(None))[2]
    assert statistics["uploads_by_status"] == {"FAILED": 1}
