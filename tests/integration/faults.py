"""What the fault tests share: ways to do harm for real, and the comparison with a run that nobody disturbed."""

import contextlib
import io
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from distributed import Client

from batch import worker as batch_worker
from batch.bulk.local import LocalBulk
from core.batches import Batch, failed_documents
from core.collections import Collection
from core.ids import document_id
from core.imports import ask_import
from core.stores.blobs import BlobRef
from core.triggers import trigger_bucket
from tests.integration.batches import Tenant

DIFFERENT = {"document_id", "collection_id", "batch_id", "created_at", "updated_at", "_made_by"}
"""Columns in which two runs, or two collections, may differ."""


def put_objects(tenant: Tenant, texts: list[str]) -> None:
    """An object a text."""
    tenant.put(*texts)


def put_import(tenant: Tenant, texts: list[str]) -> None:
    """One import of all texts."""
    out = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), out, row_group_size=max(len(texts) // 3, 1))
    ref = BlobRef(tenant.stores.settings.object_bucket, f"{tenant.scope.prefix}/texts.parquet")
    tenant.stores.blobs.put(ref, out.getvalue())
    ask_import(tenant.stores, tenant.scope, tenant.bucket, {"url": ref.url}, LocalBulk())


def trigger(tenant: Tenant, collection: Collection, full: bool = False) -> Batch:
    """A batch of all that the bucket has."""
    return trigger_bucket(
        tenant.stores, tenant.scope, tenant.bucket, collection_ids=[collection.collection_id], full=full
    )[0]


def undisturbed(tenant: Tenant, **params: Any) -> tuple[Collection, Batch]:
    """Another collection of the same bucket and plugin, made while nothing goes wrong."""
    collection = tenant.collect(**params)
    return collection, tenant.ended(trigger(tenant, collection))


def documents(tenant: Tenant, collection: Collection) -> dict[tuple[str, str, str], dict[str, Any]]:
    """All columns of all documents but for what may differ; each once, by blob and ordinal."""
    table = tenant.table(collection)
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    ids: set[str] = set()
    for part in table.scan(table.schema.names):
        for row in part.to_pylist():
            _, name, *ordinals = row["document_id"].split("_")
            key = (row["object_id"], row["blob_id"], "_".join(ordinals))
            if row["object_id"].count("_") == 1:  # no row of an import
                own = document_id(row["collection_id"], row["object_id"], row["blob_id"])
                assert own == f"doc_{name}"
            assert row["document_id"] not in ids, f"{row['document_id']} is there twice"
            ids.add(row["document_id"])
            found[key] = {name: value for name, value in row.items() if name not in DIFFERENT}
    assert len(found) == len(ids)
    return found


def failures(tenant: Tenant, batch: Batch) -> list[tuple[str, str, str]]:
    """The rows that failed: object, step, kind."""
    rows = failed_documents(tenant.stores, tenant.scope, batch.batch_id)
    return sorted((row["object_id"], str(row["step"]), row["error_type"]) for row in rows)


def assert_as_undisturbed(
    tenant: Tenant, collection: Collection, batch: Batch, ignored: Sequence[str] = (), **params: Any
) -> None:
    """The collection, but for `ignored` columns, and the batch's failures are those of a run that nothing happened to."""
    other, run = undisturbed(tenant, **params)
    assert batch.status is run.status, batch.error
    one, two = (
        {key: {n: v for n, v in row.items() if n not in ignored} for key, row in documents(tenant, c).items()}
        for c in (collection, other)
    )
    assert one == two
    assert failures(tenant, batch) == failures(tenant, run)


def kill_worker(client: Client, place: int = 0) -> None:
    """SIGKILL to one worker process."""
    pids = sorted(client.run(os.getpid, on_error="ignore").values())
    if pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pids[place % len(pids)], signal.SIGKILL)


def kill_hosts(client: Client) -> int:
    """SIGKILL to every plugin host that works now; how many there were."""
    return sum(client.run(_kill_hosts, on_error="ignore").values())


def _kill_hosts() -> int:
    killed = 0
    for worker in list(batch_worker._workers.values()):
        for host in list(worker._running):
            with contextlib.suppress(ProcessLookupError):
                os.kill(host.pid, signal.SIGKILL)
                killed += 1
    return killed


def hosts_in_use(client: Client) -> int:
    """Plugin hosts that work, open or start now."""
    return sum(client.run(_hosts_in_use, on_error="ignore").values())


def _hosts_in_use() -> int:
    return sum(worker.hosts._lent for worker in list(batch_worker._workers.values()))


def kill_zygotes(client: Client) -> None:
    """SIGKILL to what the hosts are forked from, which takes them along."""
    client.run(_kill_zygotes, on_error="ignore")


def _kill_zygotes() -> None:
    for worker in list(batch_worker._workers.values()):
        for zygote in list(worker.hosts._zygotes.values()):
            process = zygote._process
            if process is not None:
                process.kill()


def scratch_folders() -> list[str]:
    """Where this worker's hosts get their folders."""
    workers = batch_worker._workers.values()
    return [zygote._scratch for worker in workers for zygote in worker.hosts._zygotes.values() if zygote._scratch]


class Link:
    """A TCP connection to the emulator that can be cut: what is open breaks, what is new is refused."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 0)
        self._listener: socket.socket | None = None
        self._port = 0
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        """Its own address."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> "Link":
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def mend(self) -> None:
        """Accept connections, at the same port as before."""
        listener = socket.create_server(("127.0.0.1", self._port), backlog=128)
        self._port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """Break what is open, refuse what is new."""
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        self._open.add(source)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        source.close()
        self._open.discard(source)


@contextlib.contextmanager
def calling(harm: Callable[[], object], undo: Callable[[], object]) -> Iterator[None]:
    """`undo` follows whatever happens."""
    harm()
    try:
        yield
    finally:
        undo()
