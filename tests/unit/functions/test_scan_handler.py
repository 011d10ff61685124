"""The scan function: S3's events in SQS messages, one bad message not holding up the others."""

import json
from unittest.mock import Mock
from urllib.parse import quote_plus

import pytest
from botocore.exceptions import ClientError

from core.plugins import create_upload, upload_ref
from core.scans import get_scan
from functions.scan import handler as module
from tests.unit.core.samples import FILES, SCOPE, zipped


@pytest.fixture
def stores(moto_stores, monkeypatch):
    monkeypatch.setattr(module, "stores", lambda: moto_stores)
    return moto_stores


def put(stores, name, data):
    upload = create_upload(stores, SCOPE, name, "1.0.0").upload
    stores.blobs.put(upload_ref(stores, upload), data)
    return upload


def message(message_id, bucket, *keys):
    records = [{"s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}}} for key in keys]
    return {"messageId": message_id, "body": json.dumps({"Records": records})}


def test_event_alone_leads_to_a_scan_record(stores):
    good = put(stores, "good_one", zipped())
    bad = put(stores, "bad_one", zipped({**FILES, "evil.py": "import socket\n"}))
    bucket = stores.settings.plugin_bucket

    answer = module.handler({"Records": [message("m1", bucket, good.s3_key, bad.s3_key)]}, None)

    assert answer == {"batchItemFailures": []}
    assert get_scan(stores, good.upload_id).passed
    assert not get_scan(stores, bad.upload_id).passed


def test_event_that_comes_twice_changes_nothing(stores):
    upload = put(stores, "good_one", zipped())
    event = {"Records": [message("m1", stores.settings.plugin_bucket, upload.s3_key)]}

    module.handler(event, None)
    first = get_scan(stores, upload.upload_id)
    module.handler(event, None)

    assert get_scan(stores, upload.upload_id) == first


def test_message_that_fails_is_named_and_the_others_are_scanned(stores):
    upload = put(stores, "good_one", zipped())
    broken = {"messageId": "m1", "body": "no JSON"}

    answer = module.handler({"Records": [broken, message("m2", stores.settings.plugin_bucket, upload.s3_key)]}, None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert get_scan(stores, upload.upload_id).passed


def test_stray_file_and_s3s_test_event_are_no_failures(stores):
    stray = message("m1", stores.settings.plugin_bucket, "uploads/org_1/ns_1/a b+c.zip")
    test = {"messageId": "m2", "body": json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"})}

    assert module.handler({"Records": [stray, test]}, None) == {"batchItemFailures": []}


def test_file_that_may_not_be_read_makes_its_message_come_again(stores, monkeypatch):
    upload = put(stores, "gone_one", zipped())
    refused = ClientError({"Error": {"Code": "403"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "HeadObject")
    monkeypatch.setattr(stores.blobs, "head", Mock(side_effect=refused))  # as S3 answers who may not list

    answer = module.handler({"Records": [message("m1", stores.settings.plugin_bucket, upload.s3_key)]}, None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
