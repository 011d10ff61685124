"""Logs: whatever is sent, wherever, as a secret or as data, no line of any level repeats it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import log as logs
from tests.unit.api.conftest import Api
from tests.unit.api.worlds import operations

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
    routes = sorted((method, path) for method, path, _ in operations(app))
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
        answer = api.client.request(method, path, **options)
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
