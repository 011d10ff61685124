"""Each resource's life over HTTP, the same through every door; files come by presigned URL, as from any client."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from safetensors.numpy import save

from plugin_sdk.archives import pack
from tests.http.test_control_routes import (
    ENDED,
    EXTRACTOR,
    KEYS,
    QUICK_START,
    SCHEMA,
    WAITS,
    bucket,
    cancel,
    publish,
    text,
)
from tests.unit.api.conftest import Api

pytestmark = pytest.mark.slow

WEIGHTS = save({"w": np.ones((2, 3), np.float32)})
PASSTHROUGH = {"feature_extractor_name": "passthrough_extractor", "version": "v1"}
PLUGIN = "my_extractor_1_0_0"


def unique(name: str) -> str:
    return f"{name}_{time.time_ns()}"


def put(made: dict[str, Any], data: bytes, content_type: str = "text/plain") -> None:
    answer = httpx.put(made["presigned_url"], content=data, headers={"Content-Type": content_type})
    assert answer.status_code == 200, answer.text


def until(what: Callable[[], Any], within_s: float = 100.0) -> Any:
    """What comes back once it is something."""
    deadline = time.monotonic() + within_s
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


def collection(namespace: Api, extractor: dict[str, Any] = PASSTHROUGH, name: str = "texts") -> str:
    body = {
        "collection_name": name,
        "source": {"type": "bucket", "bucket_ids": ["docs"]},
        "feature_extractor": extractor,
    }
    made: str = namespace.ok("POST", "/v1/collections", body)["collection_id"]
    return made


def test_secret_is_written_listed_changed_and_deleted_and_never_read(door: Api) -> None:
    name = unique("token")
    secrets = "/v1/organizations/secrets"

    made = door.call("POST", secrets, {"secret_name": name, "secret_value": "s3cr3t-value"})

    assert (made.status_code, "s3cr3t-value" in made.text) == (201, False)
    door.fails(409, "POST", secrets, {"secret_name": name, "secret_value": "x"})
    door.ok("PUT", f"{secrets}/{name}", {"secret_value": "other-value"})
    listed = door.call("GET", secrets)
    assert name in listed.text and "other-value" not in listed.text
    door.ok("DELETE", f"{secrets}/{name}")
    door.fails(404, "PUT", f"{secrets}/{name}", {"secret_value": "x"})


def test_key_is_changed_rotated_and_listed_with_its_use(namespace: Api) -> None:
    name = unique("key")
    made = namespace.ok("POST", KEYS, {"name": name, "permissions": ["read"], "description": "before"})
    user = Api(namespace.client, made["key"], namespace.namespace)
    user.ok("POST", "/v1/buckets/list", {})

    assert namespace.ok("PATCH", f"{KEYS}/{name}", {"description": "after"})["description"] == "after"
    listed = next(k for k in namespace.ok("GET", KEYS)["results"] if k["name"] == name)
    assert listed["last_used_at"] is not None
    rotated = namespace.ok("POST", f"{KEYS}/{name}/rotate")
    assert Api(namespace.client, rotated["key"], namespace.namespace).ok("POST", "/v1/buckets/list", {}) is not None
    until(lambda: user.call("POST", "/v1/buckets/list", {}).status_code == 401, 15)
    namespace.ok("DELETE", f"{KEYS}/{name}")


def test_organizations_plugin_is_enabled_and_disabled(namespace: Api, door: Api, tmp_path: Any) -> None:
    name = unique("shared")
    for path in QUICK_START.rglob("*.py"):
        target = tmp_path / path.relative_to(QUICK_START)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text().replace("my_extractor", name))
    upload = door.ok("POST", "/v1/plugins/uploads", {"name": name, "version": "1.0.0"})
    put(upload, pack(tmp_path).data, "application/zip")

    plugin = door.ok("POST", f"/v1/plugins/uploads/{upload['upload_id']}/confirm")["plugin_id"]

    own = f"/v1/namespaces/{namespace.namespace}/plugins"
    assert plugin in str(door.ok("GET", "/v1/plugins"))
    assert door.ok("GET", f"/v1/plugins/{plugin}")["plugin"]["code_hash"]
    namespace.ok("POST", f"{own}/org/{plugin}/enable", {"deploy": False})
    available = {p["plugin_id"]: p["enabled_in_namespace"] for p in namespace.ok("GET", f"{own}/available")["plugins"]}
    assert available[plugin] is True
    assert name in str(namespace.ok("GET", f"/v1/namespaces/{namespace.namespace}/extractors"))
    namespace.ok("POST", f"{own}/reconfigure", {"confirm": True})
    namespace.ok("POST", f"{own}/org/{plugin}/disable")
    namespace.fails(404, "GET", f"{own}/{plugin}")
    assert door.ok("DELETE", f"/v1/plugins/{plugin}")["success"] is True


def test_plugin_sent_as_a_form_is_deployed_and_taken_down(namespace: Api) -> None:
    plugins = f"/v1/namespaces/{namespace.namespace}/plugins"
    form = {"name": "my_extractor", "version": "1.0.0"}
    files = {"file": ("my_extractor.zip", pack(QUICK_START).data, "application/zip")}

    made = namespace.call("POST", plugins, data=form, files=files)

    assert made.status_code == 200, made.text
    url = namespace.ok("GET", f"{plugins}/{PLUGIN}?return_presigned_urls=true")["presigned_download_url"]
    assert httpx.get(url).content == pack(QUICK_START).data
    assert namespace.ok("POST", f"{plugins}/{PLUGIN}/deploy")["status"] in ("queued", "deployed")
    assert namespace.ok("GET", f"{plugins}/{PLUGIN}/status")["status"] in {
        "QUEUED",
        "PENDING",
        "IN_PROGRESS",
        "DEPLOYED",
    }
    namespace.ok("POST", f"{plugins}/{PLUGIN}/undeploy")
    until(lambda: namespace.ok("GET", f"{plugins}/{PLUGIN}/status")["status"] == "NOT_DEPLOYED")
    namespace.ok("GET", f"/v1/namespaces/{namespace.namespace}/extractors/{PLUGIN}")


def test_model_by_presigned_url_and_by_form(namespace: Api, door: Api) -> None:
    name = unique("model")
    asked = {"name": name, "version": "1.0.0", "model_format": "safetensors"}
    upload = door.ok("POST", "/v1/models/uploads", asked)
    put(upload, WEIGHTS, "application/octet-stream")
    own = f"/v1/namespaces/{namespace.namespace}/models"

    model = door.ok("POST", f"/v1/models/uploads/{upload['upload_id']}/confirm")["model_id"]

    assert model in str(door.ok("GET", "/v1/models")) and door.ok("GET", f"/v1/models/{model}")["model"]["model_hash"]
    namespace.ok("POST", f"{own}/org/{model}/enable", {"deploy": True})
    assert model in str(namespace.ok("GET", f"{own}/available"))
    assert namespace.ok("GET", f"{own}/{model}")
    namespace.ok("POST", f"{own}/{model}/deploy")
    namespace.ok("POST", f"{own}/org/{model}/disable")
    door.ok("DELETE", f"/v1/models/{model}")
    posted = namespace.ok("POST", own, data=asked, files={"file": ("w.bin", WEIGHTS)})["model_id"]
    assert posted in str(namespace.ok("GET", own))
    namespace.ok("DELETE", f"{own}/{posted}")


def test_batch_of_uploads_is_confirmed_listed_and_deleted(namespace: Api) -> None:
    bucket(namespace)
    asked = [{"filename": f"{n}.txt", "content_type": "text/plain", "blob_property": "text"} for n in range(3)]
    made = namespace.ok("POST", "/v1/buckets/docs/uploads/batch", {"uploads": asked})["uploads"]
    for upload in made[:2]:
        put(upload, b"rain")

    confirmations = {"confirmations": [{"upload_id": u["upload_id"]} for u in made[:2]]}
    task = namespace.ok("POST", "/v1/buckets/docs/uploads/confirm/batch", confirmations)

    assert namespace.ok("GET", f"/v1/tasks/{task['task_id']}")["status"] == "COMPLETED"
    assert namespace.ok("GET", f"/v1/buckets/docs/uploads/{made[0]['upload_id']}")["status"] == "COMPLETED"
    listed = namespace.ok("POST", "/v1/buckets/docs/uploads/list", {})["results"]
    assert {u["upload_id"] for u in listed} == {u["upload_id"] for u in made}
    assert namespace.call("DELETE", f"/v1/buckets/docs/uploads/{made[2]['upload_id']}").status_code == 204
    assert namespace.ok("GET", "/v1/buckets/docs")["object_count"] == 2
    tasks = namespace.ok("POST", "/v1/tasks/list", {})["results"]
    assert task["task_id"] in {t["task_id"] for t in tasks}
    namespace.ok("DELETE", f"/v1/tasks/{task['task_id']}")


def test_presigned_url_takes_neither_another_key_nor_another_signature(namespace: Api) -> None:
    bucket(namespace)
    upload = namespace.ok("POST", "/v1/buckets/docs/uploads", {"filename": "a.txt", "content_type": "text/plain"})
    url: str = upload["presigned_url"]
    signature = url.partition("X-Amz-Signature=")[2][:64]

    for tampered in (url.replace("a.txt", "b.txt"), url.replace(signature, "0" * 64)):
        assert httpx.put(tampered, content=b"x").status_code == 403


def test_files_event_registers_it_and_makes_a_batch_without_any_call(events: Api) -> None:
    bucket(events, process_on_upload=True)
    collection(events)
    for n in range(3):
        asked = {"filename": f"{n}.txt", "content_type": "text/plain", "blob_property": "text"}
        put(events.ok("POST", "/v1/buckets/docs/uploads", asked), b"rain")

    until(lambda: events.ok("GET", "/v1/buckets/docs")["object_count"] == 3)
    batches = until(lambda: submitted(events))

    assert [b["object_count"] for b in batches] == [3]
    assert batches[0]["status"] in WAITS | ENDED


def submitted(events: Api) -> list[Any]:
    """The bucket's batches, once none is still collecting."""
    found: list[Any] = events.ok("POST", "/v1/buckets/docs/batches/list", {})["results"]
    return [] if any(b["status"] == "DRAFT" for b in found) else found


