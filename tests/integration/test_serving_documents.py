"""Documents over HTTP: read, listed, filtered, written, deleted, and never across tenants."""

import json

import pytest

from core.document_counts import document_counts
from core.stores.vectors import Vectors
from tests.integration.serving_fixtures import PLUGINS, collection_of, publish, running, tenant, write_documents

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(module_stores):
    """A tenant with a collection, and a client of the running app."""
    mine = tenant(module_stores)
    plugin = publish(module_stores, mine.scope, PLUGINS / "letters")
    collection = collection_of(module_stores, mine.scope, plugin, "letters_col")
    with running(module_stores) as client:
        client.headers.update(mine.headers)
        yield module_stores, mine, plugin, collection, client


@pytest.fixture
def documents(place):
    """Six documents, written anew for each test."""
    stores, mine, plugin, collection, _ = place
    vectors = Vectors.at(stores.settings)
    vectors.drop(mine.scope, collection.collection_id)
    rows = [
        {
            "letters_embedding": [1.0, float(i), 0.0],
            "language": "de" if i % 2 else "fr",
            "length": i,
            "notes": json.dumps({"made_by": "test", "rank": i}),
            "content": f"Text number {i}",
            "year": 1900 + i,
            "_extra": json.dumps({"shelf": f"s{i % 3}"}),
        }
        for i in range(6)
    ]
    return write_documents(vectors, mine.scope, collection, plugin, rows)


def url(place, rest=""):
    return f"/v1/collections/{place[3].collection_id}/documents{rest}"


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [d["document_id"] for d in answer.json()["results"]]


def test_document_has_its_fields_at_the_root_and_its_lineage_inside(place, documents):
    _, mine, _, collection, client = place

    document = client.get(url(place, "/doc_00003")).json()

    assert document["language"] == "de"
    assert document["notes"] == {"made_by": "test", "rank": 3}
    assert document["shelf"] == "s0"
    assert document["_vectors"] == ["letters_embedding"]
    assert "letters_embedding" not in document
    internal = document["_internal"]
    assert internal["lineage"]["root_object_id"] == "obj_1"
    assert internal["lineage"]["path"] == f"{collection.bucket_ids[0]}/{collection.collection_id}"
    assert internal["namespace_id"] == mine.scope.namespace_id
    assert internal["created_at"] == "2026-01-02T03:04:05+00:00"


def test_vectors_come_at_the_root_when_asked_for(place, documents):
    client = place[4]

    document = client.get(url(place, "/doc_00002"), params={"return_vectors": True}).json()
    listed = client.post(url(place, "/list"), json={"return_vectors": True, "limit": 1}).json()["results"][0]

    assert document["letters_embedding"] == [1.0, 2.0, 0.0]
    assert document["_vectors"] == ["letters_embedding"]
    assert len(listed["letters_embedding"]) == 3


def test_both_url_forms_and_names_mean_the_same(place, documents):
    _, mine, _, collection, client = place
    plain = client.get(url(place, "/doc_00001"))

    path = f"/v1/namespaces/main/collections/{collection.collection_name}/documents/doc_00001"
    other = client.get(path, headers={"X-Namespace": ""})

    assert plain.json() == other.json()
    assert other.status_code == 200
    assert mine.scope.namespace_id == other.json()["_internal"]["namespace_id"]


def test_list_pages_by_cursor_and_by_offset(place, documents):
    client = place[4]
    first = client.post(url(place, "/list"), params={"limit": 4, "include_total": True})
    cursor = first.json()["pagination"]["next_cursor"]

    second = client.post(url(place, "/list"), json={"cursor": cursor, "page_size": 4})

    assert ids(first) + ids(second) == documents
    assert first.json()["pagination"]["total"] == 6
    assert second.json()["pagination"]["next_cursor"] is None
    assert ids(client.post(url(place, "/list"), params={"offset": 5})) == documents[5:]
    assert client.post(url(place, "/list"), json={"cursor": "nonsense!"}).status_code == 422


