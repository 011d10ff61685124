"""Routes of namespaces."""

import pytest

from tests.unit.api.conftest import Api


def test_namespace_is_created_read_by_id_and_name_changed_and_listed(api: Api) -> None:
    body = {
        "namespace_name": "films",
        "description": "all of them",
        "feature_extractors": [{"feature_extractor_name": "text_extractor", "version": "v1"}],
        "payload_indexes": [{"field_name": "year", "type": "integer"}],
    }
    made = api.ok("POST", "/v1/namespaces", body)

    assert made["feature_extractors"][0]["feature_extractor_id"] == "text_extractor_v1"
    assert api.ok("GET", f"/v1/namespaces/{made['namespace_id']}") == made
    assert api.ok("GET", "/v1/namespaces/films") == made
    changed = api.ok("PATCH", "/v1/namespaces/films", {"namespace_name": "movies", "description": None})
    assert (changed["namespace_name"], changed["description"]) == ("movies", "all of them")
    api.fails(404, "GET", "/v1/namespaces/films")
    assert api.ok("PUT", "/v1/namespaces/movies", {"namespace_name": "films"})["namespace_name"] == "films"
    listed = api.ok("POST", "/v1/namespaces/list?limit=1", {"sort": {"field": "namespace_name", "direction": "desc"}})
    assert [n["namespace_name"] for n in listed["results"]] == ["films"]
    assert (listed["total_count"], listed["pagination"]["total_pages"]) == (2, 2)
    rest = api.ok("POST", f"/v1/namespaces/list?limit=1&cursor={listed['pagination']['next_cursor']}")
    assert rest["pagination"]["next_cursor"] is None
    assert api.ok("POST", "/v1/namespaces/list", {"search": "ALL OF"})["total_count"] == 1


def test_name_is_the_alias_of_namespace_name(api: Api) -> None:
    assert api.ok("POST", "/v1/namespaces", {"name": "short"})["namespace_name"] == "short"
    assert "differ" in api.fails(422, "POST", "/v1/namespaces", {"name": "a", "namespace_name": "b"})
    assert "namespace_name" in api.fails(422, "POST", "/v1/namespaces", {})


def test_a_taken_name_is_refused(api: Api) -> None:
    other = api.ok("POST", "/v1/namespaces", {"name": "other"})

    assert "'demo'" in api.fails(409, "POST", "/v1/namespaces", {"name": "demo"})
    assert "'demo'" in api.fails(409, "PATCH", f"/v1/namespaces/{other['namespace_id']}", {"namespace_name": "demo"})


def test_unknown_extractor_is_refused_with_those_that_are_known(api: Api) -> None:
    extractors = [{"feature_extractor_name": "text_extractor", "version": "v9"}]

    message = api.fails(422, "POST", "/v1/namespaces", {"name": "n", "feature_extractors": extractors})

    assert "'text_extractor' at version 'v9'" in message
    assert "passthrough_extractor@v1, text_extractor@v1, image_extractor@v1, multimodal_extractor@v1" in message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "n", "colour": "red"}, "colour: there is no such field here"),
        ({"name": 5}, "name: Input should be a valid string"),
        ({"name": "n", "auto_create_indexes": 1}, "auto_create_indexes: Input should be a valid boolean"),
        ({"name": "n", "feature_extractors": [{"version": "v1"}]}, "feature_extractors[0].feature_extractor_name"),
        ({"name": "a/b"}, "namespace_name is 'a/b'"),
        ({"name": "nul\0"}, "name: it holds a NUL character"),
        ({"name": "ns_0123456789ab"}, "reads like an id"),
        ({"name": "n" * 200}, "200 characters"),
        ([1], "Input should be a valid dictionary"),
    ],
)
def test_wrong_field_is_refused_by_its_name(api: Api, body: object, said: str) -> None:
    assert said in api.fails(422, "POST", "/v1/namespaces", body)


@pytest.mark.parametrize("content", [b"{", b"[" * 20_000, b'{"name": NaN}', b"\xff"])
def test_text_that_is_no_json_is_refused(api: Api, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}

    assert "JSON" in api.fails(422, "POST", "/v1/namespaces", content=content, headers=headers)


def test_half_of_a_surrogate_pair_is_refused_by_its_field(api: Api) -> None:
    headers = {"Content-Type": "application/json"}

    assert "name" in api.fails(422, "POST", "/v1/namespaces", content=b'{"name": "\\ud800"}', headers=headers)


def test_empty_body_lists_all(api: Api) -> None:
    headers = {"Content-Type": "application/json"}

    assert api.ok("POST", "/v1/namespaces/list", content=b"", headers=headers)["total_count"] == 1


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "offset=-1"])
def test_paging_out_of_bounds_is_refused(api: Api, query: str) -> None:
    assert "query" in api.fails(422, "POST", f"/v1/namespaces/list?{query}")


def test_forged_cursor_is_refused(api: Api) -> None:
    assert "did not give" in api.fails(422, "POST", "/v1/namespaces/list?cursor=abc")