def test_object_is_changed_and_found_by_its_fields(namespace: Api) -> None:
    bucket(namespace)
    made = [namespace.ok("POST", "/v1/buckets/docs/objects", text(t, title=t)) for t in ("rain", "snow")]
    path = f"/v1/buckets/docs/objects/{made[0]['object_id']}"

    assert namespace.ok("PATCH", path, {"title": "hail"})["title"] == "hail"
    by_title = {"filters": {"AND": [{"field": "title", "operator": "eq", "value": "hail"}]}}
    found = namespace.ok("POST", "/v1/buckets/docs/objects/list", by_title)["results"]
    assert [o["object_id"] for o in found] == [made[0]["object_id"]]
    assert [b["bucket_name"] for b in namespace.ok("POST", "/v1/buckets/list", {})["results"]] == ["docs"]
    assert namespace.ok("PUT", "/v1/buckets/docs", {"description": "d"})["description"] == "d"


def test_batch_is_changed_grown_triggered_told_of_and_deleted(namespace: Api) -> None:
    bucket(namespace)
    collection(namespace)
    one, two = (namespace.ok("POST", "/v1/buckets/docs/objects", text(t))["object_id"] for t in ("rain", "snow"))
    base = "/v1/buckets/docs/batches"
    batch = f"{base}/{namespace.ok('POST', base, {'object_ids': [one]})['batch_id']}"

    assert namespace.ok("PATCH", batch, {"metadata": {"run": 1}})["metadata"] == {"run": 1}
    namespace.ok("POST", f"{batch}/objects", {"object_ids": [two]})
    assert namespace.ok("GET", batch)["object_count"] == 2
    assert namespace.ok("GET", f"{batch}/failed-documents")["total"] == 0
    assert namespace.ok("GET", f"{batch}/logs")["tiers"] == []
    namespace.fails(400, "POST", f"{batch}/retry", {"retry_mode": "all"})
    triggered = namespace.ok("POST", f"{base}/trigger", {})
    assert namespace.call("POST", "/v1/collections/texts/trigger").status_code == 202
    assert len(namespace.ok("POST", f"{base}/list", {})["results"]) == 3
    cancel(namespace, f"{base}/{triggered['batch_id']}")
    namespace.ok("DELETE", batch)
    namespace.fails(404, "GET", batch)


