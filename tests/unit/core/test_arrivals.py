"""Arrivals: files that S3 tells of become objects once, and few batches."""

import json
from urllib.parse import quote_plus

import pytest

from core import arrivals
from core.arrivals import WINDOWS, gather, register_file
from core.batches import list_batches, object_ids
from core.buckets import counts_of, create_bucket
from core.collections import create_collection
from core.confirmations import confirm_upload
from core.errors import InvalidRequest, StoreUnavailable
from core.objects import create_object
from core.paging import Paging, Selection
from core.status import TaskStatus
from core.stores.blobs import BlobRef
from core.uploads import create_uploads, file_of, get_upload, list_uploads
from functions.uploads import handler as module
from tests.unit.core.samples import SCOPE, published

SCHEMA = {"properties": {"text": {"type": "text"}}}


@pytest.fixture
def stores(moto_stores, monkeypatch):
    monkeypatch.setattr(module, "stores", lambda: moto_stores)
    monkeypatch.setattr(arrivals, "QUIET_S", 0)
    return moto_stores


@pytest.fixture
def bucket(stores):
    """A bucket that is processed on upload and feeds one collection."""
    published(stores)
    made = create_bucket(stores, SCOPE, "prose", bucket_schema=SCHEMA, process_on_upload=True)
    extractor = {"feature_extractor_name": "my_extractor", "version": "1.0.0"}
    create_collection(stores, SCOPE, "prose", {"type": "bucket", "bucket_ids": [made.bucket_id]}, extractor)
    return made


def put(stores, bucket, text=b"some words", **asked):
    """An upload whose file is there."""
    asked = {"filename": "a b+c.txt", "content_type": "text/plain", **asked}
    ((upload, _),) = create_uploads(stores, SCOPE, bucket, [asked])
    stores.blobs.put(file_of(stores, upload), text, "text/plain")
    return upload


def message(stores, *uploads, message_id="m1"):
    name = stores.settings.object_bucket
    records = [{"s3": {"bucket": {"name": name}, "object": {"key": quote_plus(u.s3_key)}}} for u in uploads]
    return {"messageId": message_id, "body": json.dumps({"Records": records})}


def messages(stores):
    """What waits in the queue of uploads, taken from it."""
    found = stores.queues.receive(stores.settings.uploads_queue, wait_s=0, limit=10)
    for one in found:
        stores.queues.delete(one)
    return [one.body for one in found]


def batches(stores, bucket):
    made = list_batches(stores, SCOPE, bucket.bucket_id)
    return [(b.status, sorted(i for ids in object_ids(stores, SCOPE, b.batch_id) for i in ids)) for b in made]


def test_event_alone_makes_one_object_however_often_it_comes(stores, bucket):
    upload = put(stores, bucket)

    for _ in range(3):
        answer = module.handler({"Records": [message(stores, upload)]}, None)
        assert answer == {"batchItemFailures": []}

    done = get_upload(stores, SCOPE, bucket.bucket_id, upload.upload_id)
    assert (done.status, done.file_size_bytes) == (TaskStatus.COMPLETED, 10)
    assert counts_of(stores, SCOPE, bucket.bucket_id).objects == 1
    assert confirm_upload(stores, SCOPE, bucket, upload.upload_id).object_id == done.object_id


def test_burst_is_gathered_into_one_batch(stores, bucket):
    uploads = [put(stores, bucket) for _ in range(12)]
    for upload in uploads:
        module.handler({"Records": [message(stores, upload)]}, None)

    rounds = 0
    while waiting := messages(stores):
        assert len(waiting) == 1  # one message, whatever the number of files
        module.handler({"Records": [{"messageId": "g", "body": json.dumps(waiting[0])}]}, None)
        rounds += 1

    objects = sorted(get_upload(stores, SCOPE, bucket.bucket_id, u.upload_id).object_id for u in uploads)
    assert batches(stores, bucket) == [(TaskStatus.PENDING, objects)]
    assert rounds == 2  # the first saw that more had come since the window was opened
    assert list(stores.records.each(WINDOWS)) == []
    assert len(stores.queues.receive(stores.settings.jobs_queue, wait_s=0, limit=10)) == 1


def test_file_that_comes_after_the_window_closed_opens_another(stores, bucket):
    for _ in range(2):
        register_file(stores, file_of(stores, put(stores, bucket)))
        (waiting,) = messages(stores)
        gather(stores, waiting)

    assert [len(ids) for _, ids in batches(stores, bucket)] == [1, 1]


