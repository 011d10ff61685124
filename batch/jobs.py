"""Jobs: what the messages of the jobs queue ask for."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace

from batch.bulk.importing import finish_import
from batch.done import Done, made_by, written_since
from batch.line import SMALL_OBJECTS, Job, Kind
from batch.partitions import Extraction, Leaves, PluginRef
from batch.patience import patient
from batch.plan import plan
from batch.report import Report, close
from batch.rewriting import counted
from batch.runner import Engine, EngineLost, Interrupted, Runner
from batch.sink import Sink
from batch.sizing import Sizing
from batch.tending import Tender
from batch.worker import Canceled
from core.batches import Batch, get_batch, object_ids, set_status
from core.buckets import Bucket, find_bucket
from core.collections import Collection, collections_of_bucket
from core.document_schema import document_schema
from core.errors import IllegalTransition, NotFound, StoreUnavailable
from core.ids import new_id
from core.metrics import measured
from core.models import finish_upload
from core.object_removal import remove_documents
from core.plugins import archive_ref, get_plugin
from core.removal import finish_removal
from core.retries import Earlier, earlier, retried_ids
from core.status import TaskStatus
from core.stores import Stores
from core.stores.queues import Message
from core.stores.vectors import DocumentTable, Vectors
from core.tasks import update_task
from core.tenancy import Scope
from plugin_sdk.errors import HostFailed, PlatformError, PluginRaised

log = logging.getLogger(__name__)

STATUS_EVERY_S = 1.0
SERVICE = "batch"
BESIDE = 8
"""Requests to the stores that go on at once, beside what the batches themselves are about."""

URGENT = 50
"""Highest priority of a batch; the lowest is its negative."""


def job_of(stores: Stores, message: Message) -> Job:
    """The message with what decides when it may start; a batch that is gone is small."""
    body = message.body
    org_id = str(body.get("org_id"))
    if body.get("job") != "batch":
        return Job(message, org_id, str(sorted(body.items())), Kind.CHORE)
    thing = str(body["batch_id"])
    try:
        scope = Scope(org_id, str(body.get("namespace_id")))
        batch = get_batch(stores, scope, str(body["bucket_id"]), thing)
    except NotFound:
        return Job(message, org_id, thing, Kind.SMALL)
    kind = Kind.SMALL if batch.object_count <= SMALL_OBJECTS else Kind.LARGE
    return Job(message, org_id, thing, kind, priority_of(batch))


def priority_of(batch: Batch) -> int:
    """The batch's `metadata.priority`, a whole number; 0 where there is none, and never beyond the bounds."""
    asked = batch.metadata.get("priority")
    if not isinstance(asked, int) or isinstance(asked, bool):
        return 0
    return max(-URGENT, min(asked, URGENT))


@dataclass(frozen=True, slots=True)
class Opening:
    """What goes on while a batch opens: its bucket is read, and its report begun."""

    bucket: Future[Bucket]
    began: Future[None]


