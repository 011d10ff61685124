"""What the batch tests share: a tenant with a bucket, a published plugin and collections, and a running service."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distributed import Client

from batch.service import Service
from core.batches import Batch, create_batch, get_batch, submit_batch
from core.buckets import Bucket, create_bucket
from core.collections import Collection, create_collection
from core.errors import NotFound
from core.ids import new_id
from core.objects import Blob, Object
from core.plugins import Plugin
from core.status import TaskStatus
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.stores.records import Entry
from core.stores.vectors import DocumentTable, Vectors
from core.tenancy import Scope
from plugin_sdk.archives import pack
from plugin_sdk.manifest import Feature, Manifest

WORDS = Path(__file__).parents[1] / "plugins" / "batch_words"
WORDS_MANIFEST = Manifest(
    name="batch_words",
    version="1.0.0",
    input_schema={"properties": {"text": {"type": "string"}}},
    output_schema={
        "properties": {
            "embedding": {"type": "array", "items": {"type": "number"}},
            "length": {"type": "integer"},
        }
    },
    parameter_schema={
        "properties": {
            "broken": {"type": "boolean", "default": False},
            "opens_s": {"type": "number", "default": 0.0},
            "batch_size": {"type": "integer", "default": 64},
            "sleep_s": {"type": "number", "default": 0.0},
            "drop_all": {"type": "boolean", "default": False},
            "gpu": {"type": "boolean", "default": False},
            "model": {"type": "string", "default": ""},
        }
    },
    supported_input_types=["text"],
    features=[Feature(feature_name="batch_words_embedding", embedding_dim=4)],
)


class Tenant:
    """One namespace with a bucket of texts."""

    def __init__(self, stores: Stores) -> None:
        self.stores, self.scope = stores, Scope(new_id("org"), new_id("ns"))
        self.vectors = Vectors.at(stores.settings)
        self.bucket: Bucket = create_bucket(
            stores, self.scope, "texts", bucket_schema={"properties": {"text": {"type": "text"}}}
        )

    def change(self, object_id: str, text: str) -> None:
        """Give the object another text."""

        def changed(body: dict[str, Any]) -> dict[str, Any]:
            return body | {"blobs": [blob | {"data": text} for blob in body["blobs"]]}

        assert self.stores.records.update(self.scope.key("object", self.bucket.bucket_id), object_id, changed)

    def publish(self, folder: Path = WORDS, manifest: Manifest = WORDS_MANIFEST) -> Plugin:
        """The plugin in `folder`, as if scanned and confirmed."""
        packed = pack(folder)
        key = f"{self.scope.prefix}/plugin_custom/{manifest.name}/{manifest.version}/{packed.sha256}.zip"
        self.stores.blobs.put(BlobRef(self.stores.settings.plugin_bucket, key), packed.data)
        plugin = Plugin(
            plugin_id=manifest.plugin_id,
            name=manifest.name,
            version=manifest.version,
            archive_key=key,
            sha256=packed.sha256,
            size_bytes=len(packed.data),
            manifest=manifest,
        )
        self.stores.records.create(Entry(self.scope.key("plugin"), plugin.plugin_id, plugin.body()))
        return plugin

    def collect(self, extractor: str = "batch_words", version: str = "1.0.0", **params: Any) -> Collection:
        """A collection of the bucket's objects."""
        config = {"feature_extractor_name": extractor, "version": version, "params": params}
        source = {"type": "bucket", "bucket_ids": [self.bucket.bucket_id]}
        return create_collection(self.stores, self.scope, new_id("words"), source, config).collection

    def put(self, *texts: str) -> list[str]:
        """An object a text; their ids."""
        objects = [
            Object(
                object_id=new_id("obj"),
                bucket_id=self.bucket.bucket_id,
                blobs=[Blob(blob_id=new_id("blob"), property="text", type="text", data=text)],
            )
            for text in texts
        ]
        pk = self.scope.key("object", self.bucket.bucket_id)
        self.stores.records.put_many([Entry(pk, o.object_id, o.body()) for o in objects])
        return [o.object_id for o in objects]

    def submit(self, object_ids: Sequence[str], collections: Sequence[Collection] | None = None) -> Batch:
        """A batch of these objects, queued."""
        wanted = [c.collection_id for c in collections] if collections else None
        batch = create_batch(self.stores, self.scope, self.bucket, object_ids, collection_ids=wanted, checked=True)
        return submit_batch(self.stores, self.scope, self.bucket.bucket_id, batch.batch_id)[0]

    def resubmit(self, batch: Batch) -> Batch:
        """The same batch, queued again."""
        return submit_batch(self.stores, self.scope, batch.bucket_id, batch.batch_id)[0]

    def current(self, batch: Batch) -> Batch:
        """The batch as it is now."""
        return get_batch(self.stores, self.scope, batch.bucket_id, batch.batch_id)

    def ended(self, batch: Batch, timeout_s: float = 150.0) -> Batch:
        """The batch once nothing more happens to it, nor to its task, which is written after it."""
        return self.until(batch, lambda b: b.status.ended and TaskStatus(self.progress(b)["status"]).ended, timeout_s)

    def until(self, batch: Batch, reached: Any, timeout_s: float = 150.0) -> Batch:
        """The batch once `reached` says so."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            current = self.current(batch)
            if reached(current):
                return current
            time.sleep(0.05)
        raise TimeoutError(f"still {self.current(batch).status} after {timeout_s} s")

    def progress(self, batch: Batch) -> dict[str, Any]:
        """The batch's task."""
        record = self.stores.records.get(f"{self.scope.org_id}#task", self.current(batch).task_id or "")
        assert record is not None
        return record.body

    def table(self, collection: Collection) -> DocumentTable:
        """The collection's documents."""
        return self.vectors.open(self.scope, collection.collection_id)

    def count(self, collection: Collection) -> int:
        """How many documents it has, none before its first batch."""
        try:
            return self.table(collection).count()
        except NotFound:
            return 0

    def texts(self, collection: Collection) -> list[str]:
        """The source texts of all its documents, sorted."""
        return sorted(d["text"] for d in self.table(collection).list(limit=100_000).documents)


@contextmanager
def serving(stores: Stores, client: Client) -> Iterator[Service]:
    """A batch service in a thread of its own."""
    service = Service(stores, Vectors.at(stores.settings), client)
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        yield service
    finally:
        service.stop()
        thread.join()


COMPLETED, FAILED = TaskStatus.COMPLETED, TaskStatus.FAILED
WITH_ERRORS = TaskStatus.COMPLETED_WITH_ERRORS
