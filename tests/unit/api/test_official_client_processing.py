"""The official client, unmodified, through the life of a plugin, a collection, a batch and a retriever."""

from typing import Any

import pytest
import requests
from fastapi import FastAPI

from core.stores import Stores
from tests import official as mixpeek
from tests.unit.api.test_official_client import base_url, generated, namespace, secret  # noqa: F401  its fixtures
from tests.unit.core.samples import HereInspector, zipped

SCHEMA = {"properties": {"text": {"type": "text"}}}
URI = "mixpeek://my_extractor@1.0.0/my_extractor_embedding"


@pytest.fixture(autouse=True)
def ready(app: FastAPI, base_url: str, moto_stores: Stores) -> None:  # noqa: F811
    """An inspector, and no waiting for an event that nothing sends here."""
    app.state.inspector = HereInspector()
    settings = moto_stores.settings.model_copy(update={"scan_wait_s": 0.05})
    app.state.stores = Stores(settings, moto_stores.records, moto_stores.blobs, moto_stores.queues)


def publish(generated: Any, namespace: str) -> Any:  # noqa: F811
    """Presign, PUT, confirm."""
    api = mixpeek.CustomPluginsNamespaceApi(generated)
    request = {"name": "my_extractor", "version": "1.0.0"}
    kind = mixpeek.ApiNamespacesPluginsModelsCreatePluginUploadRequest
    upload = api.generate_upload_url_namespaces_id_plugins(namespace, kind.from_dict(request))
    requests.put(upload.presigned_url, data=zipped(), timeout=100).raise_for_status()
    return api.confirm_upload_namespaces_id_plugins(namespace, upload.upload_id)


def collect(generated: Any, namespace: str) -> Any:  # noqa: F811
    """A bucket with one object, and a collection made from it; answers the bucket's id and the collection."""
    known = {"x_namespace": namespace}
    bucket = mixpeek.BucketsApi(generated).create_bucket(
        mixpeek.BucketCreateRequest.from_dict({"bucket_name": "prose", "bucket_schema": SCHEMA}), **known
    )
    blob = {"property": "text", "type": "text", "data": "rain"}
    asked = mixpeek.CreateObjectRequest.from_dict({"blobs": [blob]})
    mixpeek.BucketObjectsApi(generated).create_object_buckets(bucket.bucket_id, asked, **known)
    request = {
        "collection_name": "paragraphs",
        "source": {"type": "bucket", "bucket_ids": [bucket.bucket_id]},
        "feature_extractor": {
            "feature_extractor_name": "my_extractor",
            "version": "1.0.0",
            "parameters": {"threshold": 0.7},
        },
    }
    collections = mixpeek.CollectionsApi(generated)
    made = collections.create_collection(mixpeek.CreateCollectionRequest.from_dict(request), **known)
    return bucket.bucket_id, made


def test_life_of_a_plugin(generated: Any, namespace: str) -> None:  # noqa: F811
    api = mixpeek.CustomPluginsNamespaceApi(generated)

    confirmed = publish(generated, namespace)
    listed = api.list_plugins_namespaces(namespace)
    detail = api.get_plugin_namespaces(namespace, "my_extractor_1_0_0", return_presigned_urls=True)
    deployed = api.deploy_plugin_namespaces(namespace, "my_extractor_1_0_0")
    status = api.get_deployment_status_namespaces_id_plugins(namespace, "my_extractor_1_0_0")
    undeployed = api.undeploy_plugin_namespaces(namespace, "my_extractor_1_0_0")
    deleted = api.delete_plugin_namespaces(namespace, "my_extractor_1_0_0")

    assert (confirmed.success, confirmed.plugin_id) == (True, "my_extractor_1_0_0")
    assert (listed.total, detail.plugin.name) == (1, "my_extractor")
    assert detail.presigned_download_url
    assert deployed["status"] == "queued"
    assert (status.status, status.realtime_enabled) == ("QUEUED", True)
    assert undeployed["deployment_removed"] is True
    assert (deleted.success, deleted.deployment_removed) == (True, False)


def test_one_request_publishes(generated: Any, namespace: str) -> None:  # noqa: F811
    api = mixpeek.CustomPluginsNamespaceApi(generated)

    made = api.upload_plugin_namespaces(namespace, ("my_extractor.zip", zipped()), "my_extractor", "1.0.0")

    assert made.feature_uri == "mixpeek://my_extractor@1.0.0"


def test_rejection_is_readable(generated: Any, namespace: str) -> None:  # noqa: F811
    api = mixpeek.CustomPluginsNamespaceApi(generated)
    bad = zipped({"manifest.py": "import subprocess\n", "pipeline.py": ""})

    with pytest.raises(mixpeek.exceptions.BadRequestException, match="Forbidden import: subprocess"):
        api.upload_plugin_namespaces(namespace, ("bad.zip", bad), "my_extractor", "1.0.0")


