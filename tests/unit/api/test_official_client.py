"""The official client, unmodified, against the app over real HTTP: its generated classes and its high-level client."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from fastapi import FastAPI

from core.organizations import bootstrap
from core.stores import Stores
from tests import official as mixpeek
from tests.served import served

SCHEMA = {"properties": {"text": {"type": "text"}, "title": {"type": "string"}}}


@pytest.fixture
def base_url(app: FastAPI, moto_stores: Stores) -> Iterator[str]:
    """The app behind uvicorn on a free port."""
    app.state.stores = moto_stores
    with served(app, lifespan=False) as address:
        yield address


@pytest.fixture
def secret(moto_stores: Stores) -> str:
    """The first key."""
    return bootstrap(moto_stores)


@pytest.fixture
def generated(base_url: str, secret: str) -> Iterator[Any]:
    """A generated client whose every call carries the key, once as a default header."""
    with mixpeek.ApiClient(mixpeek.Configuration(host=base_url)) as client:
        client.set_default_header("Authorization", f"Bearer {secret}")
        yield client


@pytest.fixture
def namespace(generated: Any) -> str:
    """A namespace made by the client."""
    extractors = [{"feature_extractor_name": "passthrough_extractor", "version": "v1"}]
    asked = {"namespace_name": "demo", "feature_extractors": extractors}
    request = mixpeek.CreateNamespaceRequest.from_dict(asked)
    made = mixpeek.NamespacesApi(generated).create_namespace(request)
    return str(made.namespace_id)


def test_namespaces(generated: Any, namespace: str) -> None:
    api = mixpeek.NamespacesApi(generated)

    assert api.get_namespace("demo").namespace_id == namespace
    assert api.list_namespaces(include_total=True).total_count == 1
    assert api.patch_namespace("demo", mixpeek.PatchNamespaceRequest(description="d")).description == "d"
    assert api.delete_namespace("demo")["success"] is True


def test_buckets_and_objects(generated: Any, namespace: str, secret: str) -> None:
    buckets, objects = mixpeek.BucketsApi(generated), mixpeek.BucketObjectsApi(generated)
    request = mixpeek.BucketCreateRequest.from_dict({"bucket_name": "docs", "bucket_schema": SCHEMA})
    known = {"x_namespace": namespace, "authorization": f"Bearer {secret}"}  # the header goes out twice

    bucket = buckets.create_bucket(request, **known)
    asked = {"blobs": [{"property": "text", "type": "text", "data": "hello"}], "title": "T"}
    made = objects.create_object_buckets(bucket.bucket_id, mixpeek.CreateObjectRequest.from_dict(asked), **known)
    many = objects.create_objects_batch_buckets(
        "docs", mixpeek.CreateObjectsBatchRequest.from_dict({"objects": [asked] * 3}), **known
    )

    assert (made.blobs[0].details.size_bytes, many.succeeded_count) == (5, 3)
    assert buckets.get_bucket("docs", **known).object_count == 4
    assert buckets.list_buckets(**known).total_count == 1
    assert len(objects.list_objects_buckets("docs", limit=3, **known).results) == 3
    assert objects.get_object_buckets("docs", made.object_id, **known).object_id == made.object_id
    patched = mixpeek.PatchObjectRequest.from_dict({"title": "U"})
    assert objects.patch_object_buckets("docs", made.object_id, patched, **known).additional_properties["title"] == "U"
    objects.delete_object_buckets("docs", made.object_id, **known)
    with pytest.raises(mixpeek.exceptions.NotFoundException):
        objects.get_object_buckets("docs", made.object_id, **known)
    assert buckets.delete_bucket("docs", **known)["success"] is True


def test_uploads_and_tasks(generated: Any, namespace: str) -> None:
    known = {"x_namespace": namespace}
    request = mixpeek.BucketCreateRequest.from_dict({"bucket_name": "docs", "bucket_schema": SCHEMA})
    mixpeek.BucketsApi(generated).create_bucket(request, **known)
    api = mixpeek.BucketUploadsApi(generated)
    asked = {"filename": "a.txt", "content_type": "text/plain"}

    upload = api.create_upload_buckets("docs", mixpeek.CreateUploadRequest.from_dict(asked), **known)
    requests.put(upload.presigned_url, data=b"hello", timeout=100).raise_for_status()
    confirmed = api.confirm_upload_buckets("docs", upload.upload_id, mixpeek.ConfirmUploadRequest(), **known)
    batch = api.create_uploads_batch_buckets(
        "docs", mixpeek.BatchUploadRequest.from_dict({"uploads": [asked]}), **known
    )
    confirmations = {"confirmations": [{"upload_id": batch.uploads[0].upload_id}]}
    task = api.confirm_uploads_batch_buckets("docs", mixpeek.BatchConfirmRequest.from_dict(confirmations), **known)

    assert (confirmed.status, bool(confirmed.object_id), task.status) == ("COMPLETED", True, "FAILED")
    assert api.list_uploads_buckets("docs", **known).stats.total_uploads == 2
    assert mixpeek.TasksApi(generated).get_task(task.task_id).status == "FAILED"
    assert len(mixpeek.TasksApi(generated).list_tasks().results) == 1
    assert mixpeek.TasksApi(generated).kill_task(task.task_id).success is True
    api.delete_upload_buckets("docs", batch.uploads[0].upload_id, **known)


def test_keys_and_health(generated: Any) -> None:
    api = mixpeek.OrganizationAPIKeysApi(generated)
    email = "admin@localhost"

    made = api.create_key_organizations_users_email(email, mixpeek.APIKeyCreateRequest(name="ci"))
    rotated = api.rotate_key_organizations_users_email_name(email, "ci")
    api.update_key_organizations_users_email_name(email, "ci", mixpeek.APIKeyUpdateRequest(description="d"))
    listed = api.list_keys_organizations_users_email(email)

    assert (rotated.key != made.key, {k["name"] for k in listed["results"]}) == (True, {"ci", "default"})
    assert api.delete_key_organizations_users_email_name(email, "ci").success is True
    assert mixpeek.HealthApi(generated).healthcheck_health().status == "OK"


def test_high_level_client(base_url: str, secret: str) -> None:
    client = mixpeek.Mixpeek(secret, base_url=f"{base_url}/v1")
    made = client.namespaces.create(name="demo")
    client.namespace = made["namespace_id"]

    bucket = client.buckets.create(name="docs", bucket_schema=SCHEMA)
    client.buckets.upload(bucket["bucket_id"], data="hello", metadata={"title": "T"})
    page = client.buckets.list_objects(bucket["bucket_id"], page_size=1)

    assert [n["namespace_name"] for n in client.namespaces.list()["results"]] == ["demo"]  # type: ignore[call-overload]
    assert page["results"][0]["title"] == "T"
    assert client.buckets.get("docs")["object_count"] == 1
    assert client.buckets.delete("docs")["success"] is True
    with pytest.raises(Exception, match="no bucket"):
        client.buckets.get("docs")
