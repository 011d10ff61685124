"""Runner: hands an extraction's partitions to the cluster, a bounded window at a time, and takes in what comes back."""

import logging
import pickle
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Any

from distributed import Client, Future, KilledWorker

from batch.alone import Alone
from batch.cluster import GPU, Capacity, Cluster
from batch.fairness import Share, Window
from batch.partitions import Extraction, Failure, Outcome, Partition
from batch.patience import PATIENCE_S
from batch.pulse import Listeners
from batch.reading import partition_ids
from batch.report import Report
from batch.segments import Segment
from batch.sink import Sink
from batch.sizing import Paces, Sizing
from batch.timing import COMMIT, PLAN, RUN
from batch.worker import StepFacts, abort, run_segment, warm
from core.errors import DiskFull, StoreUnavailable
from plugin_sdk.errors import PlatformError

log = logging.getLogger(__name__)

POLL_S = 0.2
SMALL_ROWS = 100
"""A batch of so many rows is in the fast lane as a whole."""

FIRST = 100
"""Dask's priority of what lets a batch begin; more than that of any batch."""
WARM_PATIENCE_S = 300.0
FULL_FOR_S = 30.0
"""So long a worker whose disk was full gets nothing where others can have it."""

KILLED_TWICE = 2
"""Times that a partition is handed in again after Dask gave it up, since each worker that had it died."""


class EngineLost(PlatformError):
    """The scheduler, or every worker, is gone; what was not committed is done again."""

    code = "engine_lost"


class Interrupted(PlatformError):
    """The batch service is asked to stop; the job goes back to the queue."""

    code = "interrupted"


@dataclass(frozen=True, slots=True)
class Engine:
    """What batches run on: the cluster, the window that they share, whose turn it is to tidy a collection, and their paces."""

    cluster: Cluster
    window: Window
    listeners: Listeners
    closing: Alone = field(default_factory=Alone)
    paces: Paces = field(default_factory=Paces)

    @classmethod
    def on(cls, client: Client) -> "Engine":
        """The engine of this client's cluster."""
        cluster = Cluster(client)
        return cls(cluster, Window(lambda: cluster.capacity().slots), Listeners(client))


