"""Real requests over HTTP, the same through every door: each answer is held against the contract."""

import hashlib
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from plugin_sdk.archives import pack
from tests.unit.api.conftest import Api

pytestmark = pytest.mark.slow

QUICK_START = Path(__file__).parents[2] / "examples" / "my_extractor"
SCHEMA = {"properties": {"text": {"type": "text"}, "title": {"type": "string"}}}
EXTRACTOR = {"feature_extractor_name": "my_extractor", "version": "1.0.0", "parameters": {"threshold": 0.7}}
KEYS = "/v1/organizations/users/admin@localhost/api-keys"

WAITS = {"PENDING", "PROCESSING"}
ENDED = {"COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED"}
"""What a batch has come to where the batch service of a running platform is behind the door."""


def cancel(namespace: Api, batch: str) -> None:
    """Cancel the batch, unless it has ended already."""
    answer = namespace.call("POST", f"{batch}/cancel")
    status = namespace.ok("GET", batch)["status"]
    assert status == "CANCELED" if answer.status_code == 200 else status in ENDED, answer.text


def bucket(namespace: Api, name: str = "docs", **fields: Any) -> str:
    made: str = namespace.ok("POST", "/v1/buckets", {"bucket_name": name, "bucket_schema": SCHEMA} | fields)[
        "bucket_id"
    ]
    return made


def text(value: str, **fields: Any) -> dict[str, Any]:
    return {"blobs": [{"property": "text", "type": "text", "data": value}]} | fields


def publish(namespace: Api, folder: Path = QUICK_START, name: str = "my_extractor") -> Any:
    """The answer to the confirm call."""
    plugins = f"/v1/namespaces/{namespace.namespace}/plugins/uploads"
    upload = namespace.ok("POST", plugins, {"name": name, "version": "1.0.0"})
    put = httpx.put(upload["presigned_url"], content=pack(folder).data, headers={"Content-Type": "application/zip"})
    assert put.status_code == 200, put.text
    return namespace.call("POST", f"{plugins}/{upload['upload_id']}/confirm")


def test_health_tells_what_works(door: Api) -> None:
    told = door.ok("GET", "/v1/health")

    assert told["status"] == "OK", told
    assert told["data"]["metadata"] and told["data"]["object_storage"] and told["data"]["task_queue"]


def test_call_without_a_key_is_refused(door: Api) -> None:
    answer = door.client.get("/v1/namespaces")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert door.client.get("/v1/namespaces", headers={"Authorization": "Bearer sk_none"}).status_code == 401


def test_nothing_is_at_an_unknown_path(door: Api) -> None:
    headers = {"Authorization": f"Bearer {door.secret}"}

    assert door.client.get("/v1/nowhere", headers=headers).status_code == 404
    assert door.client.put("/v1/namespaces", headers=headers).status_code == 405


def test_namespace_is_found_by_id_and_name_until_it_is_deleted(door: Api) -> None:
    name = f"life_{time.time_ns()}"
    made = door.ok("POST", "/v1/namespaces", {"namespace_name": name, "description": "before"})

    assert door.ok("GET", f"/v1/namespaces/{name}")["namespace_id"] == made["namespace_id"]
    changed = door.ok("PATCH", f"/v1/namespaces/{made['namespace_id']}", {"description": "after"})
    assert changed["description"] == "after"
    door.fails(409, "POST", "/v1/namespaces", {"namespace_name": name})
    assert made["namespace_id"] in str(door.ok("POST", "/v1/namespaces/list", {}, params={"limit": 1000}))
    door.ok("DELETE", f"/v1/namespaces/{name}")
    door.fails(404, "GET", f"/v1/namespaces/{made['namespace_id']}")


def test_bucket_is_the_same_by_header_and_by_path(namespace: Api) -> None:
    made = bucket(namespace)

    by_path = namespace.ok("GET", f"/v1/namespaces/{namespace.namespace}/buckets/docs", headers={"X-Namespace": ""})
    assert by_path == namespace.ok("GET", f"/v1/buckets/{made}")
    assert "colour" in namespace.fails(422, "POST", "/v1/buckets", {"bucket_name": "other", "colour": 1})
    namespace.fails(409, "POST", "/v1/buckets", {"bucket_name": "docs", "bucket_schema": SCHEMA})
    assert namespace.ok("PATCH", "/v1/buckets/docs", {"process_on_upload": True})["process_on_upload"] is True
    namespace.ok("DELETE", "/v1/buckets/docs")
    namespace.fails(404, "GET", f"/v1/buckets/{made}")


