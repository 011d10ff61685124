"""What the serving tests share: a tenant, published plugins, collections with documents, and a running serving app."""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa

from batch.serving.app import create_app
from core.buckets import create_bucket
from core.collections import Collection, create_collection
from core.document_schema import document_schema
from core.ids import new_id, now
from core.namespaces import create_namespace
from core.organizations import create_organization, key_by_hash
from core.plugins import Plugin
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.stores.records import Entry
from core.stores.vectors import Vectors
from core.tenancy import Principal, Scope
from plugin_sdk.archives import pack
from plugin_sdk.loading import load_plugin
from tests.served import served

PLUGINS = Path(__file__).parents[1] / "plugins"
BUCKET_SCHEMA = {"properties": {"content": {"type": "text"}, "year": {"type": "integer"}}}
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Tenant:
    """An organization with one namespace and an admin key."""

    principal: Principal
    scope: Scope
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "X-Namespace": self.scope.namespace_id}


def tenant(stores: Stores, name: str = "acme") -> Tenant:
    organization, secret = create_organization(stores, name, f"{name}@example.org")
    key = key_by_hash(stores, hashlib.sha256(secret.encode()).hexdigest())
    assert key is not None
    principal = Principal(organization.org_id, key.user_id, key.key_id, frozenset(key.permissions))
    namespace = create_namespace(stores, principal, "main")
    return Tenant(principal, principal.scope(namespace.namespace_id), secret)


def publish(stores: Stores, scope: Scope, folder: Path, changes: Mapping[str, tuple[str, str]] | None = None) -> Plugin:
    """The folder's plugin as if confirmed; `changes` replaces a text in each file it names."""
    with tempfile.TemporaryDirectory() as work:
        copy = Path(shutil.copytree(folder, Path(work) / folder.name))
        for name, (old, new) in (changes or {}).items():
            text = (copy / name).read_text()
            assert old in text
            (copy / name).write_text(text.replace(old, new))
        packed = pack(copy)
        with load_plugin(copy) as loaded:
            manifest = loaded.manifest()
    key = f"{scope.prefix}/plugin_custom/{manifest.name}/{manifest.version}/{packed.sha256}.zip"
    stores.blobs.put(BlobRef(stores.settings.plugin_bucket, key), packed.data)
    plugin = Plugin(
        plugin_id=manifest.plugin_id,
        upload_id=new_id("plu"),
        name=manifest.name,
        version=manifest.version,
        archive_key=key,
        sha256=packed.sha256,
        size_bytes=len(packed.data),
        manifest=manifest,
    )
    stores.records.put_many([Entry(scope.key("plugin"), plugin.plugin_id, plugin.body())])
    return plugin


def collection_of(stores: Stores, scope: Scope, plugin: Plugin, name: str, params: Any = None) -> Collection:
    bucket = create_bucket(
        stores,
        scope,
        f"{name}_files",
        bucket_schema=BUCKET_SCHEMA,
    )
    extractor = {
        "feature_extractor_name": plugin.name,
        "version": plugin.version,
        "params": params or {},
        "input_mappings": {"text": "content"},
    }
    source = {"type": "bucket", "bucket_ids": [bucket.bucket_id]}
    return create_collection(stores, scope, name, source, extractor).collection


def write_documents(
    vectors: Vectors, scope: Scope, collection: Collection, plugin: Plugin, rows: list[dict[str, Any]]
) -> list[str]:
    """Documents as a batch writes them; each row gives its vector and its fields."""
    schema = document_schema(plugin.manifest, BUCKET_SCHEMA)
    table = vectors.create(scope, collection.collection_id, schema)
    full = [
        {
            "document_id": f"doc_{i:05d}",
            "collection_id": collection.collection_id,
            "object_id": f"obj_{i // 2}",
            "bucket_id": collection.bucket_ids[0],
            "blob_id": f"blob_{i}",
            "blob_property": "content",
            "blob_type": "text",
            "mime_type": "text/plain",
            "created_at": AT,
            "updated_at": now(),
        }
        | row
        for i, row in enumerate(rows)
    ]
    data = pa.table([pa.array([r.get(f.name) for r in full], f.type) for f in schema], schema=schema)
    table.commit(table.write_fragments(data))
    return [r["document_id"] for r in full]


@contextmanager
def running(stores: Stores) -> Iterator[httpx.Client]:
    """The serving app on a free port, and a client of it."""
    app = create_app(stores, Vectors.at(stores.settings), stores.settings)
    with served(app, lifespan=True) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def wait_for(condition: Any, timeout_s: float = 100.0) -> Any:
    """Wait until the condition holds, and give back what it gave."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout_s} s")