def test_collection_is_listed_changed_described_and_deleted(namespace: Api) -> None:
    bucket(namespace)
    assert publish(namespace).status_code == 200
    collection(namespace, EXTRACTOR, "prose")

    assert [c["collection_name"] for c in namespace.ok("POST", "/v1/collections/list", {})["results"]] == ["prose"]
    assert namespace.ok("PATCH", "/v1/collections/prose", {"description": "d"})["description"] == "d"
    assert "my_extractor" in str(namespace.ok("GET", "/v1/collections/prose/features"))
    assert "text_extractor" in str(namespace.ok("GET", "/v1/collections/features/extractors"))
    assert namespace.ok("GET", "/v1/collections/features/extractors/text_extractor_v1")
    namespace.ok("DELETE", "/v1/collections/prose")
    namespace.fails(404, "GET", "/v1/collections/prose")


def test_request_with_an_idempotency_key_is_done_once(namespace: Api) -> None:
    headers = {"Idempotency-Key": unique("once")}
    body = {"bucket_name": "docs", "bucket_schema": SCHEMA}

    first, again = (namespace.call("POST", "/v1/buckets", body, headers=headers) for _ in range(2))

    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"


def test_request_id_goes_along(door: Api) -> None:
    answer = door.call("GET", "/v1/namespaces", headers={"X-Request-Id": "mine-1"})

    assert answer.headers["x-request-id"] == "mine-1"


