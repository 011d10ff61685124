"""Two organizations whose things have equal names and, where a name makes an id, equal ids; and what each of them sees."""

import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from fastapi import FastAPI
from safetensors.numpy import save

from core.stores.blobs import BlobRef, Blobs
from tests.unit.api.conftest import Api
from tests.unit.core.samples import FILES, zipped

SCHEMA = {"properties": {"text": {"type": "text"}, "title": {"type": "string"}}}
OBJECT: dict[str, Any] = {"blobs": [{"property": "text", "type": "text", "data": "x"}], "title": "T"}
WEIGHTS = save({"w": np.ones(2, np.float32)})
PASSTHROUGH = {"feature_extractor_name": "passthrough_extractor", "version": "v1"}
KEYS = "/v1/organizations/users/admin@localhost/api-keys"
USER = "admin@localhost"


class CountedCalls:
    """A client of AWS that counts its calls by name."""

    def __init__(self, client: Any, counted: Counter[str]) -> None:
        self._client, self._counted = client, counted

    def __getattr__(self, name: str) -> Any:
        self._counted[name] += 1
        return getattr(self._client, name)


def settle(tenant: Api) -> None:
    """A namespace, `demo`, of this tenant's; the caller is in it from now on."""
    tenant.namespace = tenant.ok("POST", "/v1/namespaces", {"name": "demo"})["namespace_id"]


def fill(tenant: Api, blobs: Blobs, bucket: str) -> dict[str, str]:
    """One thing of every kind in the tenant's namespace; their ids by the names that paths have for them."""
    root = f"/v1/namespaces/{tenant.namespace}"
    made = {"namespace_id": str(tenant.namespace), "namespace_identifier": str(tenant.namespace)}
    made["bucket_identifier"] = tenant.ok("POST", "/v1/buckets", {"name": "docs", "bucket_schema": SCHEMA})["bucket_id"]
    made["object_identifier"] = tenant.ok("POST", "/v1/buckets/docs/objects", OBJECT)["object_id"]
    upload = {"filename": "a.txt", "content_type": "text/plain"}
    made["bucket_upload"] = tenant.ok("POST", "/v1/buckets/docs/uploads", upload)["upload_id"]
    made["import_id"] = import_rows(tenant, blobs)
    source = {"type": "bucket", "bucket_ids": ["docs"]}
    collection = {"collection_name": "words", "source": source, "feature_extractor": PASSTHROUGH}
    made["collection_identifier"] = tenant.ok("POST", "/v1/collections", collection)["collection_id"]
    batch = tenant.ok("POST", "/v1/buckets/docs/batches", {"object_ids": [made["object_identifier"]]})
    made["batch_id"] = batch["batch_id"]
    submitted = tenant.ok("POST", f"/v1/buckets/docs/batches/{batch['batch_id']}/submit")
    made["task_id"] = submitted["task_id"]
    stages = [{"stage_name": "s", "config": {"stage_id": "attribute_filter", "parameters": {}}}]
    retriever = {"retriever_name": "find", "collection_identifiers": ["words"], "stages": stages}
    made["retriever_id"] = tenant.ok("POST", "/v1/retrievers", retriever)["retriever_id"]
    made["plugin_upload"], made["plugin_id"] = publish(tenant, blobs, bucket, f"{root}/plugins")
    made["organization_upload"], _ = publish(tenant, blobs, bucket, "/v1/plugins")
    asked = {"name": "weights", "version": "1.0.0", "model_format": "safetensors"}
    files = {"file": ("w", io.BytesIO(WEIGHTS))}
    made["model_id"] = tenant.ok("POST", f"{root}/models", files=files, data=asked)["model_id"]
    model = tenant.ok("POST", "/v1/models/uploads", asked)
    blobs.put(BlobRef(bucket, model["s3_key"]), WEIGHTS)
    tenant.ok("POST", f"/v1/models/uploads/{model['upload_id']}/confirm")
    made["model_upload"] = model["upload_id"]
    tenant.ok("POST", KEYS, {"name": "ci"})
    tenant.ok("POST", "/v1/organizations/secrets", {"secret_name": "token", "secret_value": "hidden"})
    return made | {"key_name": "ci", "secret_name": "token", "document_id": f"doc_{'ab' * 12}"}


def import_rows(tenant: Api, blobs: Blobs) -> str:
    """A file of rows on its way into the bucket `docs`; the import's id."""
    upload = tenant.ok("POST", "/v1/buckets/docs/uploads", {"filename": "rows.csv", "content_type": "text/csv"})
    bucket, _, key = urlsplit(upload["presigned_url"]).path.removeprefix("/").partition("/")
    blobs.put(BlobRef(bucket, key), b"text\none\n")
    headers = {"Authorization": f"Bearer {tenant.secret}", "X-Namespace": str(tenant.namespace)}
    asked = {"upload_id": upload["upload_id"], "format": "csv"}
    made = tenant.client.post("/v1/buckets/docs/objects/import", headers=headers, json=asked)
    assert made.status_code == 202, made.text
    return str(made.json()["import_id"])


def publish(tenant: Api, blobs: Blobs, bucket: str, root: str) -> tuple[str, str]:
    """A plugin under `root`; the ids of its upload and of itself."""
    made = tenant.ok("POST", f"{root}/uploads", {"name": "my_extractor", "version": "1.0.0"})
    blobs.put(BlobRef(bucket, made["s3_key"]), zipped(FILES))
    return made["upload_id"], tenant.ok("POST", f"{root}/uploads/{made['upload_id']}/confirm")["plugin_id"]


def never(id_: str) -> str:
    """An id of the same form that nobody has."""
    if re.fullmatch(r"[a-z]+_[0-9a-f]{12,}", id_):
        prefix, _, digits = id_.partition("_")
        return f"{prefix}_{'0' * len(digits)}"
    return {USER: "no1@localhost"}.get(id_, "zz" + id_[2:])


def operations(app: FastAPI) -> Iterator[tuple[str, str, bool]]:
    """Method and path of every route that the app describes, and whether it takes a body."""
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, "requestBody" in operation


def everything(tenant: Api) -> list[Any]:
    """All that the tenant sees, in an order of its own."""
    root = f"/v1/namespaces/{tenant.namespace}"
    found = [tenant.call("POST", "/v1/namespaces/list?limit=100"), tenant.call("POST", "/v1/tasks/list?limit=100")]
    lists = ["/v1/buckets/list", "/v1/collections/list", "/v1/retrievers/list"]
    lists += [f"/v1/buckets/docs/{kind}/list" for kind in ("objects", "uploads", "batches")]
    found += [tenant.call("POST", path) for path in lists]
    shown = [f"{root}/{kind}" for kind in ("plugins", "plugins/available", "models", "models/available", "extractors")]
    shown += ["/v1/plugins", "/v1/models", "/v1/organizations/secrets", f"{KEYS}?include_revoked=true"]
    return [(a.status_code, _still(a.json())) for a in found + [tenant.call("GET", path) for path in shown]]


def _still(body: Any) -> Any:
    """The body without what changes by being looked at."""
    if isinstance(body, dict):
        return {k: _still(v) for k, v in body.items() if k not in ("last_used_at", "usage", "presigned_url")}
    return [_still(v) for v in body] if isinstance(body, list) else body
