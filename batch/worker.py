"""Worker: one partition from planned rows to written fragments, in one task: read, run, check, write, report.

A host that dies takes its rows down with it; they are halved and tried again in a new host until the rows that kill it
stand alone, and only those are failures.
"""

import logging
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from distributed import WorkerPlugin, get_worker

from batch.assets import scoped_fetch
from batch.bulk.replaced import RowsReplaced
from batch.documents import Checked, to_documents
from batch.finished import FinishedRows
from batch.hosts import Hosts, Pipeline
from batch.inputs import Inputs, prepare_inputs
from batch.leaving import leave_at_once
from batch.partitions import Extraction, Failure, Outcome, Partition, PluginRef
from batch.patience import FULL_DISK_S, patient, telling_full
from batch.pulse import Pulse
from batch.reading import Reader
from batch.remote import own_settings
from batch.segments import Carried, Segment, renamed, segments_of
from batch.suspects import TRIES_ALONE, Trials, ended_by_others
from batch.writing import write
from core import log as logs
from core.document_schema import HIDDEN
from core.errors import DiskFull, StoreUnavailable
from core.ids import now
from core.settings import Settings
from core.stores.aws import client
from core.stores.blobs import Blobs
from core.stores.vectors import DocumentTable, Vectors
from core.tracebacks import message_of
from plugin_sdk.errors import HostFailed, PlatformError, PluginRaised
from plugin_sdk.host import PluginHost
from plugin_sdk.host.replies import Result
from plugin_sdk.outcomes import KILLED_FOR_MEMORY, RowFailure

log = logging.getLogger(__name__)

LOG_BYTES = 16_384
ABORTED_RUNS = 10_000
SHOWN_TRACEBACK = 4_000


class Canceled(PlatformError):
    """The batch was canceled while this partition ran."""

    code = "canceled"


class StaysTogether(Exception):
    """Rows between two segments that can't leave their process."""


EVERY_STEP = 1 << 30


class Span(NamedTuple):
    """Steps of a pipeline: those from `first` on and before `until`, and the columns that those before `first` wrote."""

    first: int
    until: int
    earlier: frozenset[str] = frozenset()


Keep = Callable[[pa.Table, Pipeline, Result], pa.Table]
"""What to keep of a run: given its rows, the pipeline that ran, and the result."""


class StepFacts(NamedTuple):
    """What the driver needs to know of a pipeline before it submits work."""

    labels: list[str]
    segments: list[Segment]
    together: int = 1
    """Rows that take no longer than one."""

    @property
    def wants_gpu(self) -> bool:
        """Whether a step asks for a GPU."""
        return any(segment.on_gpu for segment in self.segments)


