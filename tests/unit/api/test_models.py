"""Routes of models: uploaded once, kept by hash, enabled per namespace."""

import hashlib
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from safetensors.numpy import save

from core.models import finish_upload
from core.stores import Stores
from core.stores.blobs import BlobRef
from tests.unit.api.conftest import Api, NewTenant

WEIGHTS = save({"w": np.ones((2, 3), np.float32)})
ID = "custom_embedder_1_0_0"
REQUEST = {"name": "custom_embedder", "version": "1.0.0", "model_format": "safetensors"}


def presign_and_put(api: Api, stores: Stores, data: bytes = WEIGHTS, **changes: Any) -> str:
    made = api.ok("POST", "/v1/models/uploads", REQUEST | changes)
    stores.blobs.put(BlobRef(stores.settings.plugin_bucket, made["s3_key"]), data)
    upload_id: str = made["upload_id"]
    return upload_id


def publish(api: Api, stores: Stores) -> Any:
    return api.ok("POST", f"/v1/models/uploads/{presign_and_put(api, stores)}/confirm")


def own(api: Api) -> str:
    return f"/v1/namespaces/{api.namespace}/models"


def upload(api: Api, data: bytes = WEIGHTS, **changes: Any) -> Any:
    return api.call("POST", own(api), files={"file": ("m.bin", data)}, data=REQUEST | changes)


def test_model_is_kept_under_its_hash_and_told_in_full(api: Api, moto_stores: Stores) -> None:
    resources = {"num_gpus": 1, "memory": 2**30}
    upload_id = presign_and_put(api, moto_stores, framework="torch", resource_requirements=resources)

    confirmed = api.ok("POST", f"/v1/models/uploads/{upload_id}/confirm", {"file_size_bytes": len(WEIGHTS)})

    assert (confirmed["model_id"], confirmed["validation_status"]) == (ID, "passed")
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    assert confirmed["s3_archive_url"].endswith(f"/model_custom/custom_embedder/1.0.0/{sha256}.safetensors")
    assert moto_stores.blobs.get(BlobRef.parse(confirmed["s3_archive_url"])) == WEIGHTS
    assert api.ok("POST", f"/v1/models/uploads/{upload_id}/confirm") == confirmed
    model = api.ok("GET", f"/v1/models/{ID}")["model"]
    assert (model["model_hash"], model["framework"], model["deployed"]) == (sha256, "torch", False)
    assert model["resource_requirements"] == {"num_cpus": 1.0, **resources}
    assert [m["model_id"] for m in api.ok("GET", "/v1/models")["models"]] == [ID]


def test_file_of_another_format_is_refused_for_good(api: Api, moto_stores: Stores) -> None:
    upload_id = presign_and_put(api, moto_stores, b"import os", model_format="onnx")

    assert "no ONNX model" in api.fails(400, "POST", f"/v1/models/uploads/{upload_id}/confirm")
    assert "no ONNX model" in api.fails(400, "POST", f"/v1/models/uploads/{upload_id}/confirm")

    assert api.ok("GET", "/v1/models")["models"] == []


def test_file_other_than_the_one_announced_is_refused(api: Api, moto_stores: Stores) -> None:
    upload_id = presign_and_put(api, moto_stores)

    for body in ({"etag": "0" * 32}, {"file_size_bytes": 1}):
        assert next(iter(body)) in api.fails(400, "POST", f"/v1/models/uploads/{upload_id}/confirm", body)
    etag = hashlib.md5(WEIGHTS).hexdigest()
    api.ok("POST", f"/v1/models/uploads/{upload_id}/confirm", {"etag": f'"{etag}"'})


def test_large_file_is_read_by_a_job(api: Api, moto_stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.models.MAX_AT_ONCE_BYTES", 10)
    good = presign_and_put(api, moto_stores)
    bad = presign_and_put(api, moto_stores, WEIGHTS[:-1], version="2.0.0")

    for upload_id in (good, good, bad):
        assert api.ok("POST", f"/v1/models/uploads/{upload_id}/confirm")["validation_status"] == "pending"
    jobs = moto_stores.queues.receive(moto_stores.settings.jobs_queue, wait_s=0, limit=10)
    assert [m.body["upload_id"] for m in jobs] == [good, bad]
    for message in jobs:
        finish_upload(moto_stores, message.body)
        finish_upload(moto_stores, message.body)  # it may come twice

    assert api.ok("POST", f"/v1/models/uploads/{good}/confirm")["model_id"] == ID
    assert "bytes of tensors" in api.fails(400, "POST", f"/v1/models/uploads/{bad}/confirm")


def test_nothing_uploaded_and_nothing_known_are_told_apart(api: Api) -> None:
    made = api.ok("POST", "/v1/models/uploads", REQUEST)

    assert "PUT" in api.fails(400, "POST", f"/v1/models/uploads/{made['upload_id']}/confirm")
    api.fails(404, "POST", "/v1/models/uploads/mdu_0/confirm")
    api.fails(404, "GET", f"/v1/models/{ID}")
    api.fails(404, "DELETE", f"/v1/models/{ID}")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model_format": "pickle"}, "model_format"),
        ({"version": "v1"}, "version"),
        ({"name": "a b"}, "name"),
        ({"resource_requirements": {"num_gpus": 9}}, "num_gpus"),
        ({"file_size_bytes": 6 * 1024**3}, "file_size_bytes"),
    ],
)
def test_upload_refuses_what_can_not_be_kept(api: Api, change: dict[str, object], field: str) -> None:
    assert field in api.fails(422, "POST", "/v1/models/uploads", REQUEST | change)


