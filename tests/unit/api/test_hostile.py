"""Hostile requests: whatever comes in is told what is wrong with it, never a 500, and nothing is written by half."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.api.conftest import Api

KEYS = "/v1/organizations/users/admin@localhost/api-keys"
ROUTES = [
    ("POST", "/v1/namespaces"),
    ("PATCH", "/v1/namespaces/demo"),
    ("POST", "/v1/namespaces/list"),
    ("POST", "/v1/buckets"),
    ("PATCH", "/v1/buckets/docs"),
    ("POST", "/v1/buckets/list"),
    ("POST", "/v1/buckets/docs/objects"),
    ("POST", "/v1/buckets/docs/objects/batch"),
    ("POST", "/v1/buckets/docs/objects/list"),
    ("POST", "/v1/buckets/docs/uploads"),
    ("POST", "/v1/buckets/docs/uploads/batch"),
    ("POST", "/v1/buckets/docs/uploads/confirm/batch"),
    ("POST", "/v1/buckets/docs/uploads/list"),
    ("POST", "/v1/tasks/list"),
    ("POST", KEYS),
]
FIELDS = st.sampled_from(
    [
        "name",
        "bucket_name",
        "namespace_name",
        "description",
        "bucket_schema",
        "properties",
        "type",
        "blobs",
        "blob",
        "property",
        "data",
        "url",
        "upload_id",
        "metadata",
        "filters",
        "AND",
        "OR",
        "NOT",
        "field",
        "operator",
        "value",
        "sort",
        "direction",
        "search",
        "limit",
        "offset",
        "cursor",
        "select",
        "objects",
        "uploads",
        "filename",
        "content_type",
        "file_hash",
        "object_metadata",
        "blob_property",
        "confirmations",
        "permissions",
        "scopes",
        "expires_at",
        "status",
        "text",
        "picture",
        "title",
        "key_prefix",
        "unique_key",
        "fields",
        "skip_duplicates",
        "feature_extractors",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["text", "eq", "regex", "in", "desc", "a.txt", "text/plain", "data:,x", "data:;base64,*", "s3://"]),
    st.sampled_from(["http://[", "http://a b/", "s3://x/../y", "upl_x", "2030-01-01T00:00:00Z", "\0", "[", "(", "../"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(FIELDS, inner, max_size=4))
)
SCHEMA = {"properties": {"text": {"type": "text"}, "picture": {"type": "image"}, "title": {"type": "string"}}}


METADATA = st.dictionaries(FIELDS, VALUES, max_size=2)
ADDRESSES = st.sampled_from(["http://", "https://", "s3://", "S3://", "data:", "data:;base64,", "file://", "//"])
URLS = st.builds(str.__add__, ADDRESSES, st.text(st.sampled_from("[]:@/.%?#a1\0 ü"), max_size=8))
CONTENT = st.one_of(URLS, st.text(max_size=20), VALUES)
BLOBS = st.one_of(
    *(
        st.fixed_dictionaries(
            {"property": st.just(name), "type": st.just(kind), key: CONTENT}, optional={"metadata": METADATA}
        )
        for name, kind in (("text", "text"), ("picture", "image"), ("title", "string"))
        for key in ("data", "url", "upload_id")
    )
)
CONDITIONS = st.fixed_dictionaries(
    {
        "field": st.sampled_from(["title", "metadata.title", "a.b"]),
        "operator": st.sampled_from(
            ["eq", "ne", "gt", "lte", "in", "nin", "contains", "starts_with", "regex", "exists", "is_null", "text"]
        ),
        "value": VALUES,
    }
)
SHAPED = st.one_of(
    st.tuples(
        st.just(("POST", "/v1/buckets/docs/objects")),
        st.fixed_dictionaries({"blobs": st.lists(BLOBS, min_size=1, max_size=2)}, optional={"title": SCALARS}),
    ),
    st.tuples(
        st.just(("POST", "/v1/buckets/docs/uploads")),
        st.fixed_dictionaries(
            {"filename": st.text(min_size=1, max_size=60), "content_type": st.text(max_size=10)},
            optional={"blob_property": st.sampled_from(["text", "picture"]), "metadata": METADATA},
        ),
    ),
    st.tuples(
        st.just(("POST", "/v1/buckets/docs/objects/list")),
        st.fixed_dictionaries(
            {"filters": CONDITIONS},
            optional={"sort": st.fixed_dictionaries({"field": st.text(max_size=5)}), "cursor": st.text(max_size=12)},
        ),
    ),
    st.tuples(
        st.just(("POST", "/v1/buckets")),
        st.fixed_dictionaries(
            {
                "name": st.text(min_size=1, max_size=8),
                "bucket_schema": st.fixed_dictionaries(
                    {"properties": st.dictionaries(st.text(max_size=8), VALUES, max_size=2)}
                ),
            }
        ),
    ),
)


@pytest.fixture
def docs(api: Api) -> Api:
    """A tenant with a bucket `docs`."""
    api.ok("POST", "/v1/buckets", {"name": "docs", "bucket_schema": SCHEMA})
    return api


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(route=st.sampled_from(ROUTES), body=st.dictionaries(FIELDS, VALUES, max_size=5))
def test_no_body_gets_a_500(docs: Api, route: tuple[str, str], body: dict[str, Any]) -> None:
    answer = docs.call(*route, body)

    assert answer.status_code < 500, answer.text
    if route[1] == "/v1/namespaces/demo" and answer.status_code == 200 and answer.json()["namespace_name"] != "demo":
        docs.ok("PATCH", f"/v1/namespaces/{docs.namespace}", {"namespace_name": "demo"})
    if route[1] == "/v1/buckets/docs" and answer.status_code == 200 and answer.json()["bucket_name"] != "docs":
        docs.ok("PATCH", f"/v1/buckets/{answer.json()['bucket_id']}", {"bucket_name": "docs"})


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(key=st.sampled_from(["url", "data"]), url=URLS)
def test_no_address_gets_a_500(docs: Api, key: str, url: str) -> None:
    blob = {"property": "picture", "type": "image", key: url}

    answer = docs.call("POST", "/v1/buckets/docs/objects", {"blobs": [blob]})

    assert answer.status_code in (200, 422), answer.text


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(call=SHAPED)
def test_no_body_of_the_right_shape_gets_a_500(docs: Api, call: tuple[tuple[str, str], dict[str, Any]]) -> None:
    answer = docs.call(*call[0], call[1])

    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    "identifier",
    ["%00", "%FF", "..%2F..", "x" * 3000, "bkt_" + "0" * 200, "%23", "ns_1%23bucket", "%20", "obj_1", "🚗", "%2e%2e"],
)
@pytest.mark.parametrize("path", ["/v1/buckets/{}", "/v1/buckets/docs/objects/{}", "/v1/buckets/docs/uploads/{}"])
def test_identifier_that_is_none_is_not_found(docs: Api, path: str, identifier: str) -> None:
    headers = {"Authorization": f"Bearer {docs.secret}", "X-Namespace": docs.namespace or ""}

    answer = docs.client.get(path.format(identifier), headers=headers)

    assert answer.status_code == 404, answer.text
    assert answer.json()["error"]["type"] == "NotFoundError"


@pytest.mark.parametrize("name", ["X-Namespace", "Authorization"])
@pytest.mark.parametrize("value", [b"\xff\xfe", b"x" * 5000, b"a,b", b" "])
def test_odd_header_is_refused(docs: Api, name: str, value: bytes) -> None:
    headers: list[tuple[bytes, bytes]] = [(name.encode(), value)]
    if name != "Authorization":
        headers.append((b"Authorization", f"Bearer {docs.secret}".encode()))

    answer = docs.client.get("/v1/buckets/docs", headers=headers)

    assert answer.status_code in (401, 404, 422), answer.text


def test_compressed_body_is_refused(docs: Api) -> None:
    import gzip

    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    bomb = gzip.compress(b'{"name": "' + b"x" * 5_000_000 + b'"}')

    assert "Content-Encoding" in docs.fails(415, "POST", "/v1/buckets", content=bomb, headers=headers)


def test_form_instead_of_json_is_told_so(docs: Api) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    message = docs.fails(422, "POST", "/v1/buckets", content=b'{"name": "x"}', headers=headers)

    assert "Content-Type: application/json" in message
