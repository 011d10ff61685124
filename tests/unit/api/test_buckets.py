"""Routes of buckets."""

from typing import Any

import pytest

from tests.unit.api.conftest import Api, NewTenant

SCHEMA = {"properties": {"text": {"type": "text"}, "title": {"type": "string"}, "year": {"type": "integer"}}}


def test_bucket_is_created_read_by_id_and_name_changed_and_deleted(api: Api) -> None:
    made = api.ok("POST", "/v1/buckets", {"bucket_name": "docs", "bucket_schema": SCHEMA, "metadata": {"a": 1}})

    assert (made["object_count"], made["total_size_bytes"], made["status"]) == (0, 0, "ACTIVE")
    assert made["bucket_schema"] == SCHEMA
    assert api.ok("GET", f"/v1/buckets/{made['bucket_id']}") == api.ok("GET", "/v1/buckets/docs") == made
    changed = api.ok("PATCH", "/v1/buckets/docs", {"bucket_name": "papers", "description": "all"})
    assert (changed["bucket_name"], changed["description"], changed["metadata"]) == ("papers", "all", {"a": 1})
    assert api.ok("PUT", "/v1/buckets/papers", {"bucket_name": "docs"})["bucket_name"] == "docs"
    deleted = api.ok("DELETE", "/v1/buckets/docs")
    assert api.ok("GET", f"/v1/tasks/{deleted['task_id']}")["task_type"] == "api_buckets_delete"
    api.fails(404, "GET", f"/v1/buckets/{made['bucket_id']}")


def test_both_forms_of_a_route_mean_the_same(api: Api) -> None:
    made = api.ok("POST", f"/v1/namespaces/{api.namespace}/buckets", {"name": "docs"})
    by_name = Api(api.client, api.secret)

    assert by_name.ok("GET", "/v1/namespaces/demo/buckets/docs") == made
    assert by_name.within("demo").ok("GET", "/v1/buckets/docs") == made
    assert "names no namespace" in by_name.fails(422, "GET", "/v1/buckets/docs")
    assert "no namespace" in by_name.within("nowhere").fails(404, "GET", "/v1/buckets/docs")


def test_list_pages_by_body_searches_and_sorts(api: Api) -> None:
    for name in ("b", "a", "c"):
        api.ok("POST", "/v1/buckets", {"name": name, "metadata": {"kind": name}})

    page = api.ok("POST", "/v1/buckets/list", {"limit": 2, "sort": {"field": "bucket_name"}})
    rest = api.ok("POST", "/v1/buckets/list", {"page_size": 2, "cursor": page["pagination"]["next_cursor"]})

    assert [b["bucket_name"] for b in page["results"]] == ["a", "b"]
    assert (page["total_count"], len(rest["results"])) == (3, 1)
    assert api.ok("POST", "/v1/buckets/list", {"search": "A"})["total_count"] == 1
    assert api.ok("POST", "/v1/buckets/list", {"filters": {"metadata.kind": "c"}})["total_count"] == 1
    assert api.ok("POST", "/v1/buckets/list", {"limit": 1, "offset": 2})["results"][0]["bucket_name"] == "c"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "x", "bucket_schema": {"properties": {"a": {"type": "words"}}}}, "bucket_schema.properties.a.type"),
        ({"name": "x", "bucket_schema": {"properties": {"blobs": {"type": "text"}}}}, "field 'blobs' of its own"),
        ({"name": "x", "bucket_schema": SCHEMA, "unique_key": {"fields": ["isbn"]}}, "no property 'isbn'"),
        ({"name": "x", "unique_key": {"fields": []}}, "unique_key.fields"),
        ({"name": "x", "schema": SCHEMA}, "schema: there is no such field here"),
        ({"name": "bkt_0123456789ab"}, "reads like an id"),
        ({}, "bucket_name"),
    ],
)
def test_wrong_bucket_is_refused_by_the_field(api: Api, body: dict[str, Any], said: str) -> None:
    assert said in api.fails(422, "POST", "/v1/buckets", body)


def test_a_taken_name_is_refused_in_this_namespace_only(api: Api) -> None:
    api.ok("POST", "/v1/buckets", {"name": "docs"})
    other = api.ok("POST", "/v1/namespaces", {"name": "other"})

    assert "'docs'" in api.fails(409, "POST", "/v1/buckets", {"name": "docs"})
    assert api.within(other["namespace_id"]).ok("POST", "/v1/buckets", {"name": "docs"})["bucket_name"] == "docs"


def test_another_tenants_bucket_is_not_there(new_tenant: NewTenant) -> None:
    ours, theirs = new_tenant(), new_tenant()
    for tenant in (ours, theirs):
        tenant.ok("POST", "/v1/namespaces", {"name": "same"})
    bucket = ours.within("same").ok("POST", "/v1/buckets", {"name": "docs"})

    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/objects/list")):
        theirs.within("same").fails(404, method, f"/v1/buckets/{bucket['bucket_id']}{path}")
    namespace = ours.ok("GET", "/v1/namespaces/same")["namespace_id"]
    theirs.fails(404, "GET", f"/v1/namespaces/{namespace}/buckets/docs")


def test_a_name_that_moves_to_another_bucket_is_followed_at_once(api: Api) -> None:
    first = api.ok("POST", "/v1/buckets", {"name": "docs"})
    assert api.ok("GET", "/v1/buckets/docs")["bucket_id"] == first["bucket_id"]
    api.ok("PATCH", "/v1/buckets/docs", {"bucket_name": "old"})
    second = api.ok("POST", "/v1/buckets", {"name": "docs"})

    assert api.ok("GET", "/v1/buckets/docs")["bucket_id"] == second["bucket_id"]
    assert api.ok("GET", "/v1/buckets/old")["bucket_id"] == first["bucket_id"]
    api.ok("DELETE", "/v1/buckets/docs")
    api.fails(404, "GET", "/v1/buckets/docs")
