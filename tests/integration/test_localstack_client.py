"""Sessions of localstack-client find what OpenPeek keeps in the emulator, as they would in LocalStack."""

import pytest
from localstack_client.session import Session

from core.stores.blobs import BlobRef
from core.stores.records import Entry


@pytest.fixture
def session(emulator, monkeypatch) -> Session:
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    return Session()


def test_files_records_and_jobs_are_seen(session, settings, stores):
    stores.blobs.put(BlobRef(settings.object_bucket, "org/ns/a.txt"), b"words", "text/plain")
    stores.records.create(Entry("org#things", "thing_1", {"n": 1}))
    stores.queues.send(settings.jobs_queue, {"job": "batch"})

    s3, dynamodb, sqs = (session.client(name) for name in ("s3", "dynamodb", "sqs"))
    key = {"pk": {"S": "org#things"}, "sk": {"S": "thing_1"}}
    url = sqs.get_queue_url(QueueName=settings.jobs_queue)["QueueUrl"]

    assert s3.get_object(Bucket=settings.object_bucket, Key="org/ns/a.txt")["Body"].read() == b"words"
    assert dynamodb.get_item(TableName=settings.table_name, Key=key)["Item"]["body"]["B"] == b'{"n":1}'
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == '{"job":"batch"}'


def test_what_a_session_writes_is_read_by_the_stores(session, settings, stores):
    session.resource("s3").Bucket(settings.plugin_bucket).put_object(Key="uploads/x.zip", Body=b"zip")

    assert [ref.key for ref in stores.blobs.each(settings.plugin_bucket, "uploads/")] == ["uploads/x.zip"]
    assert session.client("sts").get_caller_identity()["Account"] == "000000000000"
