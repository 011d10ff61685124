"""Report: what a batch tells the world while it runs and when it ends: task, tiers, failed rows, logs; never too often."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from batch.partitions import Failure, Outcome
from batch.patience import patient
from core.batches import Batch, set_status
from core.errors import NotFound
from core.ids import now
from core.retries import KEPT, Earlier, settle
from core.status import TaskStatus
from core.stores import Stores
from core.stores.records import Entry, chunks
from core.tasks import update_task
from core.tenancy import Scope

PUBLISH_EVERY_S = 0.5
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
    step_seconds: dict[str, float] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count a finished partition."""
        self.rows_done += outcome.rows
        self.written += outcome.written
        self.failed += len(outcome.failures)
        self.dropped += outcome.dropped
        for label, seconds in outcome.step_seconds.items():
            self.step_seconds[label] = self.step_seconds.get(label, 0.0) + seconds


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
        done, self._retries = before.written + len(before.failed), before.retries
        self.counts = Counts(rows=done + rows, rows_done=done, written=before.written, failed=len(before.failed))
        self.problems: Counter[tuple[str, str, str | None]] = Counter(
            (row["error_type"], row["message"], row["step"]) for row in before.failed
        )
        self._examples: dict[tuple[str, str, str | None], list[Failure]] = {}
        self._started, self._started_at = time.monotonic(), now()
        self._published = float("-inf")

    def begin(self) -> None:
        """Forget what an earlier run of this batch reported, but for what a retry keeps, and show that it runs."""
        for kind in ("failed", "batch_log"):
            patient(self._forget)(self._scope.key(kind, self._batch.batch_id))
        self._publish(TaskStatus.PROCESSING)

    def add(self, collection_id: str, outcome: Outcome) -> None:
        """Record a finished partition; the task is written at most every half second."""
        self.counts.add(outcome)
        self._keep_failures(collection_id, outcome)
        self.log(collection_id, outcome.index, outcome.log)
        if time.monotonic() - self._published >= PUBLISH_EVERY_S:
            self._publish(TaskStatus.PROCESSING)

    def skip(self, objects: int) -> None:
        """Objects were left out, since their documents are up to date."""
        self.counts.rows_done += objects
        self.counts.skipped += objects

    def resume(self, documents: int) -> None:
        """An earlier attempt at this very batch wrote so many documents."""
        self.counts.written += documents

    def log(self, collection_id: str, index: int, text: str) -> None:
        """Keep a piece of the batch's log."""
        if text.strip():
            body = {"tier": TIER, "collection_id": collection_id, "partition": index, "text": _ended_line(text)}
            entry = Entry(self._scope.key("batch_log", self._batch.batch_id), _sort_key(collection_id, index), body)
            patient(self._stores.records.put_many)([entry])

    def note(self, problem: str, category: str = "runtime") -> None:
        """An error that concerns a whole collection."""
        self.problems[category, problem, None] += 1

    def finish(self) -> TaskStatus:
        """Give the batch and its task their end state: without a document it failed, whatever else happened.

        Raises:
            IllegalTransition: the batch was canceled meanwhile.
        """
        self.counts.rows = self.counts.rows_done
        status, error = self._verdict()
        self._set(status, error=error, error_summary=dict(self._by_category()) or None)
        if self._retries:
            patient(settle)(self._stores, self._scope, self._batch.batch_id)
        self._publish(status, error)
        return status

    def canceled(self) -> None:
        """Record how far the batch came before its owner canceled it."""
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
        entries = []
        for number, part in enumerate(chunks(outcome.failures, FAILURES_PER_RECORD)):
            body = {"failed": [self._failed_document(collection_id, f) for f in part]}
            entries.append(Entry(pk, f"{_sort_key(collection_id, outcome.index)}#{number:03d}", body))
        patient(self._stores.records.put_many)(entries)
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
            "performance": {"step_seconds": _rounded(self.counts.step_seconds)},
        }

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
        counts, elapsed_s = self.counts, time.monotonic() - self._started
        rate = counts.rows_done / elapsed_s if elapsed_s > 0 else 0.0
        left = max(counts.rows - counts.rows_done, 0)
        progress = {
            "batch_id": self._batch.batch_id,
            "rows": counts.rows,
            "rows_done": counts.rows_done,
            "documents_written": counts.written,
            "rows_failed": counts.failed,
            "rows_dropped": counts.dropped,
            "rows_skipped": counts.skipped,
            "rows_per_s": round(rate, 1),
            "eta_s": round(left / rate, 1) if rate and not status.ended else None,
            "step_seconds": _rounded(counts.step_seconds),
        }
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


def _ended_line(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"


def _sort_key(collection_id: str, index: int) -> str:
    return f"{TIER:02d}#{collection_id}#{index:06d}"


def _rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {label: round(s, 3) for label, s in seconds.items()}