class Worker:
    """What a worker process keeps between tasks: clients, datasets, plugin hosts."""

    def __init__(self, settings: Settings) -> None:
        self.blobs = Blobs(client("s3", settings))
        self.vectors: Vectors = Vectors.at(settings)
        self.reader = Reader(self.blobs)
        self.hosts = Hosts(settings, self.blobs)
        self._finished = FinishedRows()
        self._aborted: deque[str] = deque(maxlen=ABORTED_RUNS)
        self._running: dict[PluginHost, str] = {}
        self._guard = threading.Lock()
        self._pulse = Pulse()

    def abort(self, run_id: str) -> None:
        """End what runs of this run of a batch, and let nothing more of it begin."""
        with self._guard:
            self._aborted.append(run_id)
            running = [host for host, run in self._running.items() if run == run_id]
        for host in running:
            host.kill("killed: the batch was stopped")

    @contextmanager
    def _at_work(self, extraction: Extraction, host: PluginHost) -> Iterator[None]:
        """The host works for this run, and is ended with it.

        Raises:
            Canceled: the run was ended before.
        """
        with self._guard:
            if extraction.run_id in self._aborted:
                raise Canceled(f"Batch {extraction.batch_id} was canceled.", "Submit it again to go on.")
            self._running[host] = extraction.run_id
        try:
            yield
        finally:
            with self._guard:
                del self._running[host]

    def run(self, extraction: Extraction, source: Partition | Carried, until: int | None) -> Carried | Outcome:
        """Run the partition's steps before `until`, from where it is; all of them, and write its documents, for None.

        Rows that can't go to another worker as Arrow stay as they were: the next segment runs these steps too.
        """
        started = time.perf_counter()
        table = patient(self.vectors.open)(extraction.scope, extraction.collection_id)
        carried = source if isinstance(source, Carried) else self._begin(extraction, source, table)
        if until is not None:
            carried = self._advance(extraction, carried, until)
            _count(carried.outcome, "total", started)
            return carried
        outcome = carried.outcome
        parts = self._extract(extraction, carried, table.schema)
        written = time.perf_counter()
        outcome.bytes_out = sum(part.nbytes for part in parts)
        write(extraction, table, parts, carried.planned, outcome, carried.replaced)
        _count(outcome, "write", written)
        _count(outcome, "total", started)
        return outcome

    def _begin(self, extraction: Extraction, partition: Partition, table: DocumentTable) -> Carried:
        started = time.perf_counter()
        planned = patient(self.reader.table)(extraction, partition, table.schema)
        planned, skipped = self._finished.without(extraction, partition, planned, table)
        outcome = Outcome(partition.index, rows=planned.num_rows, skipped=skipped, bytes_in=planned.nbytes)
        fetch = patient(scoped_fetch(self.blobs, extraction.settings, extraction.scope))
        inputs = prepare_inputs(extraction, planned, fetch)
        outcome.failures += inputs.failures
        _count(outcome, "read", started)
        parts = [inputs.table] if inputs.table.num_rows else []
        return Carried(0, planned, inputs, parts, outcome, RowsReplaced.of(partition.source, planned))

    def _advance(self, extraction: Extraction, carried: Carried, until: int) -> Carried:
        assert extraction.plugin is not None  # only a plugin has segments
        outcome, step, written = deepcopy(carried.outcome), carried.step, set(carried.written)

        def keep(rows: pa.Table, pipeline: Pipeline, result: Result) -> pa.Table:
            if any(failure.column for failure in result.failures):
                raise StaysTogether
            written.update(name for name in result.written if name not in carried.inputs.table.column_names)
            return renamed(result.table, ids)

        ids = carried.inputs.table["document_id"].to_pylist()
        span = Span(step, until, carried.written)
        try:
            parts = self._run_rows(extraction, extraction.plugin, carried.parts, span, outcome, keep)
        except StaysTogether:
            return carried
        return replace(carried, step=until, parts=parts, outcome=outcome, written=frozenset(written))

    def _extract(self, extraction: Extraction, carried: Carried, schema: pa.Schema) -> list[pa.Table]:
        outcome, inputs = carried.outcome, carried.inputs
        ids = inputs.table["document_id"].to_pylist() if carried.step else []

        def keep(rows: pa.Table, pipeline: Pipeline, result: Result) -> pa.Table:
            found = renamed(result.table, ids) if carried.step else result.table
            part = inputs if carried.step else inputs._replace(table=rows)
            return self._checked(extraction, part, found, schema, pipeline, outcome)

        if extraction.plugin is None:
            return [self._checked(extraction, inputs, inputs.table, schema, None, outcome)]
        span = Span(carried.step, EVERY_STEP, carried.written)
        return self._run_rows(extraction, extraction.plugin, carried.parts, span, outcome, keep)

    def _run_rows(
        self,
        extraction: Extraction,
        plugin: PluginRef,
        parts: list[pa.Table],
        span: Span,
        outcome: Outcome,
        keep: Keep,
    ) -> list[pa.Table]:
        """Runs rows in the plugin's host, and each half again where the host dies of them."""
        done: list[pa.Table] = []
        trials = Trials(parts[::-1])
        while trials.waiting:
            rows = trials.waiting.pop()
            try:
                done.append(self._run_once(extraction, plugin, rows, span, outcome, keep))
                trials.passed()
            except PluginRaised as error:
                outcome.failures += _failures(rows, error)
            except HostFailed as error:
                outcome.hosts_lost += 1
                log.warning("plugin host failed", extra={"rows": rows.num_rows, "reason": message_of(error)})
                outcome.failures += [f for lost in trials.died(rows, error) for f in _failures(lost, error)]
        return done

    def _run_once(
        self,
        extraction: Extraction,
        plugin: PluginRef,
        rows: pa.Table,
        span: Span,
        outcome: Outcome,
        keep: Keep,
    ) -> pa.Table:
        with self.hosts.lease(extraction, plugin) as pipeline, self._at_work(extraction, pipeline.host):
            last = min(span.until, len(pipeline.steps))
            labels = [step.label for step in pipeline.steps[span.first : last]]
            steps = None if span == (0, EVERY_STEP, frozenset()) else (span.first, last)
            earlier = [name for name in rows.column_names if name in span.earlier]
            facts = {"run_id": extraction.run_id, "partition": outcome.index}
            with self._pulse.of(facts, labels, rows.num_rows, pipeline.host) as call:
                began = time.perf_counter()
                try:
                    result = pipeline.host.run(_visible(rows), call.hear, steps, earlier)
                finally:
                    _count(outcome, "host", began)
                    outcome.log = (outcome.log + call.rest_of_log())[-LOG_BYTES:]
            _note_memory(outcome, pipeline.host)
        began = time.perf_counter()
        kept = keep(rows, pipeline, result)
        _count(outcome, "check", began)
        outcome.failures += [_reported(rows, failure) for failure in result.failures]
        outcome.dropped += result.rows_dropped
        for label, seconds in result.step_seconds.items():
            outcome.step_seconds[label] = outcome.step_seconds.get(label, 0.0) + seconds
        return kept

    def _checked(
        self,
        extraction: Extraction,
        inputs: Inputs,
        result: pa.Table,
        schema: pa.Schema,
        pipeline: Pipeline | None,
        outcome: Outcome,
    ) -> pa.Table:
        conditions = pipeline.conditions if pipeline else []
        checked: Checked = to_documents(extraction, inputs, result, schema, conditions, now())
        outcome.failures += checked.failures
        return checked.documents