def test_malformed_bodies_are_refused(namespace: Api) -> None:
    headers = {"Authorization": f"Bearer {namespace.secret}", "X-Namespace": namespace.namespace or ""}
    bodies = [b"{", b"[1, 2", b'{"bucket_name": NaN}', b"\xff\xfe", b"[" * 10_000]

    for body in bodies:
        sent = {"content": body, "headers": headers | {"Content-Type": "application/json"}}
        answer = namespace.client.request("POST", "/v1/buckets", **sent)
        assert answer.status_code in {400, 422}, (body[:20], answer.text)
    assert "bucket_name" in namespace.fails(422, "POST", "/v1/buckets", {"bucket_name": "a\0b"})


def test_hundred_objects_are_listed_page_by_page_without_a_gap(namespace: Api) -> None:
    bucket(namespace)
    objects = [text(f"text {n}", metadata={"title": str(n)}) for n in range(100)]
    made = namespace.ok("POST", "/v1/buckets/docs/objects/batch", {"objects": objects})

    seen: list[str] = []
    cursor = None
    while True:
        page = {"limit": 30} | ({"cursor": cursor} if cursor else {})
        answer = namespace.ok("POST", "/v1/buckets/docs/objects/list", {}, params=page)
        seen += [o["object_id"] for o in answer["results"]]
        cursor = answer["pagination"].get("next_cursor")
        if not cursor:
            break

    assert sorted(seen) == sorted(o["object_id"] for o in made["succeeded"])
    assert len(set(seen)) == 100
    assert namespace.ok("GET", "/v1/buckets/docs")["object_count"] == 100


def test_object_is_created_read_changed_and_deleted(namespace: Api) -> None:
    bucket(namespace)
    made = namespace.ok("POST", "/v1/buckets/docs/objects", text("once", metadata={"title": "first"}))
    path = f"/v1/buckets/docs/objects/{made['object_id']}"

    assert namespace.ok("GET", path)["object_id"] == made["object_id"]
    assert namespace.call("DELETE", path).status_code == 204
    namespace.fails(404, "GET", path)
    assert "shape" in namespace.fails(422, "POST", "/v1/buckets/docs/objects", text("x", shape=1))


def test_uploaded_file_becomes_an_object_that_keeps_its_bytes(namespace: Api) -> None:
    made = bucket(namespace)
    content = b"chestnuts in the garden " * 1000
    asked = {"filename": "chestnuts.txt", "content_type": "text/plain", "file_size_bytes": len(content)}
    upload = namespace.ok("POST", "/v1/buckets/docs/uploads", asked)
    confirm = f"/v1/buckets/docs/uploads/{upload['upload_id']}/confirm"

    namespace.fails(400, "POST", confirm, {})
    assert httpx.put(upload["presigned_url"], content=content).status_code == 200
    assert "etag" in namespace.fails(422, "POST", confirm, {"etag": "0" * 32})
    done = namespace.ok("POST", confirm, {})

    assert done["etag"] == hashlib.md5(content, usedforsecurity=False).hexdigest()
    stored = namespace.ok(
        "GET", f"/v1/buckets/{made}/objects/{done['object_id']}", params={"return_presigned_urls": True}
    )
    assert httpx.get(stored["blobs"][0]["presigned_url"]).content == content
    assert namespace.ok("POST", confirm, {})["object_id"] == done["object_id"]


def test_plugin_is_published_listed_and_deleted(namespace: Api) -> None:
    plugins = f"/v1/namespaces/{namespace.namespace}/plugins"

    confirmed = publish(namespace)

    assert confirmed.status_code == 200, confirmed.text
    assert confirmed.json()["plugin_id"] == "my_extractor_1_0_0"
    assert confirmed.json()["validation_status"] == "passed"
    assert "my_extractor_1_0_0" in str(namespace.ok("GET", plugins))
    assert "delete this one" in namespace.fails(
        409, "POST", f"{plugins}/uploads", {"name": "my_extractor", "version": "1.0.0"}
    )
    assert "1.0.0" in str(namespace.ok("GET", f"{plugins}/my_extractor_1_0_0"))
    assert namespace.ok("DELETE", f"{plugins}/my_extractor_1_0_0")["success"] is True
    namespace.fails(404, "GET", f"{plugins}/my_extractor_1_0_0")


def test_forbidden_import_answers_every_violation(namespace: Api, tmp_path: Path) -> None:
    (tmp_path / "manifest.py").write_text("import socket\nfeatures = []\n")
    (tmp_path / "pipeline.py").write_text("x = eval('1')\n")

    refused = publish(namespace, tmp_path, "bad_extractor")

    assert refused.status_code == 400
    assert refused.json()["detail"] == "Security scan failed"
    places = {(v["file"], v["line"]) for v in refused.json()["violations"] if v["severity"] == "error"}
    assert {("manifest.py", 1), ("pipeline.py", 1)} <= places


