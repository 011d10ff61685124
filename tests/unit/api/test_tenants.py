"""Two organizations with equal names: neither sees, changes or infers what the other owns, on any route."""

from typing import Any

import pytest

from tests.unit.api.conftest import Api, NewTenant

SCHEMA = {"properties": {"text": {"type": "text"}, "title": {"type": "string"}}}
OBJECT = {"blobs": [{"property": "text", "type": "text", "data": "x"}]}
UPLOAD = {"filename": "a.txt", "content_type": "text/plain"}
ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "/v1/namespaces/{namespace}", None),
    ("PATCH", "/v1/namespaces/{namespace}", {"description": "taken"}),
    ("PUT", "/v1/namespaces/{namespace}", {"namespace_name": "taken"}),
    ("DELETE", "/v1/namespaces/{namespace}", None),
    ("GET", "/v1/buckets/{bucket}", None),
    ("PATCH", "/v1/buckets/{bucket}", {"description": "taken"}),
    ("PUT", "/v1/buckets/{bucket}", {"description": "taken"}),
    ("DELETE", "/v1/buckets/{bucket}", None),
    ("POST", "/v1/buckets/{bucket}/objects", OBJECT),
    ("POST", "/v1/buckets/{bucket}/objects/batch", {"objects": [OBJECT]}),
    ("POST", "/v1/buckets/{bucket}/objects/list", {}),
    ("GET", "/v1/buckets/{bucket}/objects/{object}", None),
    ("GET", "/v1/buckets/docs/objects/{object}", None),
    ("PATCH", "/v1/buckets/docs/objects/{object}", {"title": "taken"}),
    ("DELETE", "/v1/buckets/docs/objects/{object}", None),
    ("POST", "/v1/buckets/{bucket}/uploads", UPLOAD),
    ("POST", "/v1/buckets/{bucket}/uploads/list", {}),
    ("GET", "/v1/buckets/docs/uploads/{upload}", None),
    ("DELETE", "/v1/buckets/docs/uploads/{upload}", None),
    ("POST", "/v1/buckets/docs/uploads/{upload}/confirm", {}),
    ("GET", "/v1/namespaces/{namespace}/buckets/{bucket}", None),
    ("POST", "/v1/namespaces/{namespace}/buckets/docs/objects/list", {}),
    ("POST", "/v1/namespaces/{namespace}/tasks/list", {}),
]


def owned(tenant: Api) -> dict[str, str]:
    """Things of the same names in a namespace of the same name; their ids."""
    tenant.namespace = tenant.ok("POST", "/v1/namespaces", {"name": "demo"})["namespace_id"]
    bucket = tenant.ok("POST", "/v1/buckets", {"name": "docs", "bucket_schema": SCHEMA})
    made = tenant.ok("POST", "/v1/buckets/docs/objects", OBJECT | {"title": "T"})
    upload = tenant.ok("POST", "/v1/buckets/docs/uploads", UPLOAD)
    ids = {"bucket": bucket["bucket_id"], "object": made["object_id"], "upload": upload["upload_id"]}
    return ids | {"namespace": str(tenant.namespace)}


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_anothers_thing_is_answered_like_one_that_never_was(
    new_tenant: NewTenant, method: str, path: str, body: Any
) -> None:
    ours, theirs = new_tenant(), new_tenant()
    ids = owned(ours)
    owned(theirs)
    before = everything(ours)
    never = {
        name: id_[:4] + "0" * (len(id_) - 4) if name != "namespace" else "ns_000000000000" for name, id_ in ids.items()
    }

    theirs_said = theirs.fails(404, method, path.format(**ids), body)
    never_said = theirs.fails(404, method, path.format(**never), body)

    for name, id_ in ids.items():
        never_said = never_said.replace(never[name], id_)
    assert theirs_said == never_said
    assert everything(ours) == before


def everything(tenant: Api) -> list[Any]:
    """All that the tenant sees."""
    return [
        tenant.ok("POST", "/v1/namespaces/list"),
        tenant.ok("POST", "/v1/buckets/list"),
        tenant.ok("POST", "/v1/buckets/docs/objects/list"),
        tenant.ok("POST", "/v1/buckets/docs/uploads/list"),
        tenant.ok("POST", "/v1/tasks/list"),
    ]


def test_object_may_not_point_at_anothers_file(new_tenant: NewTenant) -> None:
    ours, theirs = new_tenant(), new_tenant()
    owned(ours)
    owned(theirs)
    key = ours.ok("POST", "/v1/buckets/docs/uploads", UPLOAD)["s3_key"]
    bucket = "objects-"  # found below: the bucket's name is in every presigned URL
    url = ours.ok("POST", "/v1/buckets/docs/uploads", UPLOAD)["presigned_url"]
    bucket = next(part for part in url.split("/") if part.startswith(bucket))
    blob = {"property": "text", "type": "text", "url": f"s3://{bucket}/{key}"}

    assert "there is no file" in theirs.fails(422, "POST", "/v1/buckets/docs/objects", {"blobs": [blob]})
    assert ours.ok("POST", "/v1/buckets/docs/objects", {"blobs": [blob]})["blobs"][0]["url"] == blob["url"]
