"""Routes that run collections again: full or not, filtered, or with another version of their plugin."""

from typing import Any

import pytest

from core.batches import get_batch
from core.stores import Stores
from core.stores.records import Entry
from core.tenancy import Scope
from plugin_sdk.manifest import Feature
from tests.unit.api.conftest import Api
from tests.unit.core.samples import published


@pytest.fixture
def scope(api: Api) -> Scope:
    """The tenant's namespace, as stores know it."""
    asked = {"name": "abc", "version": "1"}
    key = api.ok("POST", f"/v1/namespaces/{api.namespace}/plugins/uploads", asked)["s3_key"]
    return Scope(key.split("/")[1], api.namespace or "")


@pytest.fixture
def collection(api: Api, moto_stores: Stores, scope: Scope) -> dict[str, Any]:
    """A collection of a bucket with three objects."""
    published(moto_stores, scope)
    schema = {"properties": {"text": {"type": "text"}}}
    bucket = api.ok("POST", "/v1/buckets", {"bucket_name": "prose", "bucket_schema": schema})["bucket_id"]
    pk = scope.key("object", bucket)
    bodies: list[dict[str, Any]] = [
        {"object_id": f"obj_{n}", "metadata": {"lang": "de" if n else "en"}} for n in range(3)
    ]
    moto_stores.records.put_many([Entry(pk, b["object_id"], b) for b in bodies])
    body = {
        "collection_name": "paragraphs",
        "source": {"type": "bucket", "bucket_ids": [bucket]},
        "feature_extractor": {"feature_extractor_name": "my_extractor", "version": "1.0.0"},
    }
    made: dict[str, Any] = api.ok("POST", "/v1/collections", body)
    return made


def test_full_and_filters_are_taken_by_every_way_to_start_a_batch(
    api: Api, moto_stores: Stores, scope: Scope, collection: dict[str, Any]
) -> None:
    (bucket,) = collection["source"]["bucket_ids"]
    german = {"AND": [{"field": "lang", "operator": "eq", "value": "de"}]}
    trigger, buckets = "/v1/collections/paragraphs/trigger", f"/v1/buckets/{bucket}/batches/trigger"

    started = [
        api.ok("POST", trigger),
        api.ok("POST", trigger, {"full": True}),
        api.ok("POST", f"{trigger}?full=true"),
        api.ok("POST", trigger, {"source_filters": german}),
        api.ok("POST", buckets, {"full": True, "filters": german}),
        api.ok("POST", buckets),
    ]

    batches = [get_batch(moto_stores, scope, bucket, s["batch_id"]) for s in started]
    assert [b.full for b in batches] == [False, True, True, False, True, False]
    assert [s["object_count"] for s in started] == [3, 3, 3, 2, 2, 3]


def test_patch_moves_a_collection_and_says_what_backfills_it(
    api: Api, moto_stores: Stores, scope: Scope, collection: dict[str, Any]
) -> None:
    published(moto_stores, scope, version="1.1.0")
    published(
        moto_stores, scope, version="2.0.0", features=[Feature(feature_name="my_extractor_embedding", embedding_dim=9)]
    )

    moved = api.ok("PATCH", "/v1/collections/paragraphs", {"feature_extractor": {"version": "1.1.0"}})
    refused = api.fails(409, "PATCH", "/v1/collections/paragraphs", {"feature_extractor": {"version": "2.0.0"}})

    assert moved["feature_extractor"]["feature_extractor_id"] == "my_extractor_1_1_0"
    (backfill,) = moved["backfill"]
    (bucket,) = collection["source"]["bucket_ids"]
    assert get_batch(moto_stores, scope, bucket, backfill["batch_id"]).collection_ids == [collection["collection_id"]]
    assert api.ok("GET", f"/v1/tasks/{backfill['task_id']}")["status"] == "PENDING"
    assert "has 9 numbers" in refused
    assert "backfill" not in api.ok("PATCH", "/v1/collections/paragraphs", {"description": "x"})