def test_list_without_a_body_gives_ten(place, documents):
    client = place[4]

    answer = client.post(url(place, "/list"), headers={"Content-Type": "application/json"}, content=b"")

    assert ids(answer) == documents


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ({"AND": [{"field": "language", "operator": "eq", "value": "de"}]}, [1, 3, 5]),
        ({"field": "year", "operator": "gte", "value": 1904}, [4, 5]),
        ({"year": {"gte": 1901, "lt": 1903}}, [1, 2]),
        ({"language": ["de", "xx"], "length": 3}, [3]),
        ({"NOT": [{"field": "metadata.year", "operator": "in", "value": [1900, 1901, 1902]}]}, [3, 4, 5]),
        ({"field": "shelf", "value": "s1"}, [1, 4]),
        ({"field": "notes.rank", "operator": "gt", "value": 3}, [4, 5]),
        ({"field": "source_object_id", "value": "obj_2"}, [4, 5]),
    ],
)
def test_list_keeps_what_the_filter_says(place, documents, filters, kept):
    client = place[4]

    answer = client.post(url(place, "/list"), json={"filters": filters, "limit": 100})

    assert ids(answer) == [documents[i] for i in kept]


def test_filter_on_a_field_that_nothing_has_lists_what_exists(place, documents):
    client = place[4]

    answer = client.post(url(place, "/list"), json={"filters": {"field": "colour", "value": "red"}})

    assert answer.status_code == 422
    assert "colour" in answer.json()["error"]["message"]
    assert "language" in answer.json()["error"]["message"]


def test_list_sorts_selects_searches_and_groups(place, documents):
    client = place[4]

    by_year = client.post(url(place, "/list"), json={"sort": {"field": "year", "direction": "desc"}, "limit": 2})
    selected = client.post(url(place, "/list"), json={"select": ["language"], "limit": 1}).json()["results"][0]
    searched = client.post(url(place, "/list"), json={"search": "NUMBER 4"})
    grouped = client.post(url(place, "/list"), json={"group_by": "language"}).json()

    assert ids(by_year) == documents[5:3:-1]
    assert selected["language"] == "fr" and "year" not in selected and selected["document_id"] == documents[0]
    assert ids(searched) == [documents[4]]
    assert [(g["group_key"], g["count"]) for g in grouped["groups"]] == [("de", 3), ("fr", 3)]
    assert grouped["group_by_field"] == "language"


def test_patch_and_put_change_only_what_they_name(place, documents):
    client = place[4]

    patched = client.patch(url(place, "/doc_00001"), json={"language": "en", "note_of_mine": {"a": [1]}})
    put = client.put(url(place, "/doc_00001"), json={"year": 1800})

    assert patched.status_code == 200, patched.text
    assert patched.json()["language"] == "en"
    assert patched.json()["note_of_mine"] == {"a": [1]}
    assert (put.json()["year"], put.json()["language"], put.json()["shelf"]) == (1800, "en", "s1")
    assert client.get(url(place, "/doc_00001")).json() == put.json()
    assert patched.json()["_internal"]["updated_at"] < put.json()["_internal"]["updated_at"]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"document_id": "x"}, "document_id"), ({"year": "soon"}, "year"), ({"_internal": {}}, "_internal")],
)
def test_change_that_does_not_fit_is_refused_by_its_field(place, documents, change, field):
    client = place[4]

    answer = client.patch(url(place, "/doc_00001"), json=change)

    assert answer.status_code == 422
    assert answer.json()["error"]["details"]["field"] == field