def test_extractors(generated: Any, namespace: str) -> None:  # noqa: F811
    publish(generated, namespace)
    api = mixpeek.NamespaceExtractorsApi(generated)

    everything = api.list_extractors_namespaces(namespace)
    mine = api.get_extractor_namespaces(namespace, "my_extractor_1_0_0")
    builtins = mixpeek.FeatureExtractorsApi(generated).list_feature_extractors()

    assert (everything.builtin_count, everything.custom_count) == (4, 1)
    assert mine.plugin_id == "my_extractor_1_0_0"
    assert "passthrough_extractor" in [b.feature_extractor_name for b in builtins]


def test_life_of_a_collection(generated: Any, namespace: str) -> None:  # noqa: F811
    publish(generated, namespace)
    _, made = collect(generated, namespace)
    api, known = mixpeek.CollectionsApi(generated), {"x_namespace": namespace}

    assert made.feature_extractor.feature_extractor_id == "my_extractor_1_0_0"
    assert api.get_collection("paragraphs", **known).collection_id == made.collection_id
    assert api.list_collections(include_total=True, **known).total_count == 1
    assert api.describe_collection_features("paragraphs", **known).features[0].feature_address == URI
    assert api.update_collection("paragraphs", {"description": "d"}, **known).description == "d"
    assert api.trigger_collection("paragraphs", **known).object_count == 1
    assert api.delete_collection("paragraphs", **known)["success"] is True


def test_life_of_a_batch(generated: Any, namespace: str) -> None:  # noqa: F811
    publish(generated, namespace)
    bucket_id, _ = collect(generated, namespace)
    api, known = mixpeek.BucketBatchesApi(generated), {"x_namespace": namespace}
    (found,) = mixpeek.BucketObjectsApi(generated).list_objects_buckets(bucket_id, **known).results
    ids = {"object_ids": [found.object_id]}

    batch = api.create_batch_buckets_batches(bucket_id, mixpeek.CreateBatchRequest.from_dict(ids), **known)
    place = (bucket_id, batch.batch_id)
    added = api.add_objects_to_batch_buckets_batches(*place, mixpeek.AddObjectsToBatchRequest.from_dict(ids), **known)
    patch = mixpeek.PatchBatchRequest.from_dict({"metadata": {"run": 1}})
    patched = api.patch_batch_buckets_batches(*place, patch, **known)
    task = api.submit_batch_buckets_batches(*place, **known)

    assert (batch.status, added.object_ids) == ("DRAFT", ids["object_ids"])
    assert (patched.metadata, task.status) == ({"run": 1}, "PENDING")
    assert api.get_batch_buckets_batches(*place, **known).status == "PENDING"
    assert api.list_batches_buckets(bucket_id, **known).total_count == 1
    assert api.get_failed_documents_buckets_batches_batch(*place, **known)["total"] == 0
    assert api.get_batch_logs_buckets_batches(*place, **known)["tiers"] == []
    assert api.cancel_batch_buckets_batches(*place, **known).status == "CANCELED"
    assert api.delete_batch_buckets_batches(*place, **known).success is True


def test_life_of_a_retriever(generated: Any, namespace: str) -> None:  # noqa: F811
    publish(generated, namespace)
    collect(generated, namespace)
    api, known = mixpeek.RetrieversApi(generated), {"x_namespace": namespace}
    search = {"searches": [{"feature_uri": URI, "query": "{{INPUT.query}}"}]}
    request = {
        "retriever_name": "find",
        "collection_identifiers": ["paragraphs"],
        "stages": [{"stage_name": "search", "config": {"stage_id": "feature_search", "parameters": search}}],
        "input_schema": {"query": {"type": "text", "required": True}},
        "budget_limits": {"max_time_ms": 1000},
    }

    made = api.create_retriever(mixpeek.CreateRetrieverRequest.from_dict(request), **known).retriever

    assert made.stages[0].config["parameters"] == search
    assert api.get_retriever(made.retriever_id, **known).retriever_name == "find"
    assert api.list_retrievers(**known).total == 1
    patch = mixpeek.PatchRetrieverRequest.from_dict({"tags": ["a"]})
    assert api.patch_retriever(made.retriever_id, patch, **known).retriever.tags == ["a"]
    assert api.delete_retriever(made.retriever_id, **known)["success"] is True


def test_high_level_client(generated: Any, namespace: str, base_url: str, secret: str) -> None:  # noqa: F811
    publish(generated, namespace)
    bucket_id, _ = collect(generated, namespace)
    client = mixpeek.Mixpeek(secret, base_url=f"{base_url}/v1", namespace="demo")

    made = client.collections.create(
        name="sentences",
        source={"type": "bucket", "bucket_ids": [bucket_id]},
        feature_extractor={"feature_extractor_name": "my_extractor", "version": "1.0.0"},
    )
    stage = {"type": "feature_search", "feature_extractor": {"type": "text"}, "query": "x", "limit": 3}
    retriever = client.retrievers.create(name="find", stages=[stage], collection_ids=["sentences"])

    assert client.collections.get("sentences") == made
    assert client.collections.trigger("sentences")["object_count"] == 1
    assert client.collections.list()["total_count"] == 2  # type: ignore[call-overload]
    assert client.retrievers.get(retriever["retriever_id"])["retriever_name"] == "find"
    assert client.retrievers.delete("find")["success"] is True
    assert client.collections.delete("sentences")["success"] is True