class Runner:
    """Runs one extraction at a time; `check` raises when the batch must stop. Many of them run beside each other."""

    def __init__(
        self,
        engine: Engine,
        check: Callable[[], None],
        sizing: Sizing,
        *,
        weight: float = 1.0,
        priority: int = 0,
    ) -> None:
        self._cluster, self._client, self._window = engine.cluster, engine.cluster.client, engine.window
        self._closing, self._listeners = engine.closing, engine.listeners
        self._check, self._sizing, self._weight, self._priority = check, sizing, weight, priority
        self._inbox: SimpleQueue[Future | None] = SimpleQueue()
        self._pending: dict[Future, Partition] = {}
        self._again: list[Partition] = []
        self._tries: Counter[int] = Counter()
        self._killed: Counter[int] = Counter()
        self._full: dict[str, float] = {}
        self._full_since: dict[int, float] = {}
        self._packed = b""
        self._warming: list[Future] = []

    def warm(self, extraction: Extraction) -> None:
        """Hosts start on every worker, while the collection is opened and the input listed."""
        self._warming = [
            self._client.submit(
                warm,
                extraction,
                key=f"warm-{extraction.run_id}-{n}",
                workers=[address] if address else None,
                allow_other_workers=bool(address),
                pure=False,
                priority=FIRST,
            )
            for n, address in enumerate(self._cluster.capacity().workers or [None])
        ]

    def run(self, extraction: Extraction, partitions: Iterator[Partition], sink: Sink, report: Report) -> None:
        """Every partition to its end; finished ones are committed even when the rest is stopped.

        Raises:
            PlatformError: the plugin or its archive can't be used.
            EngineLost, StoreUnavailable: to be done again later.
        """
        self._packed = pickle.dumps(extraction)
        if not self._warming:
            self.warm(extraction)
        try:
            first = next(partitions, None)  # planned while hosts start
            facts = self._facts(lambda: self._say_waiting(extraction, report))
            self._sizing.together = facts.together
            report.dashboard(str(self._client.dashboard_link or ""))
            report.timing.slots = self._cluster.capacity().slots
            listening = self._listeners.of(extraction.run_id, report.hear)
            with self._share(extraction) as share, listening, report.timing.of(RUN):
                self._drive(extraction, facts, first, partitions, share, sink, report)
        except BaseException as error:
            self._stop(extraction, [*self._pending, *self._warming])
            if isinstance(error, Exception) and self._client.status != "running":
                raise EngineLost("The connection to the scheduler is lost.", "The batch is done again.") from error
            raise
        finally:
            with self._closing.at(extraction.collection_id), report.timing.of(COMMIT):
                sink.close()

    def _share(self, extraction: Extraction) -> AbstractContextManager[Share]:
        return self._window.share(
            extraction.scope.org_id, wake=lambda: self._inbox.put(None), weight=self._weight, priority=self._priority
        )

    def _drive(
        self,
        extraction: Extraction,
        facts: StepFacts,
        first: Partition | None,
        partitions: Iterator[Partition],
        share: Share,
        sink: Sink,
        report: Report,
    ) -> None:
        self._warn(extraction, facts, report)
        more = chain([first] if first else [], partitions)
        left = True
        while left or self._pending or self._again:
            self._check()
            while left and self._has_room() and self._window.take(share):
                with report.timing.of(PLAN):
                    partition = next(more, None)  # only now, since its size is that of all that has been measured
                if partition is None:
                    left = False
                    self._window.give(share)
                else:
                    self._hand_in(extraction, partition, facts)
                    self._sizing.planned(partition.rows)
            self._hand_in_again(extraction, facts)
            if not left or not self._has_room():
                self._window.sated(share)
            arrived = self._arrived(extraction)
            report.tick()
            for partition, outcome in arrived:
                self._window.give(share)
                self._learn(partition, outcome)
                with report.timing.of(COMMIT):
                    sink.add(outcome)
                report.add(extraction.collection_id, outcome)
                log.debug("partition done", extra={"partition": partition.index})

    def _facts(self, waits: Callable[[], None]) -> StepFacts:
        """The steps, from whichever worker opens the pipeline first; `waits` is told when there is no worker yet."""
        deadline, told, warming = time.monotonic() + WARM_PATIENCE_S, False, self._warming
        for future in warming:
            future.add_done_callback(self._inbox.put)
        while True:
            self._check()
            for future in warming:
                if future.status == "finished":
                    return _result_of(future)
            if all(f.done() for f in warming):
                return _result_of(warming[0])
            if not self._cluster.capacity().workers:
                deadline = time.monotonic() + WARM_PATIENCE_S
                if not told:
                    waits()
                told = True
            if time.monotonic() > deadline:
                raise EngineLost("No worker of the cluster answers.", "Look at their logs; the batch is done again.")
            self._next()

    def _say_waiting(self, extraction: Extraction, report: Report) -> None:
        text = "waiting: the cluster has no worker yet; the batch goes on by itself once there is one."
        log.warning("the cluster has no worker, the batch waits", extra={"batch_id": extraction.batch_id})
        report.log(extraction.collection_id, text)

    def _warn(self, extraction: Extraction, facts: StepFacts, report: Report) -> None:
        if facts.wants_gpu and not self._cluster.capacity().gpus:
            text = "warning: no worker has a GPU; GPU steps ran on the CPU."
            report.log(extraction.collection_id, text)

    def _submit(self, extraction: Extraction, partition: Partition, facts: StepFacts) -> Future:
        """One task a segment, each with the one before it as its input; without a GPU all steps are one segment."""
        capacity, is_first, tries = self._cluster.capacity(), partition.index == 0, self._tries[partition.index]
        roomy = self._roomy(capacity)
        is_small = extraction.rows_expected is not None and extraction.rows_expected <= SMALL_ROWS
        on_cpu = capacity.express if is_first or is_small else capacity.slot
        source: Any = partition
        for number, segment in enumerate(facts.segments if capacity.gpus else [Segment(None, False)]):
            source = self._client.submit(
                run_segment,
                self._packed,
                source,
                segment.until,
                key=f"{extraction.batch_id}-{extraction.collection_id}-{extraction.run_id}-{partition.index:06d}.{number}"
                + (f".{tries}" if tries else ""),
                workers=roomy,
                allow_other_workers=bool(roomy),
                resources={GPU: 1} if segment.on_gpu else on_cpu,
                priority=FIRST if is_first else self._priority,
                pure=False,
            )
        return source

    def _arrived(self, extraction: Extraction) -> list[tuple[Partition, Outcome]]:
        """What is done by now; waits a moment for the first, or until the window has room."""
        if not self._pending:
            self._next()
            return []
        futures = [f for f in self._next() if f in self._pending]
        if not futures and self._client.status != "running":
            raise EngineLost("The connection to the scheduler is lost.", "The batch goes on when it is back.")
        arrived, fetched = [], self._fetched(futures)
        for future in futures:
            partition = self._pending.pop(future)
            outcome = fetched.get(future) or self._outcome(future, extraction, partition)
            future.release()
            if outcome is None:
                self._tries[partition.index] += 1
                self._again.append(partition)
            else:
                arrived.append((partition, outcome))
        return arrived

    def _roomy(self, capacity: Capacity) -> list[str] | None:
        """The workers whose disks have room; None where it is all the same, or a GPU's place is what counts."""
        lately = {w for w, at in self._full.items() if time.monotonic() - at < FULL_FOR_S}
        if not lately or capacity.gpus:
            return None
        return [w for w in capacity.workers if w not in lately] or None

    def _hand_in_again(self, extraction: Extraction, facts: StepFacts) -> None:
        """What came to nothing through no fault of its rows; it still has its place in the window."""
        partitions, self._again = self._again, []
        for partition in partitions:
            self._hand_in(extraction, partition, facts)

    def _hand_in(self, extraction: Extraction, partition: Partition, facts: StepFacts) -> None:
        future = self._submit(extraction, partition, facts)
        self._pending[future] = partition
        future.add_done_callback(self._inbox.put)

    def _has_room(self) -> bool:
        """Whether one more may be handed in: no more than the slots can run, as long as it may turn out too small."""
        return not self._sizing.feeling or len(self._pending) < max(self._cluster.capacity().slots, 1)

    def _learn(self, partition: Partition, outcome: Outcome) -> None:
        size_bytes = max(outcome.bytes_in, outcome.bytes_out)
        seconds, steps_s = outcome.seconds.get("total", 0.0), sum(outcome.step_seconds.values())
        self._sizing.learn(partition.rows, seconds, size_bytes, steps_s)

    def _outcome(self, future: Future, extraction: Extraction, partition: Partition) -> Outcome | None:
        """What the task reports, or None where it is to be done again.

        Raises:
            EngineLost, StoreUnavailable: nothing is wrong with the rows, and trying them again does not help now.
        """
        try:
            return _outcome(future, extraction, partition, last=self._killed[partition.index] >= KILLED_TWICE)
        except KilledWorker as error:
            self._killed[partition.index] += 1
            log.warning("a partition's workers died", extra={"partition": partition.index, "reason": str(error)})
        except DiskFull as error:
            log.warning("a disk is full", extra={"worker": error.worker, "reason": str(error)})
            self._full[error.worker] = time.monotonic()
            since = self._full_since.setdefault(partition.index, time.monotonic())
            if time.monotonic() - since > PATIENCE_S:
                raise
        return None

    def _fetched(self, futures: list[Future]) -> dict[Future, Outcome]:
        """What tasks that went well report, several in one call; those of a worker that has died since are left out."""
        well = [future for future in futures if future.status == "finished"]
        if len(well) < 2:
            return {}
        found: list[Outcome] = []
        with suppress(Exception):  # each is asked for alone, then, which says what is wrong
            found = self._client.gather(well, errors="raise")
        return dict(zip(well, found, strict=False))

    def _next(self) -> list[Future]:
        """The futures that were told of since the last time; a fifth of a second's wait at most."""
        told: list[Future | None] = []
        with suppress(Empty):
            told.append(self._inbox.get(timeout=POLL_S))
            while True:
                told.append(self._inbox.get_nowait())
        return [future for future in told if future is not None]

    def _stop(self, extraction: Extraction, futures: list[Future]) -> None:
        """Nothing of this batch runs on: queued tasks are canceled, running hosts are ended."""
        try:
            self._client.cancel(futures, force=True)
            self._client.run(abort, extraction.settings, extraction.run_id, on_error="ignore")
        except Exception:  # the cluster may be what failed; the reason to stop is raised either way
            log.warning("could not stop the batch's tasks", exc_info=True)


