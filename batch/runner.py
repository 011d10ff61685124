"""Runner: hands an extraction's partitions to the cluster, a bounded window at a time, and takes in what comes back."""

import logging
import traceback
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

from distributed import Client, Future, KilledWorker, wait

from batch.cluster import gpus, slots
from batch.partitions import Extraction, Failure, Outcome, Partition
from batch.reading import partition_ids
from batch.report import Report
from batch.sink import Sink
from batch.sizing import Sizing
from batch.worker import StepFacts, abort, run_partition, warm
from core.errors import StoreUnavailable
from core.ids import new_id
from plugin_sdk.errors import PlatformError

log = logging.getLogger(__name__)

WINDOW_PER_SLOT = 2
POLL_S = 0.5
WARM_PATIENCE_S = 300.0
LOG_OF_DRIVER = 999_999


class EngineLost(PlatformError):
    """The scheduler, or every worker, is gone; what was not committed is done again."""

    code = "engine_lost"


class Interrupted(PlatformError):
    """The batch service is asked to stop; the job goes back to the queue."""

    code = "interrupted"


class Runner:
    """Runs one extraction at a time on `client`'s cluster; `check` raises when the batch must stop."""

    def __init__(self, client: Client, check: Callable[[], None], sizing: Sizing) -> None:
        self._client, self._check, self._sizing = client, check, sizing

    def run(self, extraction: Extraction, partitions: Iterator[Partition], sink: Sink, report: Report) -> None:
        """Every partition to its end; finished ones are committed even when the rest is stopped.

        Raises:
            PlatformError: the plugin or its archive can't be used.
            EngineLost, StoreUnavailable: to be done again later.
        """
        token = new_id("run")
        warming = self._warm(extraction, token)
        pending: dict[Future, Partition] = {}
        try:
            window = WINDOW_PER_SLOT * max(slots(self._client), 1)
            first = list(islice(partitions, window)) if warming else []
            resources = self._placement(extraction, self._facts(warming), report)
            waiting = chain(first, partitions)
            while True:
                self._check()
                for partition in islice(waiting, window - len(pending)):
                    pending[self._submit(extraction, partition, token, resources)] = partition
                    self._sizing.planned(partition.rows)
                if not pending:
                    break
                for future in self._finished(pending):
                    partition = pending.pop(future)
                    outcome = _outcome(future, extraction, partition)
                    future.release()
                    self._sizing.learn(outcome.rows, outcome.seconds.get("total", 0.0))
                    sink.add(outcome)
                    report.add(extraction.collection_id, outcome)
        except BaseException as error:
            self._stop(extraction, [*pending, *warming])
            if isinstance(error, Exception) and self._client.status != "running":
                raise EngineLost("The connection to the scheduler is lost.", "The batch is done again.") from error
            raise
        finally:
            sink.close()

    def _warm(self, extraction: Extraction, token: str) -> list[Future]:
        """Hosts start on every worker while the input is being listed."""
        workers = list(self._client.scheduler_info(n_workers=-1)["workers"])
        return [
            self._client.submit(
                warm, extraction, key=f"warm-{token}-{n}", workers=[w], allow_other_workers=True, pure=False
            )
            for n, w in enumerate(workers)
        ]

    def _facts(self, warming: list[Future]) -> StepFacts:
        """The steps, from whichever worker opens the pipeline first."""
        waited_s = 0.0
        while True:
            self._check()
            for future in warming:
                if future.status == "finished":
                    return _result_of(future)
            if warming and all(f.done() for f in warming):
                return _result_of(warming[0])
            if not warming or waited_s > WARM_PATIENCE_S:
                raise EngineLost(
                    "The cluster has no worker that answers.", "Start workers; the batch goes on by itself."
                )
            waited_s += POLL_S
            self._wait(warming)

    def _placement(self, extraction: Extraction, facts: StepFacts, report: Report) -> dict[str, float] | None:
        if not facts.wants_gpu:
            return None
        if gpus(self._client) > 0:
            return {"GPU": 1}
        report.log(extraction.collection_id, LOG_OF_DRIVER, "warning: no worker has a GPU; GPU steps ran on the CPU.")
        return None

    def _submit(
        self, extraction: Extraction, partition: Partition, token: str, resources: dict[str, float] | None
    ) -> Future:
        return self._client.submit(
            run_partition,
            extraction,
            partition,
            key=f"{extraction.batch_id}-{extraction.collection_id}-{token}-{partition.index:06d}",
            resources=resources,
            pure=False,
        )

    def _finished(self, pending: dict[Future, Partition]) -> list[Future]:
        while True:
            self._check()
            done = self._wait(list(pending))
            if done:
                return done
            if self._client.status != "running":
                raise EngineLost("The connection to the scheduler is lost.", "The batch goes on when it is back.")

    def _wait(self, futures: list[Future]) -> list[Future]:
        """Those that are done, after half a second at most."""
        try:
            with self._client.as_current():
                return list(wait(futures, timeout=POLL_S, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            return []

    def _stop(self, extraction: Extraction, futures: list[Future]) -> None:
        """Nothing of this batch runs on: queued tasks are canceled, running hosts are ended."""
        try:
            self._client.cancel(futures, force=True)
            self._client.run(abort, extraction.settings, extraction.batch_id, on_error="ignore")
        except Exception:  # the cluster may be what failed; the reason to stop is raised either way
            log.warning("could not stop the batch's tasks", exc_info=True)


def _result_of(future: Any) -> StepFacts:
    warmed: StepFacts | PlatformError = future.result()
    if isinstance(warmed, PlatformError):
        raise warmed
    return warmed


def _outcome(future: Any, extraction: Extraction, partition: Partition) -> Outcome:
    """What the task reports; a partition that no worker survives, or that hits a bug, fails row by row.

    Raises:
        EngineLost, StoreUnavailable: nothing is wrong with the rows.
    """
    if future.status == "cancelled" or future.status == "lost":
        raise EngineLost("The scheduler forgot a task.", "The batch is done again.")
    try:
        outcome: Outcome = future.result()
    except KilledWorker as error:
        return _all_failed(extraction, partition, f"Every worker that took this partition died ({error}).", None)
    except StoreUnavailable:
        raise
    except PlatformError as error:
        return _all_failed(extraction, partition, str(error), None)
    except Exception as error:
        log.exception("partition failed", extra={"partition": partition.index})
        return _all_failed(extraction, partition, f"{type(error).__name__}: {error}", traceback.format_exc())
    return outcome


def _all_failed(extraction: Extraction, partition: Partition, reason: str, trace: str | None) -> Outcome:
    ids = partition_ids(extraction, partition)
    failures = [Failure(document, obj, None, None, reason[:2000], trace, "resource") for document, obj in ids]
    return Outcome(partition.index, rows=len(ids), failures=failures)
