"""The platform of `benchmarks.gpu`: an emulator, a batch service on a cluster, and the rows as objects of one bucket."""

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
from distributed import Client

from core.buckets import create_bucket
from core.ids import new_id
from core.objects import Blob, Object
from core.settings import Settings
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.stores.records import Entry
from infra.emulator import Emulator, provision
from plugin_sdk.host import Zygote
from tests.integration.batches import COMPLETED, Tenant, serving

TYPES = {"texts": "text", "images": "image"}


class Bench:
    """Rows that are stored once, and a batch of all of them at each run."""

    def __init__(self, folder: Path, plugin: Path, kind: str, rows: pa.Table) -> None:
        self._folder, self._plugin, self._type, self._rows = folder, plugin, TYPES[kind], rows
        self._open = ExitStack()

    def __enter__(self) -> "Bench":
        emulator = self._open.enter_context(Emulator(self._folder / "emulator"))
        self.settings = Settings(aws_endpoint_url=emulator.endpoint_url, data_uri=str(self._folder / "data"), workers=2)
        provision(self.settings)
        self._stores = Stores.open(self.settings)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._open.close()

    def serving(self, client: Client) -> AbstractContextManager[Any]:
        """The batch service; the plugin is published and the rows are stored."""
        tenant = self._tenant = Tenant(self._stores)
        schema = {"properties": {"data": {"type": self._type}}}
        tenant.bucket = create_bucket(self._stores, tenant.scope, "rows", bucket_schema=schema)
        with Zygote() as zygote, zygote.start(self._plugin, name="gpu_bench") as host:
            tenant.publish(self._plugin, host.inspect())
        self._objects = [self._stored(data) for data in self._rows["data"].to_pylist()]
        pk = tenant.scope.key("object", tenant.bucket.bucket_id)
        self._stores.records.put_many([Entry(pk, o.object_id, o.body()) for o in self._objects])
        return serving(self._stores, client)

    def run(self, parameters: dict[str, Any]) -> None:
        """One batch over all rows into a new collection, to its end."""
        tenant = self._tenant
        collection = tenant.collect("gpu_bench", **parameters)
        batch = tenant.ended(tenant.submit([o.object_id for o in self._objects], [collection]), timeout_s=3600)
        if batch.status is not COMPLETED:
            raise SystemExit(f"The batch ended as {batch.status}: {batch.error}")

    def _stored(self, data: Any) -> Object:
        blob: dict[str, Any] = {"data": data}
        if isinstance(data, bytes):
            bucket = self._tenant.bucket.bucket_id
            place = BlobRef(self.settings.object_bucket, f"{self._tenant.scope.prefix}/{bucket}/{new_id('img')}.jpg")
            self._stores.blobs.put(place, data)
            blob = {"url": place.url}
        return Object(
            object_id=new_id("obj"),
            bucket_id=self._tenant.bucket.bucket_id,
            blobs=[Blob(blob_id=new_id("blob"), property="data", type=self._type, **blob)],
        )
