"""CLI commands against the control API in this process."""

import json
from functools import partial
from typing import Any

import pytest

from plugin_sdk.cli import batch, client, namespace
from plugin_sdk.cli.output import Format
from tests.unit.api.conftest import Api
from tests.unit.api.test_removal import SCHEMA


@pytest.fixture
def connected(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The commands' connection leads to the app."""

    def opened(_url: object, _key: object, name: str | None, **_: object) -> client.Api:
        made = client.Api("http://testserver", api.secret, name)
        headers = dict(made._client.headers)
        send = partial(api.client.request, headers=headers)
        monkeypatch.setattr(made._client, "request", send)
        return made

    for module in (batch, namespace):
        monkeypatch.setattr(module, "open_api", opened)
    return api


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_namespace_is_created_for_a_time_and_listed_with_its_end(
    connected: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    namespace.create("short", ttl="2h", format=Format.JSON)

    made = told(capsys)
    assert made["ttl_seconds"] == 7200
    namespace.list_namespaces()
    line = next(line for line in capsys.readouterr().out.splitlines() if "short" in line)
    assert made["expires_at"] in line


def test_all_batches_of_a_bucket_are_listed(
    connected: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "PAGE", 2)
    connected.ok("POST", "/v1/buckets", {"name": "docs", "bucket_schema": SCHEMA})
    made = connected.ok(
        "POST", "/v1/buckets/docs/objects", {"blobs": [{"property": "text", "type": "text", "data": "x"}]}
    )
    ids = {connected.ok("POST", "/v1/buckets/docs/batches", {"object_ids": [made["object_id"]]})["batch_id"]}

    batch.list_batches("docs", connected.namespace)
    assert next(iter(ids)) in capsys.readouterr().out

    for _ in range(4):
        ids.add(connected.ok("POST", "/v1/buckets/docs/batches", {"object_ids": [made["object_id"]]})["batch_id"])
    batch.list_batches("docs", connected.namespace, format=Format.JSON)
    answer = told(capsys)
    assert answer["total"] == 5
    assert {b["batch_id"] for b in answer["batches"]} == ids