def worker_of(settings: Settings) -> Worker:
    """This process's worker."""
    settings = own_settings(settings)
    with _making:
        if settings not in _workers:
            _workers[settings] = Worker(settings)
        return _workers[settings]


_workers: dict[Settings, Worker] = {}
_making = threading.Lock()


class WorkerSetup(WorkerPlugin):  # type: ignore[misc]
    """What a Dask worker does as it starts and ends: the hosts' common imports are done before the first batch."""

    name = "openpeek"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def setup(self, worker: Any) -> None:
        """Start the zygote beside the worker's own start, and log as all of the platform does."""
        if not logging.getLogger().handlers:  # a process of its own
            logs.configure()
        leave_at_once()
        threading.Thread(target=self._prepare, name="prepare-hosts", daemon=True).start()

    def teardown(self, worker: Any) -> None:
        """End the plugin hosts with their worker."""
        worker_of(self._settings).hosts.close()

    def _prepare(self) -> None:
        try:
            worker_of(self._settings).hosts.prepare()
        except HostFailed as error:  # the first partition meets the same trouble, and reports it
            log.warning("plugin hosts can't be started", extra={"reason": error.problem})


def run_segment(packed: bytes, source: Partition | Carried, until: int | None) -> Carried | Outcome:
    """The task that the scheduler hands out: what a worker makes of a partition, or of what another has made of it.

    Args:
        packed: the pickled extraction: the same bytes go with every task, and are read once.
    """
    extraction = _unpacked(packed)
    place = {"org_id": extraction.scope.org_id, "namespace_id": extraction.scope.namespace_id}
    try:
        with logs.context(**place, batch_id=extraction.batch_id), telling_full():
            return worker_of(extraction.settings).run(extraction, source, until)
    except DiskFull as error:
        raise DiskFull(error.problem, error.fix, get_worker().address) from error