def test_unknown_document_and_collection_are_404(place, documents):
    client = place[4]

    for method, path in (
        ("GET", url(place, "/doc_none")),
        ("PATCH", url(place, "/doc_none")),
        ("DELETE", url(place, "/doc_none")),
        ("GET", "/v1/collections/col_none/documents/doc_00001"),
        ("POST", "/v1/collections/col_none/documents/list"),
    ):
        answer = client.request(method, path, json={"year": 1} if method == "PATCH" else None)
        assert answer.status_code == 404, (method, path, answer.text)
        assert answer.json()["error"]["type"] == "NotFoundError"


def test_batch_update_tells_each_document_apart(place, documents):
    client = place[4]
    updates = [
        {"document_id": documents[0], "update_data": {"year": 1}},
        {"document_id": "doc_none", "update_data": {"year": 1}},
        {"document_id": documents[1], "update_data": {"year": "x"}},
    ]

    one_by_one = client.post(url(place, "/batch"), json={"updates": updates}).json()
    by_filter = client.post(
        url(place, "/batch"), json={"filters": {"language": "fr"}, "update_data": {"language": "en"}}
    ).json()

    assert (one_by_one["updated_count"], one_by_one["failed_count"]) == (1, 2)
    assert [r["success"] for r in one_by_one["results"]] == [True, False, False]
    assert by_filter["updated_count"] == 3
    assert client.post(url(place, "/batch"), json={}).status_code == 422


def test_delete_takes_documents_and_their_count_away(place, documents):
    stores, mine, _, collection, client = place

    one = client.delete(url(place, f"/{documents[0]}"))
    many = client.request("DELETE", url(place, "/batch"), json={"document_ids": [documents[1], "doc_none"]})
    filtered = client.request(
        "DELETE", url(place, "/batch"), json={"filters": {"field": "year", "operator": "gt", "value": 1903}}
    )

    assert one.json()["success"] is True
    assert (many.json()["deleted_count"], many.json()["failed_count"]) == (1, 1)
    assert filtered.json()["deleted_count"] == 2
    assert ids(client.post(url(place, "/list"))) == documents[2:4]
    assert document_counts(stores, mine.scope, [collection.collection_id])[collection.collection_id] == 2


def test_document_can_be_written_by_hand(place, documents):
    client, collection = place[4], place[3]
    body = {
        "collection_id": collection.collection_id,
        "language": "it",
        "metadata": {"year": 1913, "mood": "calm"},
        "root_object_id": "obj_9",
        "features": [{"feature_extractor_id": "letters_1_0_0", "vectors": {"letters_embedding": [0.0, 0.0, 1.0]}}],
    }

    created = client.post(url(place), json=body)

    assert created.status_code == 200, created.text
    found = client.get(url(place, f"/{created.json()['document_id']}"), params={"return_vectors": True}).json()
    assert (found["language"], found["year"], found["mood"]) == ("it", 1913, "calm")
    assert found["letters_embedding"] == [0.0, 0.0, 1.0]
    assert found["_internal"]["lineage"]["root_object_id"] == "obj_9"


def test_document_with_a_wrong_vector_is_refused(place, documents):
    client, collection = place[4], place[3]
    body = {
        "collection_id": collection.collection_id,
        "features": [{"feature_extractor_id": "x", "vectors": {"letters_embedding": [1.0]}}],
    }

    answer = client.post(url(place), json=body)

    assert answer.status_code == 422
    assert answer.json()["error"]["details"]["field"] == "letters_embedding"


def test_other_tenants_and_missing_keys_see_nothing(place, documents):
    stores, mine, *_, client = place
    other = tenant(stores, "rival")

    hidden = client.get(url(place, "/doc_00001"), headers=other.headers)
    foreign = client.get(url(place, "/doc_00001"), headers=other.headers | {"X-Namespace": mine.scope.namespace_id})
    keyless = client.get(url(place, "/doc_00001"), headers={"Authorization": "Bearer sk_wrong"})

    assert (hidden.status_code, foreign.status_code, keyless.status_code) == (404, 404, 401)
    assert keyless.headers["WWW-Authenticate"] == "Bearer"
