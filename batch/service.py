"""Batch service: takes jobs from the queue, one after the other, and does not die of a store that is away for a while.

A job that is not finished, because the service was stopped or killed or a store was away, comes back to the queue and
is done again; what it committed before is replaced, never doubled.
"""

import logging
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import FrameType

from distributed import Client

from batch.bulk.importing import finish_import
from batch.cluster import cluster, scrub_environment, slots
from batch.hosts import host_settings
from batch.packages import tell_packages
from batch.partitions import Extraction, PluginRef
from batch.patience import patient
from batch.plan import plan
from batch.report import Report
from batch.runner import EngineLost, Interrupted, Runner
from batch.sink import Sink
from batch.sizing import Sizing
from batch.worker import Canceled, WorkerSetup
from core import log as logs
from core.batches import Batch, get_batch, object_ids, set_status
from core.buckets import find_bucket
from core.collections import Collection, collections_of_bucket
from core.document_schema import document_schema
from core.errors import IllegalTransition, NotFound, StoreUnavailable
from core.heartbeats import EVERY_S, beat
from core.metrics import measured
from core.models import finish_upload
from core.plugins import archive_ref, get_plugin
from core.removal import finish_removal
from core.retries import Earlier, earlier, retried_ids
from core.settings import Settings
from core.status import TaskStatus
from core.stores import Stores
from core.stores.queues import Message
from core.stores.vectors import Vectors
from core.tasks import update_task
from core.tenancy import Scope
from plugin_sdk.errors import HostFailed, PlatformError, PluginRaised

log = logging.getLogger(__name__)

WAIT_S = 2
VISIBLE_AFTER_S = 30
HEARTBEAT_S = 10.0
SERVICE = "batch"
STATUS_EVERY_S = 1.0
MAX_BACKOFF_S = 10.0


@dataclass(frozen=True, slots=True)
class Engine:
    """What the service works with."""

    stores: Stores
    vectors: Vectors
    client: Client