def test_body_that_is_too_large_is_refused(namespace: Api) -> None:
    headers = {"Authorization": f"Bearer {namespace.secret}", "X-Namespace": namespace.namespace or ""}

    answer = namespace.client.post("/v1/buckets", content=b" " * (33 * 1024 * 1024), headers=headers)

    assert answer.status_code == 413


def test_documents_are_written_read_changed_searched_and_deleted(namespace: Api, serving: Api) -> None:
    bucket(namespace)
    made = collection(namespace)
    place = f"/v1/collections/{made}/documents"
    ids = [
        namespace.ok("POST", place, {"collection_id": made, "text": t})["document_id"] for t in ("rain", "snow", "hail")
    ]
    stage = {
        "stage_name": "find",
        "config": {"stage_id": "attribute_filter", "parameters": {"field": "text", "operator": "eq", "value": "rain"}},
    }
    query = {"collection_identifiers": [made], "stages": [stage], "input_schema": {}, "inputs": {}}

    assert namespace.ok("GET", f"{place}/{ids[0]}")["text"] == "rain"
    assert len(namespace.ok("POST", f"{place}/list", {})["results"]) == 3
    assert namespace.ok("PATCH", f"{place}/{ids[1]}", {"text": "sleet"})["text"] == "sleet"
    found = namespace.ok("POST", "/v1/retrievers/execute", query)
    assert [d["document_id"] for d in found["results"]] == [ids[0]]
    retriever = {"retriever_name": "find", "collection_identifiers": [made], "stages": [stage]}
    kept = namespace.ok("POST", "/v1/retrievers", retriever)["retriever_id"]
    assert [
        d["document_id"] for d in namespace.ok("POST", f"/v1/retrievers/{kept}/execute", {"inputs": {}})["results"]
    ] == [ids[0]]
    assert namespace.ok("PATCH", f"/v1/retrievers/{kept}", {"description": "d"})["retriever_id"] == kept
    assert len(namespace.ok("POST", "/v1/retrievers/list", {})["results"]) == 1
    assert namespace.ok("GET", "/v1/retrievers")
    namespace.ok("DELETE", f"{place}/batch", {"document_ids": [ids[2]]})
    namespace.ok("DELETE", f"{place}/{ids[0]}")
    assert len(namespace.ok("POST", f"{place}/list", {})["results"]) == 1
    assert (
        serving.client.post(
            "/inference/none", json={}, headers={"Authorization": f"Bearer {serving.secret}"}
        ).status_code
        == 404
    )
