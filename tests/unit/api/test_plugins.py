"""Routes of plugins and extractors: the owner's answers, and how refusals are told."""

import pytest
from fastapi import FastAPI

from core.plugins import find_upload, upload_ref
from core.stores import Stores
from core.tenancy import Scope
from tests.unit.api.conftest import Api, NewTenant
from tests.unit.core.samples import FILES, HereInspector, zipped


@pytest.fixture(autouse=True)
def inspector(app: FastAPI, client: object, moto_stores: Stores) -> HereInspector:
    """Reads manifests here; and no event comes, so confirm need not wait for one."""
    app.state.inspector = HereInspector()
    settings = moto_stores.settings.model_copy(update={"scan_wait_s": 0.05})
    app.state.stores = Stores(settings, moto_stores.records, moto_stores.blobs, moto_stores.queues)
    return app.state.inspector


def plugins(api: Api) -> str:
    return f"/v1/namespaces/{api.namespace}/plugins"


def presign_and_put(api: Api, stores: Stores, files: dict[str, str] = FILES) -> str:
    """An upload with the archive in its place, as the presigned PUT leaves it."""
    answer = api.ok("POST", f"{plugins(api)}/uploads", {"name": "my_extractor", "version": "1.0.0"})
    org_id = answer["s3_key"].split("/")[1]
    upload = find_upload(stores, Scope(org_id, api.namespace or ""), answer["upload_id"])
    assert upload is not None
    stores.blobs.put(upload_ref(stores, upload), zipped(files))
    return upload.upload_id


def publish(api: Api, stores: Stores, files: dict[str, str] = FILES) -> dict[str, object]:
    answer: dict[str, object] = api.ok("POST", f"{plugins(api)}/uploads/{presign_and_put(api, stores, files)}/confirm")
    return answer


def test_presign_answers_all_that_clients_read(api: Api) -> None:
    answer = api.ok("POST", f"{plugins(api)}/uploads", {"name": "my_extractor", "version": "v1", "file_size_bytes": 9})

    assert answer["upload_id"].startswith("plu_")
    assert (answer["name"], answer["version"], answer["namespace_id"]) == ("my_extractor", "1.0.0", api.namespace)
    assert answer["s3_key"].startswith("uploads/")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "x"}, "name"),
        ({"name": "text_extractor"}, "name"),
        ({"version": "one"}, "version"),
        ({"file_size_bytes": 600 * 1024 * 1024}, "file_size_bytes"),
        ({"presigned_url_expiration": 1}, "presigned_url_expiration"),
        ({"nmae": "x"}, "nmae"),
    ],
)
def test_presign_refuses_what_cannot_be_published(api: Api, change: dict[str, object], field: str) -> None:
    body = {"name": "my_extractor", "version": "1.0.0"} | change

    assert field in api.fails(422, "POST", f"{plugins(api)}/uploads", body)


@pytest.mark.parametrize("options", [{}, {"body": {}}, {"headers": {"Content-Type": "application/json"}}])
def test_confirm_takes_no_body_an_empty_one_or_an_object(api: Api, moto_stores: Stores, options: dict) -> None:
    upload_id = presign_and_put(api, moto_stores)

    answer = api.ok("POST", f"{plugins(api)}/uploads/{upload_id}/confirm", **options)

    assert answer["success"] is True
    assert answer["upload_id"] == upload_id
    assert answer["plugin_id"] == "my_extractor_1_0_0"
    assert answer["validation_status"] == "passed"
    assert answer["feature_uri"] == "mixpeek://my_extractor@1.0.0"
    assert api.ok("POST", f"{plugins(api)}/uploads/{upload_id}/confirm") == answer