def test_broken_manifest_names_the_key(namespace: Api, tmp_path: Path) -> None:
    (tmp_path / "manifest.py").write_text(
        "feature_extractor_name = 'half'\nversion = '1.0.0'\n"
        "features = [{'feature_name': 'v', 'feature_type': 'embedding', 'dimensions': 3}]\n"
    )
    (tmp_path / "pipeline.py").write_text("def build_steps(request, **kwargs):\n    return {'steps': []}\n")

    refused = publish(namespace, tmp_path, "half")

    assert refused.status_code == 400
    assert "embedding_dim" in refused.text


def test_collection_batch_and_task_follow_from_each_other(namespace: Api) -> None:
    made = bucket(namespace)
    assert publish(namespace).status_code == 200
    source = {"type": "bucket", "bucket_ids": [made]}
    asked = {"collection_name": "prose", "source": source, "feature_extractor": EXTRACTOR}
    wrong = asked | {"feature_extractor": EXTRACTOR | {"parameters": {"threshold": 7}}}

    assert "threshold" in namespace.fails(422, "POST", "/v1/collections", wrong)
    collection = namespace.ok("POST", "/v1/collections", asked)
    assert collection["feature_extractor"]["params"] == {"threshold": 0.7}
    ids = [namespace.ok("POST", "/v1/buckets/docs/objects", text(f"t{n}"))["object_id"] for n in range(3)]
    batch = namespace.ok("POST", "/v1/buckets/docs/batches", {"object_ids": ids})
    assert (batch["status"], batch["object_count"]) == ("DRAFT", 3)

    submitted = namespace.ok("POST", f"/v1/buckets/docs/batches/{batch['batch_id']}/submit")

    task = namespace.ok("GET", f"/v1/tasks/{submitted['task_id']}")
    assert task["status"] in WAITS | ENDED
    again = namespace.call("POST", f"/v1/buckets/docs/batches/{batch['batch_id']}/submit")
    assert again.status_code == 200 or any(f"{status} already" in again.text for status in WAITS), again.text
    cancel(namespace, f"/v1/buckets/docs/batches/{batch['batch_id']}")
    assert "prose" in namespace.fails(409, "DELETE", f"/v1/namespaces/{namespace.namespace}/plugins/my_extractor_1_0_0")


def test_retriever_is_kept_and_found_by_name(namespace: Api) -> None:
    made = bucket(namespace)
    assert publish(namespace).status_code == 200
    source = {"type": "bucket", "bucket_ids": [made]}
    namespace.ok(
        "POST", "/v1/collections", {"collection_name": "prose", "source": source, "feature_extractor": EXTRACTOR}
    )
    stage = {
        "stage_name": "find",
        "stage_type": "filter",
        "config": {
            "stage_id": "feature_search",
            "parameters": {
                "searches": [
                    {
                        "feature_uri": "mixpeek://my_extractor@1.0.0/my_extractor_embedding",
                        "query": {"input_mode": "text", "value": "{{INPUT.query}}"},
                    }
                ]
            },
        },
    }
    asked = {
        "retriever_name": "finder",
        "collection_identifiers": ["prose"],
        "input_schema": {"query": {"type": "text"}},
        "stages": [stage],
    }

    created = namespace.ok("POST", "/v1/retrievers", asked)

    assert namespace.ok("GET", "/v1/retrievers/finder")["retriever_id"] == created["retriever_id"]
    namespace.ok("DELETE", "/v1/retrievers/finder")
    namespace.fails(404, "GET", f"/v1/retrievers/{created['retriever_id']}")


def test_key_does_what_its_permissions_say_until_it_is_revoked(namespace: Api) -> None:
    bucket(namespace)
    name = f"reader_{time.time_ns()}"
    made = namespace.ok("POST", KEYS, {"name": name, "permissions": ["read"]})
    reader = Api(namespace.client, made["key"], namespace.namespace)

    assert reader.ok("GET", "/v1/buckets/docs")["bucket_name"] == "docs"
    reader.fails(403, "POST", "/v1/buckets", {"bucket_name": "more"})
    namespace.ok("DELETE", f"{KEYS}/{name}")
    deadline = time.monotonic() + 60  # other processes remember a key for seconds
    while reader.call("GET", "/v1/buckets/docs").status_code != 401:
        assert time.monotonic() < deadline, "the revoked key still works"
        time.sleep(0.2)
