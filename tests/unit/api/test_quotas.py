"""Quotas: what is over one is refused with its name and what is used, and room comes back when things go."""

from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from core.stores import Stores
from infra.emulator.resources import create_key
from tests.unit.api.conftest import Api
from tests.unit.api.worlds import publish

KEYS = "/v1/organizations/users/admin@localhost/api-keys"
SCHEMA = {"properties": {"text": {"type": "text"}}}
OBJECT = {"blobs": [{"property": "text", "type": "text", "data": "x"}]}
PLUGINS = "/v1/namespaces/demo/plugins/uploads"
COLLECTION = {
    "source": {"type": "bucket", "bucket_ids": ["docs"]},
    "feature_extractor": {"feature_extractor_name": "passthrough_extractor", "version": "v1"},
}


@pytest.mark.parametrize(
    ("quota", "limit", "path", "body", "named"),
    [
        ("namespaces", 2, "/v1/namespaces", {}, "name"),
        ("buckets", 2, "/v1/buckets", {}, "name"),
        ("objects", 1, "/v1/buckets/docs/objects", OBJECT, None),
        ("collections", 1, "/v1/collections", COLLECTION, "collection_name"),
        ("secrets", 1, "/v1/organizations/secrets", {"secret_value": "x"}, "secret_name"),
        ("api_keys", 2, KEYS, {}, "name"),
    ],
)
def test_one_more_than_may_be_is_refused_with_what_is_used(
    app: FastAPI,
    api: Api,
    moto_stores: Stores,
    quota: str,
    limit: int,
    path: str,
    body: dict[str, Any],
    named: str | None,
) -> None:
    create_key(moto_stores.settings)
    api.ok("POST", "/v1/buckets", {"name": "docs", "bucket_schema": SCHEMA})
    settings = moto_stores.settings.model_copy(update={f"max_{quota}": limit})
    app.state.stores = replace(moto_stores, settings=settings)

    api.ok("POST", path, body | ({named: "first"} if named else {}))
    answer = api.call("POST", path, body | ({named: "second"} if named else {}))

    assert answer.status_code == 403, answer.text
    details = answer.json()["error"]["details"]
    assert (details["code"], details["quota"], details["used"], details["limit"]) == (
        "quota_exceeded",
        quota,
        limit,
        limit,
    )
    assert f"OPENPEEK_MAX_{quota.upper()}" in details["fix"]


def test_room_comes_back_when_a_thing_goes(app: FastAPI, api: Api, moto_stores: Stores) -> None:
    app.state.stores = replace(moto_stores, settings=moto_stores.settings.model_copy(update={"max_buckets": 1}))
    api.ok("POST", "/v1/buckets", {"name": "docs"})
    api.fails(403, "POST", "/v1/buckets", {"name": "more"})

    api.ok("DELETE", "/v1/buckets/docs")

    api.ok("POST", "/v1/buckets", {"name": "more"})


def test_objects_of_a_batch_count_together(app: FastAPI, api: Api, moto_stores: Stores) -> None:
    app.state.stores = replace(moto_stores, settings=moto_stores.settings.model_copy(update={"max_objects": 3}))
    api.ok("POST", "/v1/buckets", {"name": "docs", "bucket_schema": SCHEMA})

    api.fails(403, "POST", "/v1/buckets/docs/objects/batch", {"objects": [OBJECT] * 4})

    api.ok("POST", "/v1/buckets/docs/objects/batch", {"objects": [OBJECT] * 3})


def test_plugin_beyond_the_quota_is_refused_before_its_upload(app: FastAPI, api: Api, publishing: Stores) -> None:
    app.state.stores = replace(
        app.state.stores, settings=app.state.stores.settings.model_copy(update={"max_plugins": 1})
    )
    publish(api, publishing.blobs, publishing.settings.plugin_bucket, "/v1/namespaces/demo/plugins")

    assert "plugins is used up: 1 of 1" in api.fails(403, "POST", PLUGINS, {"name": "another", "version": "1.0.0"})
