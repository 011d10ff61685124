"""Search over HTTP: stored and ad-hoc retrievers and the high-level client's calls, with vectors given directly."""

import json
import statistics
import time

import numpy as np
import pytest

from core.retrievers import create_retriever
from core.stores.vectors import Vectors
from tests.integration.serving_fixtures import PLUGINS, collection_of, publish, running, tenant, write_documents

pytestmark = pytest.mark.slow

URI = "mixpeek://letters@1.0.0/letters_embedding"
ROWS = [
    {"letters_embedding": [1.0, 0.0, 0.0], "language": "de", "year": 1900, "content": "a"},
    {"letters_embedding": [0.9, 0.1, 0.0], "language": "fr", "year": 1901, "content": "aab"},
    {"letters_embedding": [0.5, 0.5, 0.0], "language": "de", "year": 1902, "content": "ab"},
    {"letters_embedding": [0.0, 1.0, 0.0], "language": "de", "year": 1903, "content": "b"},
    {
        "letters_embedding": [0.0, 0.0, 1.0],
        "language": "fr",
        "year": 1904,
        "content": "c",
        "_extra": '{"mood": "calm"}',
    },
]


@pytest.fixture(scope="module")
def place(module_stores):
    """A tenant with a collection of five documents and an empty one, and a client of the running app."""
    mine = tenant(module_stores)
    plugin = publish(module_stores, mine.scope, PLUGINS / "letters")
    full = collection_of(module_stores, mine.scope, plugin, "full")
    empty = collection_of(module_stores, mine.scope, plugin, "empty")
    write_documents(Vectors.at(module_stores.settings), mine.scope, full, plugin, ROWS)
    with running(module_stores) as client:
        client.headers.update(mine.headers)
        yield module_stores, mine, full, empty, client


def stage(query, **parameters):
    search = {"feature_uri": URI, "query": query}
    return {
        "stage_name": "find",
        "config": {"stage_id": "feature_search", "parameters": {"searches": [search]} | parameters},
    }


def execute(place, stages, **body):
    answer = place[4].post(
        "/v1/retrievers/execute",
        json={"collection_identifiers": ["full"], "stages": stages} | body,
        params={"return_vectors": body.pop("vectors", False)},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def found(answer):
    return [int(r["document_id"].removeprefix("doc_")) for r in answer["results"]]


def test_nearest_documents_come_first_with_scores_and_lineage(place):
    answer = execute(place, [stage([1, 0, 0])])

    assert found(answer) == [0, 1, 2, 3, 4]
    assert answer["documents"] == answer["results"]
    assert answer["results"][0]["score"] == pytest.approx(1.0)
    assert answer["results"][2]["score"] == pytest.approx(0.7071, abs=1e-3)
    assert answer["results"][0]["_internal"]["lineage"]["source_object_id"] == "obj_0"
    assert answer["results"][0]["_vectors"] == ["letters_embedding"]
    assert answer["status"] == "completed"
    assert answer["stage_statistics"]["stages"]["find"]["output_count"] == 5


def test_stored_retriever_takes_inputs_under_both_names_and_pages(place):
    stores, mine, full, _, client = place
    stages = [stage("{{INPUT.vector}}", final_top_k=5)]
    retriever = create_retriever(stores, mine.scope, "by_vector", stages, [full.collection_id])
    path = f"/v1/retrievers/{retriever.retriever_id}/execute"

    first = client.post(path, json={"inputs": {"vector": [1, 0, 0]}, "pagination": {"page_size": 2}}).json()
    second = client.post(
        f"/v1/namespaces/main/retrievers/{retriever.retriever_name}/execute",
        json={"input": {"vector": [1, 0, 0]}, "pagination": {"page_size": 2, "page_number": 2}},
    ).json()
    cursor = {"method": "cursor", "limit": 2, "cursor": second["pagination"]["next_cursor"]}
    third = client.post(path, json={"inputs": {"vector": [1, 0, 0]}, "pagination": cursor}).json()

    assert [found(a) for a in (first, second, third)] == [[0, 1], [2, 3], [4]]
    assert first["retriever_id"] == retriever.retriever_id
    assert first["pagination"]["total"] == 5 and first["pagination"]["total_pages"] == 3
    assert third["pagination"]["next_cursor"] is None


def test_filters_narrow_what_is_searched(place):
    before = execute(place, [{"type": "attribute_filter", "conditions": {"language": "fr"}}, stage([1, 0, 0])])
    inside = execute(
        place, [stage([1, 0, 0], filters={"field": "year", "operator": "gt", "value": 1901}, final_top_k=2)]
    )
    after = execute(
        place, [stage([1, 0, 0], final_top_k=3), {"type": "attribute_filter", "conditions": {"language": "fr"}}]
    )
    whole = execute(place, [stage([1, 0, 0])], filters={"field": "mood", "operator": "eq", "value": "calm"})

    assert [found(a) for a in (before, inside, after, whole)] == [[1, 4], [2, 3], [1], [4]]


def test_sort_and_limit_follow_the_search(place):
    stages = [
        stage([1, 0, 0], final_top_k=4),
        {"config": {"stage_id": "sort_attribute", "parameters": {"field": "year", "direction": "desc"}}},
        {"config": {"stage_id": "limit", "parameters": {"limit": 2, "offset": 1}}},
    ]

    assert found(execute(place, stages)) == [2, 1]


def test_several_searches_are_fused(place):
    searches = [
        {"feature_uri": URI, "query": [1, 0, 0], "top_k": 2},
        {"feature_uri": URI, "query": [0, 1, 0], "top_k": 2},
    ]

    by = {
        method: execute(place, [{"type": "feature_search", "searches": searches, "fusion": method}])
        for method in ("rrf", "max", "weighted", "dbsf")
    }

    assert set(found(by["rrf"])) == {0, 1, 3, 2}
    assert set(found(by["max"])[:2]) == {0, 3}
    assert all(len(answer["results"]) == 4 for answer in by.values())


def test_grouping_keeps_the_best_of_each_object(place):
    answer = execute(place, [stage([1, 0, 0], group_by={"field": "source_object_id", "limit": 2}, facets=["language"])])

    assert found(answer) == [0, 2]
    assert [(g["group_key"], g["count"]) for g in answer["groups"]] == [("obj_0", 1), ("obj_1", 1)]
    assert answer["facets"]["language"] == [{"value": "de", "count": 3}, {"value": "fr", "count": 2}]


def test_filter_alone_lists_documents(place):
    assert found(execute(place, [{"type": "attribute_filter", "conditions": {"language": "de"}}])) == [0, 2, 3]


def test_vectors_come_at_the_root_when_asked_for(place):
    answer = execute(place, [stage([1, 0, 0], final_top_k=1)], vectors=True)

    assert answer["results"][0]["letters_embedding"] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        ({"stages": [stage([1, 0])]}, "query", "3"),
        (
            {
                "stages": [
                    stage([1, 0, 0])
                    | {
                        "config": {
                            "stage_id": "feature_search",
                            "parameters": {
                                "searches": [{"feature_uri": "mixpeek://letters@1.0.0/nothing", "query": [1, 0, 0]}]
                            },
                        }
                    }
                ]
            },
            "stages[0].config.parameters.searches[0].feature_uri",
            URI,
        ),
        ({"stages": [stage("{{INPUT.q}}")]}, "inputs.q", "q"),
        ({"stages": [{"type": "rerank"}]}, "stages[0].config.stage_id", "feature_search"),
        ({"stages": []}, "stages", "stage"),
        ({"stages": [stage([1, 0, 0])], "collection_identifiers": ["nope"]}, "collection_identifiers", "nope"),
        ({"stages": [stage([1, 0, 0], filters={"field": "colour", "value": 1})]}, "filters.field", "language"),
        ({"stages": [stage([1, 0, 0])], "pagination": {"page_size": 0}}, "page_size", "page_size"),
    ],
)
def test_unusable_request_is_a_422_that_names_the_field(place, body, field, told):
    answer = place[4].post("/v1/retrievers/execute", json={"collection_identifiers": ["full"]} | body)

    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["details"]["field"] == field
    assert told in answer.json()["error"]["message"]