def test_duplicate_is_refused_at_once_and_at_the_end(api: Api, moto_stores: Stores) -> None:
    late = presign_and_put(api, moto_stores)
    publish(api, moto_stores)

    assert "new version" in api.fails(409, "POST", "/v1/models/uploads", REQUEST)
    assert api.call("POST", f"/v1/models/uploads/{late}/confirm").status_code == 409


def test_namespace_uploads_deploys_and_deletes_its_own(api: Api, moto_stores: Stores) -> None:
    made = upload(api).json()
    assert (made["model_id"], made["deployment_status"]) == (ID, "not_deployed")
    assert upload(api).status_code == 409
    assert upload(api, b"junk", version="2.0.0").status_code == 400
    (item,) = api.ok("GET", own(api))["models"]
    assert (item["deployed"], item["endpoint"]) == (False, None)

    first, again = (api.ok("POST", f"{own(api)}/{ID}/deploy") for _ in range(2))

    assert (first["deployment_status"], first["cached"], again["cached"]) == ("deployed", False, True)
    detail = api.ok("GET", f"{own(api)}/{ID}")["model"]
    assert detail["deployment_info"]["endpoint"] == f"mixpeek://models/{ID}"
    assert detail["model_archive_url"] == made["model_archive_url"]
    api.ok("DELETE", f"{own(api)}/{ID}")
    api.fails(404, "GET", f"{own(api)}/{ID}")
    api.fails(404, "POST", f"{own(api)}/{ID}/deploy")
    kept = [ref for ref in moto_stores.blobs.each(moto_stores.settings.plugin_bucket, "") if "model_custom" in ref.key]
    assert kept == []


def test_organizations_model_is_enabled_with_its_own_resources_and_disabled(api: Api, moto_stores: Stores) -> None:
    publish(api, moto_stores)

    enabled = api.ok("POST", f"{own(api)}/org/{ID}/enable", {"deploy": True, "resource_overrides": {"num_gpus": 2}})

    assert enabled["deployment_status"] == "deployed"
    assert api.ok("GET", f"{own(api)}/{ID}")["model"]["resource_requirements"]["num_gpus"] == 2
    assert api.ok("GET", f"/v1/models/{ID}")["model"]["resource_requirements"]["num_gpus"] == 0
    assert [m["enabled_in_namespace"] for m in api.ok("GET", f"{own(api)}/available")["models"]] == [True]
    assert "demo" in api.fails(409, "DELETE", f"/v1/models/{ID}")
    api.ok("POST", f"{own(api)}/org/{ID}/disable")
    api.fails(404, "POST", f"{own(api)}/org/{ID}/disable")
    api.ok("POST", f"{own(api)}/org/{ID}/enable")
    api.ok("DELETE", f"/v1/models/{ID}?force=true")
    assert api.ok("GET", own(api))["models"] == []


def test_another_organizations_model_is_like_one_that_never_was(new_tenant: NewTenant, moto_stores: Stores) -> None:
    ours, theirs = new_tenant(), new_tenant()
    inside = theirs.within(theirs.ok("POST", "/v1/namespaces", {"namespace_name": "demo"})["namespace_id"])
    publish(ours, moto_stores)

    theirs.fails(404, "GET", f"/v1/models/{ID}")
    inside.fails(404, "POST", f"{own(inside)}/org/{ID}/enable")
    publish(theirs, moto_stores)
    assert len(ours.ok("GET", "/v1/models")["models"]) == 1


def test_quota_is_named_with_what_is_used(app: FastAPI, api: Api, moto_stores: Stores) -> None:
    publish(api, moto_stores)
    settings = moto_stores.settings.model_copy(update={"max_models": 1})
    app.state.stores = Stores(settings, moto_stores.records, moto_stores.blobs, moto_stores.queues)

    answer = api.call("POST", "/v1/models/uploads", REQUEST | {"version": "2.0.0"})

    assert answer.status_code == 403
    details = answer.json()["error"]["details"]
    assert (details["quota"], details["used"], details["limit"]) == ("models", 1, 1)
    assert "1 of 1" in answer.json()["error"]["message"]