def test_rejected_scan_answers_the_owners_body(api: Api, moto_stores: Stores) -> None:
    upload_id = presign_and_put(api, moto_stores, {**FILES, "processors/core.py": "import subprocess\n"})

    answer = api.call("POST", f"{plugins(api)}/uploads/{upload_id}/confirm")

    assert answer.status_code == 400
    assert answer.json()["detail"] == "Security scan failed"
    (violation,) = answer.json()["violations"]
    assert {k: violation[k] for k in ("file", "line", "column", "message", "severity")} == {
        "file": "processors/core.py",
        "line": 1,
        "column": 0,
        "message": "Forbidden import: subprocess",
        "severity": "error",
    }


def test_manifest_errors_are_told_by_field(api: Api, moto_stores: Stores) -> None:
    wrong = FILES["manifest.py"].replace("embedding_dim", "dimensions")
    upload_id = presign_and_put(api, moto_stores, {**FILES, "manifest.py": wrong})

    answer = api.call("POST", f"{plugins(api)}/uploads/{upload_id}/confirm")

    assert answer.status_code == 400
    errors = {e["field"]: e["hint"] for e in answer.json()["errors"]}
    assert "embedding_dim" in errors["features[0].dimensions"]


def test_confirm_of_unknown_or_empty_uploads(api: Api) -> None:
    api.fails(404, "POST", f"{plugins(api)}/uploads/plu_000000000000/confirm")
    made = api.ok("POST", f"{plugins(api)}/uploads", {"name": "my_extractor", "version": "1.0.0"})

    assert "PUT" in api.fails(400, "POST", f"{plugins(api)}/uploads/{made['upload_id']}/confirm")


def test_duplicate_says_what_to_do(api: Api, moto_stores: Stores) -> None:
    publish(api, moto_stores)

    message = api.fails(409, "POST", f"{plugins(api)}/uploads", {"name": "my_extractor", "version": "1.0.0"})

    assert "Publish a new version or delete this one" in message


def test_one_multipart_request_publishes_too(api: Api, moto_stores: Stores) -> None:
    form = {"name": "my_extractor", "version": "1.0.0"}

    answer = api.ok("POST", plugins(api), data=form, files={"file": ("my_extractor.zip", zipped())})

    assert answer["plugin_id"] == "my_extractor_1_0_0"
    assert answer["s3_archive_url"].startswith(f"s3://{moto_stores.settings.plugin_bucket}/")
    bad = {"file": ("bad.zip", zipped({**FILES, "evil.py": "import socket\n"}))}
    answer = api.call("POST", plugins(api), data=form | {"name": "other_one"}, files=bad)
    assert answer.json()["detail"] == "Security scan failed"


def test_plugin_is_listed_detailed_and_downloaded(api: Api, moto_stores: Stores) -> None:
    publish(api, moto_stores)

    listed = api.ok("GET", plugins(api))
    detail = api.ok("GET", f"{plugins(api)}/my_extractor_1_0_0?return_presigned_urls=true")

    assert (listed["total"], listed["plugins"][0]["deployed"]) == (1, False)
    assert detail["plugin"]["manifest"]["features"][0]["feature_name"] == "my_extractor_embedding"
    assert detail["plugin"]["code_hash"] in detail["presigned_download_url"]
    assert api.ok("GET", f"{plugins(api)}/my_extractor_1_0_0")["presigned_download_url"] is None
    assert "It has my_extractor_1_0_0" in api.fails(404, "GET", f"{plugins(api)}/nothing_1_0_0")


def test_deploy_status_undeploy(api: Api, moto_stores: Stores) -> None:
    publish(api, moto_stores)
    plugin = f"{plugins(api)}/my_extractor_1_0_0"
    assert api.ok("GET", f"{plugin}/status")["status"] == "NOT_DEPLOYED"

    answer = api.ok("POST", f"{plugin}/deploy")

    assert answer["status"] == "queued"
    assert answer["message"] == "Plugin queued for deployment. Will start within 30 seconds."
    assert answer["route_prefix"] == f"/inference/custom_plugin_{api.namespace}_my_extractor_1_0_0"
    assert answer["estimated_completion_seconds"] == 210
    status = api.ok("GET", answer["status_endpoint"])
    assert (status["status"], status["deployed"], status["error"]) == ("QUEUED", False, None)
    assert 0 < status["estimated_completion_seconds"] <= 210
    assert api.ok("POST", f"{plugin}/undeploy")["deployment_removed"] is True
    assert api.ok("POST", f"{plugin}/undeploy")["deployment_removed"] is False
    assert api.ok("GET", f"{plugin}/status")["status"] == "NOT_DEPLOYED"


