"""Idempotency keys: a POST that is sent again is not done again, whoever else asks and however many at once."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from core import idempotency
from core.stores import Stores
from tests.unit.api.conftest import Api, NewTenant

KEYS = "/v1/organizations/users/admin@localhost/api-keys"
SCHEMA = {"properties": {"text": {"type": "text"}}}
OBJECT = {"blobs": [{"property": "text", "type": "text", "data": "hello"}]}


@pytest.fixture
def docs(api: Api) -> Api:
    """A tenant with a bucket `docs`."""
    api.ok("POST", "/v1/buckets", {"name": "docs", "bucket_schema": SCHEMA})
    return api


def send(api: Api, key: str, path: str, body: Any, **options: Any) -> Any:
    return api.call("POST", path, body, headers={"Idempotency-Key": key}, **options)


def count(api: Api) -> int:
    total: int = api.ok("GET", "/v1/buckets/docs")["object_count"]
    return total


def test_same_request_is_answered_the_same_and_done_once(docs: Api) -> None:
    first = send(docs, "k1", "/v1/buckets/docs/objects", OBJECT)
    again = send(docs, "k1", "/v1/buckets/docs/objects", OBJECT)
    other = send(docs, "k2", "/v1/buckets/docs/objects", OBJECT)

    assert first.json() == again.json() != other.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert count(docs) == 2


def test_other_body_with_the_same_key_is_refused(docs: Api) -> None:
    send(docs, "k", "/v1/buckets/docs/objects", OBJECT)

    refused = send(docs, "k", "/v1/buckets/docs/objects", {"blobs": []})

    assert refused.status_code == 422
    assert refused.json()["error"]["details"]["field"] == "Idempotency-Key"
    assert count(docs) == 1


def test_key_belongs_to_route_namespace_and_organization(docs: Api, new_tenant: NewTenant) -> None:
    other = new_tenant()
    other.ok("POST", "/v1/namespaces", {"namespace_name": "demo"})
    body = {"bucket_name": "mine", "bucket_schema": SCHEMA}

    mine = send(docs.within("demo"), "k", "/v1/buckets", body).json()
    theirs = send(other.within("demo"), "k", "/v1/buckets", body).json()
    elsewhere = send(docs, "k", "/v1/namespaces", {"namespace_name": "two"}).json()

    assert mine["bucket_id"] != theirs["bucket_id"]
    assert elsewhere["namespace_name"] == "two"


def test_failure_is_not_kept(docs: Api) -> None:
    path, body = "/v1/buckets/later/objects", OBJECT
    refused = send(docs, "k", path, body)
    docs.ok("POST", "/v1/buckets", {"name": "later", "bucket_schema": SCHEMA})

    done = send(docs, "k", path, body)

    assert (refused.status_code, done.status_code) == (404, 200)


def test_many_at_once_are_done_once(docs: Api) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(docs, "k", "/v1/buckets/docs/objects", OBJECT), range(16)))

    done = [a.json()["object_id"] for a in answers if a.status_code == 200]
    assert len(set(done)) == 1
    assert {a.status_code for a in answers} <= {200, 409}
    assert count(docs) == 1


def test_large_answer_is_kept_whole(docs: Api) -> None:
    blob = OBJECT["blobs"][0]
    texts = [secrets.token_hex(300) for _ in range(1000)]
    body = {"objects": [{"blobs": [blob | {"data": text}]} for text in texts]}

    first = send(docs, "k", "/v1/buckets/docs/objects/batch", body)
    again = send(docs, "k", "/v1/buckets/docs/objects/batch", body)

    assert len(first.content) > 600_000
    assert first.content == again.content


def test_secret_is_not_kept(api: Api, moto_stores: Stores) -> None:
    made = send(api, "k", KEYS, {"name": "ci"})
    again = send(api, "k", KEYS, {"name": "ci"})

    assert made.json()["key"].startswith("sk_")
    assert again.status_code == 409
    assert "told once" in again.json()["error"]["message"]


def test_attempt_whose_process_died_is_taken_over(docs: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "_keep", lambda *_: None)  # as if it ended before the answer was kept
        send(docs, "k", "/v1/buckets/docs/objects", OBJECT)
    waiting = send(docs, "k", "/v1/buckets/docs/objects", OBJECT)
    monkeypatch.setattr(idempotency, "LEASE_S", -1)

    taken = send(docs, "k", "/v1/buckets/docs/objects", OBJECT)

    assert (waiting.status_code, taken.status_code) == (409, 200)


def test_form_is_told_from_another_form(api: Api) -> None:
    path = f"/v1/namespaces/{api.namespace}/plugins"

    def upload(version: str) -> Any:
        files = {"file": ("a.zip", b"no archive", "application/zip")}
        return send(api, "k", path, None, files=files, data={"name": "mine", "version": version})

    assert upload("1.0.0").status_code == upload("1.0.0").status_code == 400


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x7f"])
def test_key_that_can_not_be_used_is_refused(docs: Api, key: str) -> None:
    refused = send(docs, key, "/v1/buckets/docs/objects", OBJECT)

    assert refused.status_code == 422
    assert "Idempotency-Key" in refused.json()["error"]["message"]


def test_reading_key_can_not_read_what_a_writer_was_answered(docs: Api) -> None:
    send(docs, "k", "/v1/buckets/docs/objects", OBJECT)
    reader = docs.ok("POST", KEYS, {"name": "reader", "permissions": ["read"]})["key"]

    refused = send(Api(docs.client, reader, docs.namespace), "k", "/v1/buckets/docs/objects", OBJECT)

    assert refused.status_code == 403
