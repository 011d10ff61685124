"""Values from a closed list, and objects with known fields: what is none of them is refused with the field's name."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.stores import Stores
from tests.unit.api.whole import Place, new_place, new_tenant, whole_app

STAGE = {"stage_name": "s", "config": {"stage_id": "attribute_filter", "parameters": {}}}
DOCUMENTS = "/v1/collections/{collection_identifier}/documents"
RETRIEVER = {"retriever_name": "made", "stages": [STAGE], "collection_identifiers": ["texts"]}


@pytest.fixture(scope="module")
def place(module_moto_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    app = whole_app(module_moto_stores, tmp_path_factory.mktemp("data"))
    yield new_place(module_moto_stores, new_tenant(module_moto_stores, TestClient(app)), "here")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/buckets/list", {"sort": {"field": "bucket_name", "direction": "up"}}, "sort.direction"),
        ("/v1/buckets/list", {"sort": {"direction": "asc"}}, "sort.field"),
        ("/v1/buckets/list", {"sort": {"field": "bucket_name", "order": "asc"}}, "sort.order"),
        ("/v1/retrievers/list", {"sorts": [{"field": "retriever_name", "direction": 1}]}, "sorts[0].direction"),
        ("/v1/tasks/list", {"task_type": "zebra"}, "task_type"),
        (f"{DOCUMENTS}/list", {"sort": {"field": "title", "direction": "up"}}, "sort.direction"),
        (DOCUMENTS, {"collection_id": "c", "source_type": "zebra"}, "source_type"),
        (DOCUMENTS, {"collection_id": "c", "features": [{"vector": [1.0]}]}, "features[0].vector"),
        ("/v1/inference", {"inputs": {}, "cache_delta": 2}, "cache_delta"),
        ("/v1/retrievers", RETRIEVER | {"budget_limits": {"max_credits": -1}}, "budget_limits.max_credits"),
        ("/v1/retrievers", RETRIEVER | {"budget_limits": {"credits": 1}}, "budget_limits.credits"),
        (
            "/v1/retrievers/execute",
            {"stages": [STAGE], "budget_limits": {"max_time_ms": "1"}},
            "budget_limits.max_time_ms",
        ),
        ("/v1/retrievers/{retriever_id}/execute", {"pagination": {"method": "zebra"}}, "pagination.method"),
        ("/v1/retrievers/{retriever_id}/execute", {"pagination": {"pages": 2}}, "pagination.pages"),
    ],
)
def test_value_that_is_none_of_those_is_refused_by_its_field(place: Place, path: str, body: Any, field: str) -> None:
    assert field in place.api.fails(422, "POST", place.filled(path), body)


def test_fields_of_a_feature_are_fields_of_its_document(place: Place) -> None:
    collection = place.ids["collection_identifier"]
    feature = {"feature_extractor_id": "passthrough_extractor_v1", "payload": {"title": "found", "text": "theirs"}}
    body = {"collection_id": collection, "text": "ours", "features": [feature]}

    made = place.api.ok("POST", f"/v1/collections/{collection}/documents", body)

    assert (made["title"], made["text"]) == ("found", "ours")


def test_pages_may_be_many(place: Place) -> None:
    asked = {"pagination": {"method": "offset", "page_size": 1, "page_number": 5000}}

    told = place.api.ok("POST", f"/v1/retrievers/{place.ids['retriever_id']}/execute", asked)

    assert told["results"] == [] and told["pagination"]["page"] == 5000