def test_window_that_never_gets_quiet_closes_by_its_age(stores, bucket):
    for _ in range(3):
        register_file(stores, file_of(stores, put(stores, bucket)))
    (waiting,) = messages(stores)

    old = waiting | {"opened_at": waiting["opened_at"] - arrivals.OPEN_AT_MOST_S}

    assert gather(stores, old).object_count == 3
    assert gather(stores, old) is None  # the message came twice


def test_bucket_that_is_not_processed_on_upload_makes_no_batch(stores):
    bucket = create_bucket(stores, SCOPE, "quiet", bucket_schema=SCHEMA)
    upload = put(stores, bucket)

    assert register_file(stores, file_of(stores, upload)).status is TaskStatus.COMPLETED
    assert messages(stores) == []


def test_bucket_without_a_collection_keeps_the_objects_and_makes_no_batch(stores):
    bucket = create_bucket(stores, SCOPE, "lonely", bucket_schema=SCHEMA, process_on_upload=True)
    register_file(stores, file_of(stores, put(stores, bucket)))
    (waiting,) = messages(stores)

    assert gather(stores, waiting) is None
    assert batches(stores, bucket) == []
    assert counts_of(stores, SCOPE, bucket.bucket_id).objects == 1


def test_file_of_the_wrong_size_is_told_on_its_upload_and_can_be_put_again(stores, bucket):
    upload = put(stores, bucket, file_size_bytes=11)

    assert module.handler({"Records": [message(stores, upload)]}, None) == {"batchItemFailures": []}
    told = get_upload(stores, SCOPE, bucket.bucket_id, upload.upload_id)
    assert told.status is TaskStatus.PENDING
    assert "the uploaded file has 10 bytes" in told.message

    stores.blobs.put(file_of(stores, upload), b"eleven byte", "text/plain")
    assert register_file(stores, file_of(stores, upload)).status is TaskStatus.COMPLETED


def test_confirmation_after_the_event_still_checks_what_it_says(stores, bucket):
    upload = put(stores, bucket)
    done = register_file(stores, file_of(stores, upload))

    with pytest.raises(InvalidRequest, match="etag is 'other'"):
        confirm_upload(stores, SCOPE, bucket, upload.upload_id, etag="other")
    again = confirm_upload(stores, SCOPE, bucket, upload.upload_id, etag=f'"{done.etag}"', size_bytes=10)
    assert again.object_id == done.object_id


def test_object_made_of_an_upload_is_its_only_one(stores, bucket):
    upload = put(stores, bucket)
    create_object(
        stores, SCOPE, bucket, {"blobs": [{"property": "text", "type": "text", "upload_id": upload.upload_id}]}
    )

    register_file(stores, file_of(stores, upload))

    assert counts_of(stores, SCOPE, bucket.bucket_id).objects == 1
    page, _, statistics = list_uploads(stores, SCOPE, bucket.bucket_id, Paging(), Selection.parse(None))
    assert [u["status"] for u in page] == ["COMPLETED"]
    assert statistics["uploads_by_status"] == {"COMPLETED": 1}


@pytest.mark.parametrize(
    "key", ["stray.txt", "org/ns/bkt_00/readme", "org/ns/bkt_00/upl_00/a.txt", "a#b/ns/bkt_00/upl_00/a.txt"]
)
def test_file_that_is_no_uploads_is_let_be(stores, key):
    assert register_file(stores, BlobRef(stores.settings.object_bucket, key)) is None


def test_message_that_fails_is_named_and_the_others_are_done(stores, bucket):
    upload = put(stores, bucket)
    broken = {"messageId": "m1", "body": "no JSON"}
    test_event = {"messageId": "m2", "body": json.dumps({"Event": "s3:TestEvent"})}

    answer = module.handler({"Records": [broken, test_event, message(stores, upload, message_id="m3")]}, None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert get_upload(stores, SCOPE, bucket.bucket_id, upload.upload_id).status is TaskStatus.COMPLETED


def test_window_is_not_left_open_when_its_message_can_not_be_sent(stores, bucket, monkeypatch):
    upload = put(stores, bucket)
    with monkeypatch.context() as away:
        away.setattr(type(stores.queues), "send", lambda *_: (_ for _ in ()).throw(StoreUnavailable("SQS.", "Wait.")))
        answer = module.handler({"Records": [message(stores, upload)]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}

    module.handler({"Records": [message(stores, upload)]}, None)  # the message comes again

    assert len(messages(stores)) == 1
