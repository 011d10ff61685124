"""Logs: whatever is sent, wherever, as a secret or as data, no line of any level repeats it."""

import io
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch.serving.app import ServingApp, create_app
from core import log as logs
from core import upkeep
from core.buckets import create_bucket
from core.metrics import measured
from core.plugins import create_upload, upload_ref
from core.stores import Stores
from core.stores.vectors import Vectors
from core.uploads import create_uploads, file_of
from functions.janitor import handler as janitor
from functions.scan import handler as scan
from functions.uploads import handler as arriving
from tests.unit.api.conftest import Api
from tests.unit.api.test_roles import event
from tests.unit.api.worlds import operations
from tests.unit.core.samples import FILES, SCOPE, zipped

MARK = "marked0secret"
PLACES = ("path", "query", "header", "key", "body", "field", "idempotency", "raw")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """All that is logged, as it would be written."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, before = logging.StreamHandler(stream), root.level
    handler.setFormatter(logs.JsonLines())
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    quiet = [logging.getLogger(name) for name in logs.NOISY]
    levels = [one.level for one in quiet]
    for one in quiet:
        one.setLevel(logging.WARNING)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)
    for one, level in zip(quiet, levels, strict=True):
        one.setLevel(level)


def test_nothing_that_is_sent_is_in_a_line(app: FastAPI, api: Api, lines: io.StringIO) -> None:
    hold(sorted((method, path) for method, path, _ in operations(app)), api.client, api, lines)


def test_nothing_that_is_sent_to_a_data_route_is_in_a_line(
    api: Api, moto_stores: Stores, lines: io.StringIO, tmp_path: Path
) -> None:
    serving = create_app(moto_stores, Vectors(str(tmp_path)), moto_stores.settings)
    routes = [(method, path) for method, path, _ in operations(serving.routes)]

    client = TestClient(without_lifespan(serving), raise_server_exceptions=False)
    hold(sorted([*routes, ("POST", "/inference/{deployment_name}")]), client, api, lines)


def without_lifespan(serving: ServingApp) -> Any:
    """The app, whose node serves nothing."""

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await serving(scope, receive, send)

    return answering


def hold(routes: list[tuple[str, str]], client: TestClient, api: Api, lines: io.StringIO) -> None:
    """Send marked requests to all of them, and hold every line that comes of it against the mark."""
    sent = 0

    @settings(max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(route=st.sampled_from(routes), place=st.sampled_from(PLACES), n=st.integers(0, 10**6))
    def send(route: tuple[str, str], place: str, n: int) -> None:
        nonlocal sent
        mark, (method, path) = f"{MARK}{n}", route
        headers = {"Authorization": f"Bearer {api.secret}", "X-Namespace": str(api.namespace)}
        options: dict[str, Any] = {"headers": headers}
        for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
            own = api.namespace if name == "namespace_id" else None
            path = path.replace(f"{{{name}}}", own or (mark if place == "path" else "none"))
        match place:
            case "query":
                options["params"] = {"cursor": mark, mark: mark}
            case "header":
                headers |= {"X-Namespace": mark, "X-Other": mark, "Cookie": f"a={mark}", "X-Request-Id": f"{mark} "}
            case "key":
                headers["Authorization"] = f"Bearer sk_{mark}"
            case "idempotency":
                headers["Idempotency-Key"] = mark
            case "raw":
                options["content"] = f'{{"{mark}": '.encode()
            case "field":
                options["json"] = {mark: mark}
            case "body":
                names = (
                    "name",
                    "secret_name",
                    "secret_value",
                    "description",
                    "filename",
                    "filters",
                    "metadata",
                    "query",
                )
                options["json"] = dict.fromkeys(names, mark)
        answer = client.request(method, path, **options)
        sent += 1
        assert answer.status_code < 500 or answer.status_code == 503, (method, path, place, answer.text)
        assert MARK not in lines.getvalue(), (method, path, place, lines.getvalue()[-2000:])

    send()

    assert sent >= 100
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    requests = [line for line in told if line["message"] == "request"]
    assert len(requests) >= 100
    assert all({"request_id", "route", "status", "duration_ms"} <= set(line) for line in requests)
    assert any(line.get("namespace_id") == api.namespace and line.get("org_id") for line in requests)
    assert api.secret not in lines.getvalue()


def test_what_functions_are_sent_is_in_no_line_and_their_figures_are_metrics(
    publishing: Stores, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores, settings = publishing, publishing.settings
    for module in (scan, arriving, janitor):
        monkeypatch.setattr(module, "stores", lambda: stores)
    bucket = create_bucket(stores, SCOPE, MARK, bucket_schema={"properties": {MARK: {"type": "text"}}})
    about = {"filename": f"{MARK}.txt", "content_type": "text/plain", "metadata": {MARK: MARK}}
    good = create_uploads(stores, SCOPE, bucket, [about])[0][0]
    wrong = create_uploads(stores, SCOPE, bucket, [about | {"file_size_bytes": 3}])[0][0]
    for upload in (good, wrong):
        stores.blobs.put(file_of(stores, upload), MARK.encode(), "text/plain")
    archive = create_upload(stores, SCOPE, "probe", "1.0.0").upload
    stores.blobs.put(upload_ref(stores, archive), zipped({**FILES, f"{MARK}.py": f"import socket\nx = '{MARK}'\n"}))

    scan.handler(event(settings.plugin_bucket, archive.s3_key, "uploads/org_1/ns_1/plu_0.zip"), None)
    arriving.handler(event(settings.object_bucket, good.s3_key, wrong.s3_key), None)
    monkeypatch.setattr(upkeep, "_due", lambda stores, pk: list(stores.records.each(pk)))
    janitor.handler({}, None)
    for broken in (b"no JSON " + MARK.encode(), json.dumps({"Records": MARK}).encode()):
        for handler in (scan.handler, arriving.handler):
            handler({"Records": [{"messageId": "m", "body": broken.decode()}]}, None)

    assert MARK not in lines.getvalue()
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    names = {name for line in told for name in metrics_of(line)}
    assert {"scans", "rejected", "files", "file_bytes", "uploads_expired"} <= names


def test_lines_of_requests_and_jobs_are_metrics_by_the_format_s_rules(api: Api, lines: io.StringIO) -> None:
    api.ok("GET", "/v1/namespaces/demo")
    logging.getLogger("batch").info("job done", extra=measured({"service": "batch"}, jobs=1, job_ms=12))

    told = [json.loads(line) for line in lines.getvalue().splitlines()]

    assert [metrics_of(line) for line in told[-2:]][1] == {"jobs": 1, "job_ms": 12}
    assert set(metrics_of(told[-2])) == {"requests", "duration_ms"}


def metrics_of(line: dict[str, Any]) -> dict[str, float]:
    """A line's metrics, once it is what CloudWatch takes.

    Source: Specification: Embedded metric format, Amazon CloudWatch.
    """
    if "_aws" not in line:
        return {}
    assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 60
    found: dict[str, float] = {}
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert 0 < len(directive["Namespace"]) < 256
        assert 0 < len(directive["Metrics"]) <= 100
        for dimensions in directive["Dimensions"]:
            assert len(dimensions) <= 30
            assert all(isinstance(line[name], str) and 0 < len(line[name]) <= 1024 for name in dimensions)
        for metric in directive["Metrics"]:
            value = line[metric["Name"]]
            assert isinstance(value, int | float) and not isinstance(value, bool)
            assert metric["Unit"] in ("Count", "Milliseconds", "Bytes")
            found[metric["Name"]] = value
    return found