def test_deploy_without_realtime_names_batch_only(api: Api, moto_stores: Stores) -> None:
    publish(api, moto_stores, {n: t for n, t in FILES.items() if n != "realtime.py"})
    plugin = f"{plugins(api)}/my_extractor_1_0_0"

    assert "?deployment_type=batch_only" in api.fails(422, "POST", f"{plugin}/deploy")

    assert api.ok("POST", f"{plugin}/deploy?deployment_type=batch_only")["status"] == "batch_only"
    assert api.ok("GET", f"{plugin}/status")["realtime_enabled"] is False


def test_delete_tells_whether_an_endpoint_went_too(api: Api, moto_stores: Stores) -> None:
    for deployed in (False, True):
        publish(api, moto_stores)
        if deployed:
            api.ok("POST", f"{plugins(api)}/my_extractor_1_0_0/deploy")

        answer = api.ok("DELETE", f"{plugins(api)}/my_extractor_1_0_0")

        assert answer["deployment_removed"] is deployed
        api.fails(404, "GET", f"{plugins(api)}/my_extractor_1_0_0/status")


def test_delete_names_the_collections_that_use_the_plugin(api: Api, moto_stores: Stores) -> None:
    publish(api, moto_stores)
    bucket = api.ok("POST", "/v1/buckets", {"bucket_name": "prose"})["bucket_id"]
    collection = {
        "collection_name": "paragraphs",
        "source": {"type": "bucket", "bucket_ids": [bucket]},
        "feature_extractor": {"feature_extractor_name": "my_extractor", "version": "1.0.0"},
    }
    api.ok("POST", "/v1/collections", collection)

    assert "paragraphs (col_" in api.fails(409, "DELETE", f"{plugins(api)}/my_extractor_1_0_0")
    api.ok("DELETE", f"{plugins(api)}/my_extractor_1_0_0?force=true")


def test_extractors_have_builtins_and_customs(api: Api, moto_stores: Stores) -> None:
    publish(api, moto_stores)
    base = f"/v1/namespaces/{api.namespace}/extractors"

    everything = api.ok("GET", base)

    assert (everything["builtin_count"], everything["custom_count"]) == (4, 1)
    assert [e["source"] for e in everything["extractors"]] == ["builtin"] * 4 + ["custom"]
    assert api.ok("GET", f"{base}?source=custom")["total"] == 1
    mine = api.ok("GET", f"{base}/my_extractor_1_0_0")
    assert mine["default_parameters"] == {"threshold": 0.5}
    assert mine["required_vector_indexes"][0]["feature_uri"].endswith("@1.0.0/my_extractor_embedding")
    api.fails(404, "GET", f"{base}/nothing_1_0_0")


def test_collections_extractors_are_builtins_and_those_of_a_named_namespace(api: Api, moto_stores: Stores) -> None:
    publish(api, moto_stores)

    assert len(api.ok("GET", "/v1/collections/features/extractors")) == 5
    assert len(Api(api.client, api.secret).ok("GET", "/v1/collections/features/extractors")) == 4
    assert api.ok("GET", "/v1/collections/features/extractors/my_extractor_1_0_0")["icon"] == "box"


def test_plugins_are_invisible_to_another_organization(api: Api, new_tenant: NewTenant, moto_stores: Stores) -> None:
    publish(api, moto_stores)
    other = new_tenant()

    other.fails(404, "GET", f"{plugins(api)}/my_extractor_1_0_0")
    own = other.ok("POST", "/v1/namespaces", {"name": "demo"})["namespace_id"]
    assert other.ok("GET", f"/v1/namespaces/{own}/plugins")["total"] == 0