class Service:
    """The loop. `stop` may be called from a signal handler or another thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._stores = engine, engine.stores
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Give the current job back and leave the loop."""
        self._stopping.set()

    def run(self) -> None:
        """Take jobs until stopped, or until the cluster is lost.

        Raises:
            EngineLost: the scheduler is gone; a new service with a new cluster goes on where this one was.
        """
        self._engine.client.register_plugin(WorkerSetup(self._stores.settings))
        threading.Thread(target=self._beat, name="alive", daemon=True).start()
        backoff_s = 0.5
        while not self._stopping.is_set():
            try:
                messages = self._stores.queues.receive(
                    self._stores.settings.jobs_queue, wait_s=WAIT_S, visible_after_s=VISIBLE_AFTER_S
                )
                for message in messages:
                    self._take(message)
                backoff_s = 0.5
            except EngineLost:
                raise
            except Exception:  # the loop outlives whatever a job or a store does to it
                log.warning("no job could be taken", exc_info=True)
                self._stopping.wait(backoff_s)
                backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)

    def _beat(self) -> None:
        told = False
        while not self._stopping.is_set():
            try:
                beat(self._stores, SERVICE)
                told = told or tell_packages(self._stores, self._engine.client)
            except Exception:  # told again at the next beat
                log.warning("heartbeat failed", exc_info=True)
            self._stopping.wait(EVERY_S)

    def _take(self, message: Message) -> None:
        with logs.context(request_id=secrets.token_hex(8), **message.body):
            self._do(message)

    def _do(self, message: Message) -> None:
        started = time.monotonic()
        try:
            with self._kept_hidden(message):
                self._handle(message)
        except (Interrupted, EngineLost, StoreUnavailable) as error:
            log.warning("job given back", extra={"job": message.body, "reason": str(error)})
            if isinstance(error, StoreUnavailable):
                return  # it comes back by itself once it is no longer hidden
            self._stores.queues.send(message.queue, message.body)  # anew: a stop is no failed attempt at the job
            self._stores.queues.delete(message)
            if isinstance(error, EngineLost):
                raise
            return
        self._stores.queues.delete(message)
        taken_ms = round((time.monotonic() - started) * 1000)
        log.info("job done", extra=measured({"service": SERVICE}, jobs=1, job_ms=taken_ms))

    @contextmanager
    def _kept_hidden(self, message: Message) -> Iterator[None]:
        """A heartbeat that keeps the job from others; should it fail, the job runs twice, which doubles nothing."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(HEARTBEAT_S):
                try:
                    self._stores.queues.extend(message, VISIBLE_AFTER_S)
                except Exception:  # tried again at the next beat
                    log.warning("heartbeat failed", exc_info=True)

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _handle(self, message: Message) -> None:
        job = message.body
        scope = Scope(str(job.get("org_id")), str(job.get("namespace_id")))
        match job.get("job"):
            case "batch":
                self._batch(scope, str(job["bucket_id"]), str(job["batch_id"]), bool(job.get("retry")))
            case "delete_collection":
                self._engine.vectors.drop(scope, str(job["collection_id"]))
            case "delete_bucket" | "delete_namespace":
                finish_removal(self._stores, job)
            case "import":
                finish_import(self._stores, job)
            case "verify_model":
                finish_upload(self._stores, job)
            case other:
                log.error("unknown job", extra={"job": other})

    def _batch(self, scope: Scope, bucket_id: str, batch_id: str, retry: bool) -> None:
        batch = self._claimed(scope, bucket_id, batch_id)
        if batch is None:
            return
        log.info("batch started", extra={"batch_id": batch_id, "objects": batch.object_count})
        started = time.monotonic()
        try:
            status = self._processed(scope, batch, retry)
        except (Interrupted, EngineLost, StoreUnavailable):
            raise
        except Exception as error:
            log.exception("batch failed", extra={"batch_id": batch_id})
            status = self._failed(scope, batch, str(error) or type(error).__name__)
        log.info(
            "batch ended",
            extra={"status": status}
            | measured(
                {"service": SERVICE},
                batches=1,
                batches_failed=int(status is TaskStatus.FAILED),
                batch_ms=round((time.monotonic() - started) * 1000),
            ),
        )

    def _claimed(self, scope: Scope, bucket_id: str, batch_id: str) -> Batch | None:
        """The batch in PROCESSING, or None when there is nothing to do: it ended, was canceled, or is gone."""
        try:
            batch = get_batch(self._stores, scope, bucket_id, batch_id)
            if batch.status not in (TaskStatus.PENDING, TaskStatus.PROCESSING):
                return None
            return set_status(self._stores, scope, bucket_id, batch_id, TaskStatus.PROCESSING)
        except (NotFound, IllegalTransition):
            return None

    def _processed(self, scope: Scope, batch: Batch, retry: bool) -> TaskStatus:
        collections = self._collections(scope, batch)
        ids = [c.collection_id for c in collections]
        before = earlier(self._stores, scope, batch) if retry else Earlier()
        objects = len(before.retries) if retry else batch.object_count
        report = Report(self._stores, scope, batch, ids, objects * len(collections), before)
        report.begin()
        check = self._check(scope, batch)
        if not collections:
            report.note("The batch's collections were deleted or disabled after it was submitted.", "validation")
        try:
            for collection in collections:
                try:
                    self._extract(scope, batch, collection, report, check, objects if retry else None)
                except (Interrupted, EngineLost, StoreUnavailable, Canceled, IllegalTransition):
                    raise
                except PlatformError as error:
                    report.note(f"Collection {collection.collection_name}: {error}", _category(error))
            return report.finish()
        except (Canceled, IllegalTransition):
            report.canceled()
            return TaskStatus.CANCELED

    def _collections(self, scope: Scope, batch: Batch) -> list[Collection]:
        """Those that were chosen when the batch was submitted, as far as they are still there."""
        chosen = {c for tier in batch.tier_tasks for c in tier.get("collection_ids", ())} or set(
            batch.collection_ids or ()
        )
        fed = collections_of_bucket(self._stores, scope, batch.bucket_id)
        return [c for c in fed if not chosen or c.collection_id in chosen]

    def _extract(
        self,
        scope: Scope,
        batch: Batch,
        collection: Collection,
        report: Report,
        check: Callable[[], None],
        retried: int | None,
    ) -> None:
        objects = batch.object_count if retried is None else retried
        extraction = self._extraction(scope, batch, collection, objects)
        bucket = find_bucket(self._stores, scope, batch.bucket_id)
        schema = document_schema(extraction.manifest, bucket.bucket_schema)
        table = patient(self._engine.vectors.create)(scope, collection.collection_id, schema)
        sink = Sink(self._stores.records, scope, collection.collection_id, table)
        sizing = Sizing(objects, slots(self._engine.client), self._stores.settings.partition_rows)
        ids = (object_ids if retried is None else retried_ids)(self._stores, scope, batch.batch_id)
        with closing(plan(self._stores, extraction, ids, table.schema, lambda: sizing.rows)) as partitions:
            Runner(self._engine.client, check, sizing).run(extraction, partitions, sink, report)

    def _extraction(self, scope: Scope, batch: Batch, collection: Collection, objects: int) -> Extraction:
        config = collection.feature_extractor
        plugin = None
        if config.plugin_id is not None:
            found = get_plugin(self._stores, scope, config.plugin_id)
            plugin = PluginRef(archive_ref(self._stores, found), found.sha256, found.manifest)
        return Extraction(
            settings=self._stores.settings,
            scope=scope,
            bucket_id=batch.bucket_id,
            batch_id=batch.batch_id,
            collection_id=collection.collection_id,
            extractor=config,
            plugin=plugin,
            rows_expected=objects,
        )

    def _check(self, scope: Scope, batch: Batch) -> Callable[[], None]:
        """Raises when the service stops, or, asked every second, when the batch was canceled or deleted."""
        asked = float("-inf")

        def check() -> None:
            nonlocal asked
            if self._stopping.is_set():
                raise Interrupted("The batch service is stopping.", "The job goes on when it is started again.")
            if time.monotonic() - asked < STATUS_EVERY_S:
                return
            asked = time.monotonic()
            try:
                current = get_batch(self._stores, scope, batch.bucket_id, batch.batch_id)
            except NotFound:
                current = batch.changed(status=TaskStatus.CANCELED)
            except StoreUnavailable:
                return  # asked again in a second
            if current.status is TaskStatus.CANCELED:
                raise Canceled(f"Batch {batch.batch_id} was canceled.", "Submit it again to go on.")

        return check

    def _failed(self, scope: Scope, batch: Batch, error: str) -> TaskStatus:
        try:
            set_status(self._stores, scope, batch.bucket_id, batch.batch_id, TaskStatus.FAILED, error=error)
            if batch.task_id:
                update_task(self._stores, scope.org_id, batch.task_id, status=TaskStatus.FAILED, error=error)
        except (NotFound, IllegalTransition):
            log.warning("batch ended otherwise", extra={"batch_id": batch.batch_id})
        return TaskStatus.FAILED


def _category(error: PlatformError) -> str:
    if isinstance(error, PluginRaised):
        return "dependency" if "ModuleNotFoundError" in error.traceback else "runtime"
    return "resource" if isinstance(error, HostFailed) else "validation"


def main() -> None:
    """Serve until SIGTERM or SIGINT; a lost cluster is replaced."""
    logs.configure()
    scrub_environment()
    settings = Settings()
    host_settings(settings)  # what can't be used is told now, not at the first batch
    stores, vectors = Stores.open(settings), Vectors.at(settings)
    stopping = threading.Event()
    current: list[Service] = []

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()
        for service in current:
            service.stop()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    while not stopping.is_set():
        try:
            with cluster(settings) as client:
                current[:] = [Service(Engine(stores, vectors, client))]
                log.info("ready", extra={"slots": slots(client)})
                if not stopping.is_set():
                    current[0].run()
        except (EngineLost, OSError, TimeoutError) as error:
            log.warning("cluster lost", extra={"reason": str(error)})
            stopping.wait(2.0)


if __name__ == "__main__":
    main()