@dataclass(frozen=True, slots=True)
class Work:
    """Does jobs, each in the thread that calls; `stopping` says that the service ends."""

    stores: Stores
    vectors: Vectors
    engine: Engine
    tender: Tender
    stopping: Callable[[], bool]
    beside: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(BESIDE, thread_name_prefix="beside-batch")
    )

    def do(self, message: Message) -> None:
        """What the message asks for.

        Raises:
            Interrupted, EngineLost, StoreUnavailable: it is to be done again.
        """
        job = message.body
        scope = Scope(str(job.get("org_id")), str(job.get("namespace_id")))
        match job.get("job"):
            case "batch":
                self._batch(scope, str(job["bucket_id"]), str(job["batch_id"]), bool(job.get("retry")))
            case "delete_collection":
                self.vectors.drop(scope, str(job["collection_id"]))
            case "delete_documents":
                remove_documents(self.stores, self.vectors, job)
            case "delete_bucket" | "delete_namespace":
                finish_removal(self.stores, job)
            case "import":
                finish_import(self.stores, job)
            case "verify_model":
                finish_upload(self.stores, job)
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
        """The batch in PROCESSING, or None when there is nothing to do: it ended, was canceled, or is gone.

        One that has ended may lack its last words: the service that ended it was killed before it wrote them.
        """
        with suppress(NotFound):
            try:
                return set_status(self.stores, scope, bucket_id, batch_id, TaskStatus.PROCESSING)
            except IllegalTransition:
                batch = get_batch(self.stores, scope, bucket_id, batch_id)
                if batch.status.ended:
                    close(self.stores, scope, batch)
        return None

    def _processed(self, scope: Scope, batch: Batch, retry: bool) -> TaskStatus:
        bucket = self.beside.submit(find_bucket, self.stores, scope, batch.bucket_id)
        collections = self._collections(scope, batch)
        ids = [c.collection_id for c in collections]
        before = Earlier()
        if retry:
            before = earlier(self.stores, scope, batch)
            before = counted(self.stores, self.vectors, scope, batch, ids, before)
        objects = len(before.retries) if retry else batch.object_count
        report = Report(self.stores, scope, batch, ids, objects * len(collections), before)
        began = self.beside.submit(report.begin)
        check = self._check(scope, batch)
        if not collections:
            report.note("The batch's collections were deleted or disabled after it was submitted.", "validation")
        try:
            for collection in collections:
                try:
                    opening = Opening(bucket, began)
                    self._extract(scope, batch, collection, report, check, opening, objects if retry else None)
                except (Interrupted, EngineLost, StoreUnavailable, Canceled, IllegalTransition):
                    raise
                except PlatformError as error:
                    report.note(f"Collection {collection.collection_name}: {error}", _category(error))
            began.result()
            return report.finish()
        except (Canceled, IllegalTransition):
            began.result()
            report.canceled()
            return TaskStatus.CANCELED
        finally:
            wait([began])  # it forgets what an earlier run reported, which the next run's must not meet

    def _collections(self, scope: Scope, batch: Batch) -> list[Collection]:
        """Those that were chosen when the batch was submitted, as far as they are still there."""
        chosen = {c for tier in batch.tier_tasks for c in tier.get("collection_ids", ())} or set(
            batch.collection_ids or ()
        )
        fed = collections_of_bucket(self.stores, scope, batch.bucket_id)
        return [c for c in fed if not chosen or c.collection_id in chosen]

    def _extract(
        self,
        scope: Scope,
        batch: Batch,
        collection: Collection,
        report: Report,
        check: Callable[[], None],
        opening: "Opening",
        retried: int | None,
    ) -> None:
        objects = batch.object_count if retried is None else retried
        extraction = self._extraction(scope, batch, collection, objects)
        like = (scope, batch.bucket_id, made_by(extraction))
        slots, rows = self.engine.cluster.capacity().slots, self.stores.settings.partition_rows
        sizing = Sizing(objects, slots, rows, self.engine.paces.of(like))
        runner = Runner(self.engine, check, sizing, priority=priority_of(batch))
        runner.warm(extraction)
        schema = document_schema(extraction.manifest, opening.bucket.result().bucket_schema)
        table = patient(self.vectors.create)(scope, collection.collection_id, schema)
        sink = Sink(self.stores.records, scope, collection.collection_id, table)
        ids = (object_ids if retried is None else retried_ids)(self.stores, scope, batch.batch_id)
        leaves = self._leaves(table, batch, report, retried is not None)
        done = patient(Done.of)(table, extraction, batch_id=leaves.batch_id, since=leaves.since)
        extraction = replace(extraction, leaves=leaves if done.has_objects else None)
        opening.began.result()  # from here on there may be something to report
        try:
            with closing(plan(self.stores, extraction, ids, table.schema, lambda: sizing.rows, done)) as partitions:
                runner.run(extraction, partitions, sink, report)
        finally:
            self.engine.paces.note(like, sizing.pace())
            report.skip(done.skipped)
            self.tender.ask(scope, collection.collection_id)

    def _leaves(self, table: DocumentTable, batch: Batch, report: Report, retry: bool) -> Leaves:
        """What is left out: all that is up to date, or for a full batch what an earlier attempt at it wrote."""
        since = batch.submitted_at
        if since and not retry:
            report.resume(patient(written_since)(table, batch.batch_id, since))
        return Leaves(batch.batch_id, since) if batch.full and since and not retry else Leaves()

    def _extraction(self, scope: Scope, batch: Batch, collection: Collection, objects: int) -> Extraction:
        config = collection.feature_extractor
        plugin = None
        if config.plugin_id is not None:
            found = get_plugin(self.stores, scope, config.plugin_id)
            plugin = PluginRef(archive_ref(self.stores, found), found.sha256, found.manifest)
        return Extraction(
            settings=self.stores.settings,
            scope=scope,
            bucket_id=batch.bucket_id,
            batch_id=batch.batch_id,
            collection_id=collection.collection_id,
            extractor=config,
            plugin=plugin,
            rows_expected=objects,
            source_filters=collection.source.get("source_filters") or None,
            filters=batch.filters,
            run_id=new_id("run"),
        )

    def _check(self, scope: Scope, batch: Batch) -> Callable[[], None]:
        """Raises when the service stops, or, asked every second, when the batch was canceled or deleted."""
        asked = time.monotonic()  # it was claimed just now

        def check() -> None:
            nonlocal asked
            if self.stopping():
                raise Interrupted("The batch service is stopping.", "The job goes on when it is started again.")
            if time.monotonic() - asked < STATUS_EVERY_S:
                return
            asked = time.monotonic()
            try:
                current = get_batch(self.stores, scope, batch.bucket_id, batch.batch_id)
            except NotFound:
                current = batch.changed(status=TaskStatus.CANCELED)
            except StoreUnavailable:
                return  # asked again in a second
            if current.status is TaskStatus.CANCELED:
                raise Canceled(f"Batch {batch.batch_id} was canceled.", "Submit it again to go on.")

        return check

    def _failed(self, scope: Scope, batch: Batch, error: str) -> TaskStatus:
        try:
            set_status(self.stores, scope, batch.bucket_id, batch.batch_id, TaskStatus.FAILED, error=error)
            if batch.task_id:
                update_task(self.stores, scope.org_id, batch.task_id, status=TaskStatus.FAILED, error=error)
        except (NotFound, IllegalTransition):
            log.warning("batch ended otherwise", extra={"batch_id": batch.batch_id})
        return TaskStatus.FAILED


def _category(error: PlatformError) -> str:
    if isinstance(error, PluginRaised):
        return "dependency" if "ModuleNotFoundError" in error.traceback else "runtime"
    return "resource" if isinstance(error, HostFailed) else "validation"
