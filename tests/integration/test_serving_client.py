"""The official client against the data routes, unmodified: both of its faces parse what comes back."""

import pytest

from core.deployments import get_deployment, request_deploy
from core.retrievers import create_retriever
from core.status import DeploymentStatus
from core.stores.vectors import Vectors
from tests import official as mixpeek
from tests.integration.serving_fixtures import (
    PLUGINS,
    collection_of,
    publish,
    running,
    tenant,
    wait_for,
    write_documents,
)

pytestmark = pytest.mark.slow

ROWS = [
    {"letters_embedding": [1.0, 0.0, 0.0], "content": "a", "language": "de"},
    {"letters_embedding": [0.0, 1.0, 0.0], "content": "b", "language": "fr"},
]
STAGE = {
    "stage_name": "find",
    "config": {
        "stage_id": "feature_search",
        "parameters": {
            "searches": [
                {"feature_uri": "mixpeek://letters@1.0.0/letters_embedding", "query": "{{INPUT.query}}", "top_k": 10}
            ],
            "final_top_k": 5,
        },
    },
}


@pytest.fixture(scope="module")
def place(module_stores):
    """A tenant with a deployed plugin, a collection of two documents, and the address of the running app."""
    mine = tenant(module_stores)
    plugin = publish(module_stores, mine.scope, PLUGINS / "letters")
    collection = collection_of(module_stores, mine.scope, plugin, "texts")
    write_documents(Vectors.at(module_stores.settings), mine.scope, collection, plugin, ROWS)
    with running(module_stores) as client:
        request_deploy(module_stores, mine.scope, plugin)
        wait_for(lambda: _status(module_stores, mine.scope) is DeploymentStatus.DEPLOYED)
        yield module_stores, mine, collection, str(client.base_url).rstrip("/")


def _status(stores, scope):
    return get_deployment(stores, scope, "letters_1_0_0").status


def test_high_level_client_searches_and_changes_documents(place):
    stores, mine, collection, address = place
    client = mixpeek.Mixpeek(api_key=mine.key, base_url=f"{address}/v1", namespace=mine.scope.namespace_id)
    stages = [{"type": "feature_search", "query": "{{INPUT.query}}", "limit": 5}]
    retriever = create_retriever(stores, mine.scope, "by_text", stages, [collection.collection_id])

    found = client.search("bb", collection=collection.collection_id)
    narrowed = client.search("bb", filters={"language": "de"})
    executed = client.retrievers.execute(retriever.retriever_id, inputs={"query": "a"})
    searched = client.documents.search(collection_ids=[collection.collection_id], query="b", page_size=1)
    changed = client.documents.update(collection.collection_id, "doc_00000", update_data={"year": 1913})

    assert [d["content"] for d in found["results"]] == ["b", "a"]
    assert [d["content"] for d in narrowed["results"]] == ["a"]
    assert executed["results"][0]["content"] == "a"
    assert [d["content"] for d in searched["results"]] == ["b"]
    assert changed["year"] == 1913
    assert len(client.documents.list(collection.collection_id)["results"]) == 2


def test_generated_client_parses_documents_hits_and_answers(place):
    _, mine, collection, address = place
    configuration = mixpeek.Configuration(host=address)
    scope = {"x_namespace": mine.scope.namespace_id}
    with mixpeek.ApiClient(configuration, "Authorization", f"Bearer {mine.key}") as api:
        documents = mixpeek.CollectionDocumentsApi(api)
        request = mixpeek.ListDocumentsRequest(return_vectors=True)
        listed = documents.list_documents(collection.collection_id, list_documents_request=request, **scope)
        one = documents.get_document(collection.collection_id, "doc_00001", **scope)
        raw = mixpeek.RawInferenceRequest(feature_uri="mixpeek://letters@1.0.0", inputs={"text": "abc"})
        answer = mixpeek.InferenceApi(api).execute_raw_inference(raw_inference_request=raw, **scope)
        adhoc = mixpeek.AdhocExecuteRequest.from_dict(
            {
                "collection_identifiers": ["texts"],
                "input_schema": {"query": {"type": "text", "required": True}},
                "inputs": {"query": "b"},
                "stages": [STAGE],
            }
        )
        found = mixpeek.AdhocRetrieversApi(api).execute_adhoc_retriever(adhoc, **scope)

    assert listed.results[0].vectors == ["letters_embedding"]
    assert listed.results[0].additional_properties["letters_embedding"] == [1.0, 0.0, 0.0]
    assert one.internal.lineage.root_object_id == "obj_0"
    assert answer.data["embedding"] == [1.0, 1.0, 1.0]
    assert [d["content"] for d in found["results"]] == ["b", "a"]
