"""Report: what a batch tells the world while it runs and when it ends: task, tiers, failed rows, logs; never too often."""

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from batch.partitions import Failure, Outcome
from batch.patience import patient
from batch.pulse import Message
from batch.speed import Speed
from batch.timing import RECORDS, Timing
from core.batches import Batch, set_status
from core.errors import NotFound
from core.ids import now
from core.retries import KEPT, Earlier, settle
from core.status import TaskStatus
from core.stores import Stores
from core.stores.commits import Replaced
from core.stores.records import Entry, chunks
from core.tasks import get_task, update_task
from core.tenancy import Scope

PUBLISH_EVERY_S = 0.5
FLUSH_EVERY_S = 1.0
ENTRIES_AT_ONCE = 100
LOG_CHARACTERS = 60_000
MAX_LOG_CHARACTERS = 20_000_000
SHOWN_REASONS = 5
SHOWN_IN_TASK = 300
FAILURES_PER_RECORD = 25
DISTINCT_PROBLEMS = 200
SHOWN_REASON = 1_000
SHOWN_ERRORS = 20
SHOWN_DOCUMENTS = 20
TIER = 0


@dataclass(slots=True)
class Counts:
    """What became of the rows so far."""

    rows: int = 0
    rows_done: int = 0
    written: int = 0
    failed: int = 0
    dropped: int = 0
    skipped: int = 0
    partitions: int = 0
    hosts_lost: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    step_seconds: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    host_mb: dict[str, float] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count a finished partition."""
        self.rows_done += outcome.rows + outcome.skipped
        self.skipped += outcome.skipped
        self.written += outcome.written
        self.failed += len(outcome.failures)
        self.dropped += outcome.dropped
        self.partitions += 1
        self.hosts_lost += outcome.hosts_lost
        self.bytes_in += outcome.bytes_in
        self.bytes_out += outcome.bytes_out
        for sums, found in ((self.step_seconds, outcome.step_seconds), (self.seconds, outcome.seconds)):
            for label, seconds in found.items():
                sums[label] = sums.get(label, 0.0) + seconds
        for worker, peak_mb in outcome.host_mb.items():
            self.host_mb[worker] = max(peak_mb, self.host_mb.get(worker, 0.0))

    def performance(self, wall_s: float) -> dict[str, Any]:
        """Where the time and memory went; seconds of all workers together, but for `wall_s`."""
        plugin_s, total_s = sum(self.step_seconds.values()), self.seconds.get("total", 0.0)
        return {
            "step_seconds": _rounded(self.step_seconds),
            "seconds": _rounded(self.seconds),
            "plugin_s": round(plugin_s, 3),
            "framework_s": round(max(total_s - plugin_s, 0.0), 3),
            "wall_s": round(wall_s, 3),
            "rows_per_s": round(self.rows_done / wall_s, 1) if wall_s > 0 else None,
            "partitions": self.partitions,
            "host_restarts": self.hosts_lost,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "host_peak_mb": self.host_mb,
        }


class Report:
    """The records of one running batch. `rows` is an estimate (one row an object) until the plan is complete.

    A retry begins with what the batch had come to before it.
    """

    def __init__(
        self,
        stores: Stores,
        scope: Scope,
        batch: Batch,
        collection_ids: list[str],
        rows: int,
        before: Earlier | None = None,
    ) -> None:
        self._stores, self._scope, self._batch = stores, scope, batch
        self._collection_ids = collection_ids
        before = before or Earlier()
        done, self._retries = before.others + len(before.failed), before.retries
        self._rewritten = {c: dict(blobs) for c, blobs in before.rewritten.items()}
        self.counts = Counts(rows=done + rows, rows_done=done, written=before.written, failed=len(before.failed))
        self.problems: Counter[tuple[str, str, str | None]] = Counter(
            (row["error_type"], row["message"], row["step"]) for row in before.failed
        )
        self._examples: dict[tuple[str, str, str | None], list[Failure]] = {}
        self._started, self._started_at = time.monotonic(), now()
        self._published, self._flushed = float("-inf"), time.monotonic()
        self._speed = Speed(self.counts.rows_done)
        self._flying: dict[int, tuple[int, str]] = {}
        self._logs: list[tuple[str, str]] = []
        self._entries: list[Entry] = []
        self._log_records, self._log_bytes = 0, 0
        self.timing = Timing()
        self._dashboard = ""
        self._collection_id = ""
        self._guard = threading.Lock()

    def begin(self) -> None:
        """Forget what an earlier run of this batch reported, but for what a retry keeps, and show that it runs."""
        for kind in ("failed", "batch_log"):
            patient(self._forget)(self._scope.key(kind, self._batch.batch_id))
        self._publish(TaskStatus.PROCESSING)

    def add(self, collection_id: str, outcome: Outcome) -> None:
        """Count a finished partition; what is written of it goes with others."""
        with self._guard:
            self._flying.pop(outcome.index, None)
        is_first = outcome.written > 0 and not self.counts.written
        self.counts.add(outcome)
        self._take_back(collection_id, outcome)
        self._keep_failures(collection_id, outcome)
        self.log(collection_id, outcome.log)
        self._collection_id = collection_id
        if is_first:  # whoever waits for the first document is told at once
            self._published = float("-inf")
        self.tick()

    def hear(self, message: Message) -> None:
        """A worker tells how far a partition is; called in another thread."""
        with self._guard:
            self._flying[int(message["partition"])] = (int(message["rows"]), str(message["step"]))
            if message["log"].strip():
                self._logs.append((self._collection_id, message["log"]))

    def tick(self) -> None:
        """Write down what there is to write, if enough time has passed."""
        now = time.monotonic()
        with self.timing.of(RECORDS):
            if now - self._flushed >= FLUSH_EVERY_S or len(self._entries) >= ENTRIES_AT_ONCE:
                self._flush()
            if now - self._published >= PUBLISH_EVERY_S:
                self._publish(TaskStatus.PROCESSING)

    def dashboard(self, link: str) -> None:
        """Where the cluster's dashboard is."""
        self._dashboard = link

    def skip(self, objects: int) -> None:
        """Objects were left out, since their documents are up to date."""
        self.counts.rows_done += objects
        self.counts.skipped += objects

    def resume(self, documents: int) -> None:
        """An earlier attempt at this very batch wrote so many documents."""
        self.counts.written += documents

    def log(self, collection_id: str, text: str) -> None:
        """Keep a piece of the batch's log."""
        if text.strip():
            with self._guard:
                self._logs.append((collection_id, text))

    def _take_back(self, collection_id: str, outcome: Outcome) -> None:
        """What a retry replaces of its own batch's documents was counted before."""
        before = self._rewritten.get(collection_id)
        if before:
            self.counts.written -= sum(before.pop(blob, 0) for blob in Replaced.of([outcome.replaced]).blobs.tolist())

    def _flush(self) -> None:
        """Write the failed rows and the logs that have gathered."""
        self._flushed = time.monotonic()
        with self._guard:
            logs, self._logs = self._logs, []
        entries, self._entries = self._entries, []
        text = "".join(_ended_line(text) for _, text in logs)
        for part in (text[i : i + LOG_CHARACTERS] for i in range(0, len(text), LOG_CHARACTERS)):
            self._log_bytes += len(part)
            if self._log_bytes > MAX_LOG_CHARACTERS:
                break
            body = {"tier": TIER, "collection_id": logs[0][0], "text": part}
            key = self._scope.key("batch_log", self._batch.batch_id)
            entries.append(Entry(key, f"{TIER:02d}#{self._log_records:09d}", body))
            self._log_records += 1
        if entries:
            patient(self._stores.records.put_many)(entries)

    def note(self, problem: str, category: str = "runtime") -> None:
        """An error that concerns a whole collection."""
        self.problems[category, problem, None] += 1

    def finish(self) -> TaskStatus:
        """Give the batch and its task their end state: without a document it failed, whatever else happened.

        Raises:
            IllegalTransition: the batch was canceled meanwhile.
        """
        self._flush()
        self.counts.rows = self.counts.rows_done
        status, error = self._verdict()
        self._set(status, error=error, error_summary=dict(self._by_category()) or None)
        if self._retries:
            patient(settle)(self._stores, self._scope, self._batch.batch_id)
        self._publish(status, error)
        return status

    def canceled(self) -> None:
        """Record how far the batch came before its owner canceled it."""
        self._flush()
        self._set(TaskStatus.CANCELED)
        self._publish(TaskStatus.CANCELED)

    def _forget(self, pk: str) -> None:
        self._stores.records.delete_many([(pk, sk) for sk in self._stores.records.sort_keys(pk) if KEPT not in sk])

    def _verdict(self) -> tuple[TaskStatus, str | None]:
        counts = self.counts
        if counts.written == 0 and not counts.skipped:
            return TaskStatus.FAILED, f"No document was written. {self._why()}"
        if self.problems:
            return TaskStatus.COMPLETED_WITH_ERRORS, f"{counts.failed} of {counts.rows_done} rows failed. {self._why()}"
        return TaskStatus.COMPLETED, None

    def _why(self) -> str:
        if self.problems:
            (_, problem, step), number = self.problems.most_common(1)[0]
            return f"{f'Step {step}: ' if step else ''}{problem}{f' ({number} times)' if number > 1 else ''}"
        if self.counts.dropped:
            return f"The pipeline dropped all {self.counts.dropped} rows."
        return "The batch's objects have no blobs, or do not exist any more. Upload objects and submit a new batch."

    def _by_category(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for (category, _, _), number in self.problems.items():
            found[category] += number
        return found

    def _keep_failures(self, collection_id: str, outcome: Outcome) -> None:
        pk = self._scope.key("failed", self._batch.batch_id)
        for number, part in enumerate(chunks(outcome.failures, FAILURES_PER_RECORD)):
            body = {"failed": [self._failed_document(collection_id, f) for f in part]}
            self._entries.append(Entry(pk, f"{_sort_key(collection_id, outcome.index)}#{number:03d}", body))
        for failure in outcome.failures:
            key = (failure.category, failure.reason[:SHOWN_REASON], failure.step)
            if key not in self.problems and len(self.problems) >= DISTINCT_PROBLEMS:
                key = (failure.category, "Other reasons; see the failed documents.", None)
            self.problems[key] += 1
            examples = self._examples.setdefault(key, [])
            if len(examples) < SHOWN_DOCUMENTS:
                examples.append(failure)

    def _failed_document(self, collection_id: str, failure: Failure) -> dict[str, Any]:
        return {
            "object_id": failure.object_id,
            "document_id": failure.document_id,
            "collection_id": collection_id,
            "tier_num": TIER,
            "error_type": failure.category,
            "message": failure.reason[:SHOWN_REASON],
            "step": failure.step,
            "column": failure.column,
            "traceback": failure.traceback,
            "retry_count": self._retries.get(failure.object_id, 0),
            "timestamp": now().isoformat(),
        }

    def _tier(self, status: TaskStatus) -> dict[str, Any]:
        ended = now() if status.ended else None
        return {
            "tier_num": TIER,
            "task_id": self._batch.task_id,
            "status": status.value,
            "collection_ids": self._collection_ids,
            "source_type": "bucket",
            "started_at": self._started_at.isoformat(),
            "completed_at": ended.isoformat() if ended else None,
            "duration_ms": round((ended - self._started_at).total_seconds() * 1000, 1) if ended else None,
            "documents_submitted_to_engine": self.counts.rows,
            "documents_written": self.counts.written,
            "errors": list(self._errors()),
            "error_summary": dict(self._by_category()) or None,
            "performance": self._performance(),
        }

    def _performance(self) -> dict[str, Any]:
        wall_s = time.monotonic() - self._started
        return self.counts.performance(wall_s) | self.timing.told(wall_s, self.counts.seconds.get("total", 0.0))

    def _reasons(self) -> list[dict[str, Any]]:
        """Why rows failed, the most frequent first."""
        common = self.problems.most_common(SHOWN_REASONS)
        return [
            {"category": category, "step": step, "reason": problem[:SHOWN_IN_TASK], "rows": number}
            for (category, problem, step), number in common
        ]

    def _errors(self) -> Iterable[dict[str, Any]]:
        for (category, problem, step), number in self.problems.most_common(SHOWN_ERRORS):
            examples = self._examples.get((category, problem, step), [])
            yield {
                "error_type": category,
                "message": problem,
                "stage": step,
                "traceback": next((e.traceback for e in examples if e.traceback), None),
                "timestamp": now().isoformat(),
                "affected_document_ids": [e.document_id for e in examples],
                "affected_count": number,
            }

    def _set(self, status: TaskStatus, **fields: Any) -> None:
        batch = self._batch
        patient(set_status)(
            self._stores,
            self._scope,
            batch.bucket_id,
            batch.batch_id,
            status,
            tier_tasks=[self._tier(status)],
            **fields,
        )

    def _publish(self, status: TaskStatus, error: str | None = None) -> None:
        self._published = time.monotonic()
        if self._batch.task_id is None:
            return
        counts, ended = self.counts, status.ended
        with self._guard:
            flying = list(self._flying.values())
        rows_done = counts.rows_done + (0 if ended else sum(rows for rows, _ in flying))
        self._speed.note(rows_done)
        wall_s = time.monotonic() - self._started
        rate = counts.rows_done / wall_s if ended and wall_s else self._speed.rows_per_s(rows_done)
        eta_s = None if ended else self._speed.eta_s(rows_done, counts.rows)
        progress = {
            "batch_id": self._batch.batch_id,
            "rows": counts.rows,
            "rows_done": min(rows_done, max(counts.rows, counts.rows_done)),
            "documents_written": counts.written,
            "rows_failed": counts.failed,
            "rows_dropped": counts.dropped,
            "rows_skipped": counts.skipped,
            "rows_per_s": round(rate, 1),
            "eta_s": None if eta_s is None else round(eta_s, 1),
            "steps_running": dict(Counter(step for _, step in flying if step)) if not ended else {},
            "step_seconds": _rounded(counts.step_seconds),
            "failures": self._reasons(),
            "dashboard": self._dashboard or None,
        }
        if ended:
            progress["performance"] = self._performance()
        try:
            patient(update_task)(
                self._stores,
                self._scope.org_id,
                self._batch.task_id,
                status=status,
                error=error,
                additional_data=progress,
            )
        except NotFound:
            self._batch = self._batch.changed(task_id=None)  # its namespace is gone; the batch still ends properly


def close(stores: Stores, scope: Scope, batch: Batch) -> None:
    """Bring the task of a batch that has ended to its end too, where that was cut short."""
    if batch.task_id is None:
        return
    task = get_task(stores, scope.org_id, batch.task_id)
    if not task.status.ended:
        settle(stores, scope, batch.batch_id)
        update_task(stores, scope.org_id, batch.task_id, status=batch.status, error=batch.error)


def _ended_line(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"


def _sort_key(collection_id: str, index: int) -> str:
    return f"{TIER:02d}#{collection_id}#{index:06d}"


def _rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {label: round(s, 3) for label, s in seconds.items()}
