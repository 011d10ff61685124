"""The whole platform's HTTP surface in this process, control routes and data routes, with one thing of each kind in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from batch.serving.app import create_app as data_app
from core.organizations import create_organization
from core.stores import Stores
from core.stores.vectors import Vectors
from core.tenancy import Scope
from functions.api.app import create_app
from infra.local.gateway import Gateway
from tests.unit.api.conftest import Api
from tests.unit.core.samples import HereInspector, published

SCHEMA = {"properties": {"text": {"type": "text"}, "title": {"type": "string"}}}
EMAIL = "admin@localhost"
FEATURE = {"stage_id": "feature_search", "parameters": {"searches": [{"query": "{{INPUT.query}}"}]}}


@dataclass(frozen=True)
class Place:
    """A tenant's namespace, and the names and ids of what is in it."""

    api: Api
    namespace: str
    ids: dict[str, str]

    def id_of(self, parameter: str, path: str) -> str | None:
        """What a parameter of this path can stand for; None where nothing of the kind is here."""
        if parameter == "upload_id" and "/plugins/" in path:
            return self.ids["plugin_upload_id"]
        if parameter == "namespace_identifier":
            return self.namespace
        return self.ids.get(parameter)

    def filled(self, path: str) -> str:
        """The path with things that exist, and `none` where nothing of the kind does."""
        for parameter in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
            path = path.replace(f"{{{parameter}}}", self.id_of(parameter, path) or "none")
        return path


def whole_app(stores: Stores, folder: Path) -> Gateway:
    """The gateway over these stores; no replica is started, for its lifespan does not begin."""
    settings = stores.settings.model_copy(update={"data_uri": str(folder)})
    return Gateway(create_app(stores, HereInspector()), data_app(stores, Vectors.at(settings), settings))


def new_tenant(stores: Stores, client: TestClient) -> Api:
    """The admin of a new organization."""
    return Api(client, create_organization(stores, "acme", EMAIL)[1])


def new_place(stores: Stores, tenant: Api, name: str) -> Place:
    """A new namespace of the tenant, with one thing of each kind."""
    namespace = tenant.ok("POST", "/v1/namespaces", {"namespace_name": name})["namespace_id"]
    api = tenant.within(namespace)
    plugins = f"/v1/namespaces/{namespace}/plugins"
    upload = api.ok("POST", f"{plugins}/uploads", {"name": "other", "version": "1.0.0"})
    plugin = published(stores, Scope(upload["s3_key"].split("/")[1], namespace))
    bucket = api.ok("POST", "/v1/buckets", {"bucket_name": "docs", "bucket_schema": SCHEMA})["bucket_id"]
    base = f"/v1/buckets/{bucket}"
    blob = {"property": "text", "type": "text", "data": "hello"}
    made = api.ok("POST", f"{base}/objects", {"blobs": [blob], "title": "one"})["object_id"]
    collection = collect(api, "texts", bucket)
    document = api.ok("POST", f"/v1/collections/{collection}/documents", {"collection_id": collection, "text": "hi"})
    batch = api.ok("POST", f"{base}/batches", {"object_ids": [made]})["batch_id"]
    task = api.ok("POST", f"{base}/batches/{batch}/submit", {})["task_id"]
    stage = {
        "stage_name": "find",
        "config": {"stage_id": "attribute_filter", "parameters": {"field": "text", "operator": "eq", "value": "hi"}},
    }
    retriever = {"retriever_name": "find", "collection_identifiers": [collection], "stages": [stage]}
    key = f"/v1/organizations/users/{EMAIL}/api-keys"
    tenant.ok("POST", key, {"name": f"key-{name}", "permissions": ["read"]})
    return Place(
        api,
        namespace,
        {
            "namespace_id": namespace,
            "plugin_id": plugin.plugin_id,
            "plugin_upload_id": upload["upload_id"],
            "extractor_id": "text_extractor_v1",
            "feature_extractor_id": "text_extractor_v1",
            "bucket_identifier": bucket,
            "object_identifier": made,
            "upload_id": api.ok("POST", f"{base}/uploads", {"filename": "a.txt", "content_type": "text/plain"})[
                "upload_id"
            ],
            "collection_identifier": collection,
            "document_id": document["document_id"],
            "batch_id": batch,
            "task_id": task,
            "retriever_id": api.ok("POST", "/v1/retrievers", retriever)["retriever_id"],
            "deployment_name": f"custom_plugin_{namespace}_{plugin.plugin_id}",
            "user_email": EMAIL,
            "key_name": f"key-{name}",
        },
    )


def collect(api: Api, name: str, bucket: str) -> str:
    """A collection of the bucket's objects as they are."""
    extractor: dict[str, Any] = {"feature_extractor_name": "passthrough_extractor", "version": "v1"}
    source = {"type": "bucket", "bucket_ids": [bucket]}
    body = {"collection_name": name, "source": source, "feature_extractor": extractor}
    made: str = api.ok("POST", "/v1/collections", body)["collection_id"]
    return made