def test_unknown_retriever_is_404(place):
    assert place[4].post("/v1/retrievers/ret_none/execute", json={}).status_code == 404


def test_collection_without_documents_gives_none_and_says_so(place):
    answer = execute(place, [stage([1, 0, 0])], collection_identifiers=["empty"])

    assert answer["results"] == []
    assert "no documents yet" in answer["warnings"][0]


def test_document_search_takes_a_vector_and_the_only_feature(place):
    answer = place[4].post(
        "/v1/documents/search", json={"collection_ids": ["full"], "query": [0, 0, 1], "page_size": 2}
    )

    assert found(answer.json()) == [4, 0] or found(answer.json())[0] == 4
    assert answer.json()["pagination"]["page_size"] == 2


def test_other_tenants_search_their_own_namespace_only(place):
    other = tenant(place[0], "rival")

    answer = place[4].post(
        "/v1/retrievers/execute",
        json={"collection_identifiers": [place[2].collection_id], "stages": [stage([1, 0, 0])]},
        headers=other.headers,
    )

    assert answer.status_code == 422
    assert place[2].collection_id in answer.json()["error"]["message"]


def test_search_of_ten_thousand_documents_is_quick(place):
    """A generous bound: the figures belong to `make bench`."""
    stores, mine, _, _, client = place
    plugin = publish(stores, mine.scope, PLUGINS / "letters")
    large = collection_of(stores, mine.scope, plugin, "large")
    vectors = np.random.default_rng(1).normal(size=(10_000, 3)).tolist()
    rows = [{"letters_embedding": v, "language": "de", "content": f"text {i}"} for i, v in enumerate(vectors)]
    write_documents(Vectors.at(stores.settings), mine.scope, large, plugin, rows)
    body = {"collection_identifiers": ["large"], "stages": [stage([1, 0, 0], final_top_k=10)]}
    times = []
    for _ in range(12):
        began = time.perf_counter()
        answer = client.post(
            "/v1/retrievers/execute", content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        times.append(time.perf_counter() - began)
        assert len(answer.json()["results"]) == 10

    assert statistics.median(times) < 2.0
