"""Logs: each line says which request it belongs to, and none says what was sent."""

import io
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core import log as logs
from core.metrics import measured
from core.organizations import create_organization
from core.stores import Stores
from functions.api.app import create_app

PAYLOAD = "a-customers-own-words"


@pytest.fixture
def lines() -> Iterator[Any]:
    """What was logged as JSON since, by `lines()`."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for noisy in logs.NOISY:  # the test's own client is among them
        logging.getLogger(noisy).setLevel(logging.WARNING)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(before)
    for noisy in logs.NOISY:
        logging.getLogger(noisy).setLevel(logging.NOTSET)


@pytest.fixture
def client(moto_stores: Stores) -> Iterator[TestClient]:
    with TestClient(create_app(moto_stores), raise_server_exceptions=False) as client:
        yield client


def requests(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["message"] == "request"]


def test_request_is_one_line_with_who_where_and_how_long(client, moto_stores, lines):
    organization, secret = create_organization(moto_stores, "acme", "admin@localhost")
    headers = {"Authorization": f"Bearer {secret}", "X-Request-Id": "req-7"}
    namespace = client.post("/v1/namespaces", json={"namespace_name": "demo"}, headers=headers).json()["namespace_id"]

    answer = client.get(f"/v1/namespaces/{namespace}/buckets/none", headers=headers)

    assert answer.headers["x-request-id"] == "req-7"
    line = requests(lines())[-1]
    assert (line["request_id"], line["org_id"], line["namespace_id"]) == ("req-7", organization.org_id, namespace)
    assert (line["method"], line["status"], line["outcome"]) == ("GET", 404, "4xx")
    assert line["route"] == "/v1/namespaces/{namespace_id}/buckets/{bucket_identifier}"
    assert 0 < line["duration_ms"] < 10_000
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["service", "outcome"]]
    assert {m["Name"] for m in directive["Metrics"]} == {"requests", "duration_ms"}


def test_no_line_holds_a_secret_or_a_payload(client, moto_stores, lines):
    _, secret = create_organization(moto_stores, "acme", "admin@localhost")
    headers = {"Authorization": f"Bearer {secret}"}
    client.post("/v1/namespaces", json={"namespace_name": "demo"}, headers=headers)
    scoped = headers | {"X-Namespace": "demo"}
    schema = {"properties": {"text": {"type": "text"}}}
    client.post("/v1/buckets", json={"bucket_name": "docs", "bucket_schema": schema}, headers=scoped)
    blob = {"property": "text", "type": "text", "data": PAYLOAD}
    made = client.post("/v1/buckets/docs/objects", json={"blobs": [blob]}, headers=scoped)
    wrong = client.post("/v1/buckets/docs/objects", json={"blobs": [blob | {"property": PAYLOAD}]}, headers=scoped)
    client.get("/v1/buckets/docs/objects", headers=scoped, params={"search": PAYLOAD})
    client.post(f"/v1/nowhere/{PAYLOAD}", content=PAYLOAD, headers=headers)

    assert (made.status_code, wrong.status_code) == (200, 422)
    text = json.dumps(lines())
    assert len(requests(lines())) == 6
    assert secret not in text
    assert PAYLOAD not in text


def test_unforeseen_failure_is_logged_with_its_request(client, moto_stores, lines, monkeypatch):
    _, secret = create_organization(moto_stores, "acme", "admin@localhost")
    monkeypatch.setattr("functions.api.routes.namespaces.each_namespace", lambda *_: 1 / 0, raising=True)

    answer = client.post("/v1/namespaces/list", json={}, headers={"Authorization": f"Bearer {secret}"})

    assert answer.status_code == 500
    failed = [line for line in lines() if line["level"] == "error"]
    assert "ZeroDivisionError" in failed[0]["traceback"]
    assert requests(lines())[-1]["status"] == 500


@pytest.mark.parametrize("given", ["two words", "", "x" * 129, "a\u00e9"])
def test_id_that_is_no_plain_word_is_replaced(client, given):
    answer = client.get("/v1/nowhere", headers={"X-Request-Id": given.encode("latin-1")})

    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 32


def test_liveness_is_not_logged(client, lines):
    client.get("/v1/health/liveness")

    assert requests(lines()) == []


def test_what_a_thread_notes_stands_in_the_lines_of_its_request(lines):
    log = logging.getLogger("test")
    with ThreadPoolExecutor(1) as pool, logs.context(request_id="r1"):
        pool.submit(copy_context().run, logs.note, org_id="org_1").result()
        log.info("inside", extra=measured({"service": "scan"}, scan_ms=1.5, rejected=1))
    log.info("outside")
    logs.note(org_id="org_2")

    inside, outside = lines()
    assert (inside["request_id"], inside["org_id"], inside["scan_ms"]) == ("r1", "org_1", 1.5)
    units = {m["Name"]: m["Unit"] for m in inside["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert units == {"scan_ms": "Milliseconds", "rejected": "Count"}
    assert "request_id" not in outside