def _result_of(future: Any) -> StepFacts:
    warmed: StepFacts | PlatformError = future.result()
    if isinstance(warmed, PlatformError):
        raise warmed
    return warmed


def _outcome(future: Any, extraction: Extraction, partition: Partition, *, last: bool) -> Outcome:
    """What the task reports; a partition that no worker survives, or that hits a bug, fails row by row.

    Args:
        last: it is not tried again when its workers died.

    Raises:
        KilledWorker: its workers died, and this is not the last time.
        EngineLost, StoreUnavailable: nothing is wrong with the rows.
    """
    if future.status == "cancelled" or future.status == "lost":
        raise EngineLost("The scheduler forgot a task.", "The batch is done again.")
    try:
        outcome: Outcome = future.result()
    except KilledWorker as error:
        if not last:
            raise
        return _all_failed(extraction, partition, f"Every worker that took this partition died ({error}).", None)
    except StoreUnavailable:
        raise
    except PlatformError as error:
        return _all_failed(extraction, partition, str(error), None)
    except Exception as error:
        if future.status != "error":  # the task raised nothing, its result was lost on the way
            raise EngineLost("The connection to the scheduler is lost.", "The batch is done again.") from error
        log.exception("partition failed", extra={"partition": partition.index})
        return _all_failed(extraction, partition, f"{type(error).__name__}: {error}", traceback.format_exc())
    return outcome


def _all_failed(extraction: Extraction, partition: Partition, reason: str, trace: str | None) -> Outcome:
    ids = partition_ids(extraction, partition)
    failures = [Failure(document, obj, None, None, reason[:2000], trace, "resource") for document, obj in ids]
    return Outcome(partition.index, rows=len(ids), failures=failures)