@lru_cache(maxsize=128)
def _unpacked(packed: bytes) -> Extraction:
    extraction: Extraction = pickle.loads(packed)  # from the driver, as the task itself
    return extraction


def warm(extraction: Extraction) -> StepFacts | PlatformError:
    """Start the extraction's host here and open its pipeline, so that the first partition need not wait.

    An error of the author's comes back as a value: it is no trouble of this worker's.
    """
    worker = worker_of(extraction.settings)
    if extraction.plugin is None:
        return StepFacts([], segments_of([]))
    try:
        return patient(_facts, FULL_DISK_S)(worker, extraction, extraction.plugin)
    except StoreUnavailable:
        raise
    except PlatformError as error:
        return error


def _facts(worker: Worker, extraction: Extraction, plugin: PluginRef) -> StepFacts:
    tries = 0
    while True:
        try:
            with worker.hosts.lease(extraction, plugin) as pipeline:
                steps = pipeline.steps
                together = max((step.together for step in steps), default=1)
                return StepFacts([step.label for step in steps], segments_of(steps), together)
        except HostFailed as error:
            tries += 1
            if tries >= TRIES_ALONE or not ended_by_others(error):
                raise
            log.warning("a plugin host was ended as it opened", extra={"reason": message_of(error)})


def abort(settings: Settings, run_id: str) -> None:
    """End what this process runs of one run of a batch."""
    worker_of(settings).abort(run_id)


def _visible(rows: pa.Table) -> pa.Table:
    """Rows as a plugin sees them: without what the platform keeps for itself."""
    return rows.drop_columns([n for n in HIDDEN if n in rows.column_names])


def _note_memory(outcome: Outcome, host: PluginHost) -> None:
    """The most memory that the host has held, as its process tells."""
    with suppress(OSError, ValueError, IndexError):
        status = Path(f"/proc/{host.pid}/status").read_text(encoding="ascii")
        peak_mb = int(status.split("VmHWM:", 1)[1].split(None, 1)[0]) / 1024
        address = get_worker().address
        outcome.host_mb[address] = round(max(peak_mb, outcome.host_mb.get(address, 0.0)), 1)


def _count(outcome: Outcome, what: str, since: float) -> None:
    outcome.seconds[what] = outcome.seconds.get(what, 0.0) + time.perf_counter() - since


def _reported(rows: pa.Table, failure: RowFailure) -> Failure:
    """A failure that the host reports, with ids of the plan."""
    if failure.reason.startswith(KILLED_FOR_MEMORY):
        category = "resource"
    else:
        category = "runtime" if failure.traceback else "validation"
    return Failure(
        document_id=failure.document_id or rows["document_id"][failure.row].as_py(),
        object_id=rows["object_id"][failure.row].as_py(),
        step=failure.step,
        column=failure.column,
        reason=failure.reason[:SHOWN_TRACEBACK],
        traceback=failure.traceback[-SHOWN_TRACEBACK:] or None,
        category=category,
    )


def _failures(rows: pa.Table, error: HostFailed | PluginRaised) -> list[Failure]:
    """All of `rows`, failed for the one reason."""
    if isinstance(error, HostFailed):
        reason, traceback, category = f"The plugin host ended: {error.reason or error.problem}.", None, "resource"
    else:
        reason, traceback, category = error.problem, error.traceback[-SHOWN_TRACEBACK:], "runtime"
    pairs = zip(rows["document_id"].to_pylist(), rows["object_id"].to_pylist(), strict=True)
    step = error.step or None if isinstance(error, HostFailed) else None
    return [Failure(document, obj, step, None, reason, traceback, category) for document, obj in pairs]
