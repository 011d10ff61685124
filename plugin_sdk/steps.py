"""Running a pipeline's steps over the rows of a partition: batches, conditions, halving, and what becomes of each row."""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from plugin_sdk.assembly import BrokenRule, Piece, Rows, joined, piece_of
from plugin_sdk.fitting import release_memory
from plugin_sdk.manifest import Manifest
from plugin_sdk.outcomes import RowFailure
from plugin_sdk.positions import Positions
from plugin_sdk.step import Step
from plugin_sdk.step_failures import Failed, author_traceback, cut, named, sentence
from plugin_sdk.writing import write

MAX_ALIKE = 32
"""After so many rows that failed one by one in the same way, and none that passed, a failing batch is not halved."""


class Progress(Protocol):
    """Hears of each batch; `rows` are positions in the partition, `rows_done` those of the step so far."""

    def started(self, step: int, batch: int, rows: Positions) -> None: ...

    def finished(self, step: int, batch: int, rows_done: int, rows_total: int) -> None: ...


class Unheard:
    """The progress of whoever does not ask."""

    def started(self, step: int, batch: int, rows: Positions) -> None:
        """Nothing happens."""

    def finished(self, step: int, batch: int, rows_done: int, rows_total: int) -> None:
        """Nothing happens."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the steps made of a partition.

    Attributes:
        frame: the rows that passed, in order, with every column; `document_id` is suffixed for rows that were added.
        written: those rows' new or changed columns as they are stored; vectors under their feature's name.
        origin: the position in the partition that each row comes from.
        ordinal: 0 for the first row of an origin, 1, 2, … for those added.
        failures: the rows that failed, each with its reason.
        rows_in: rows of the partition.
        rows_dropped: rows that a processor left out on purpose.
        step_seconds: wall time of each step that ran, by label.
        gone: columns that came with the partition from earlier steps, and that these took away.
    """

    frame: pd.DataFrame
    written: pa.Table
    origin: Positions
    ordinal: Positions
    failures: list[RowFailure]
    rows_in: int
    rows_dropped: int
    step_seconds: dict[str, float]
    gone: list[str]


def run_steps(
    frame: pd.DataFrame,
    steps: Sequence[Step],
    manifest: Manifest | None = None,
    *,
    prepare: Callable[[Any], Any] | None = None,
    progress: Progress | None = None,
    complete: bool = True,
    earlier: Sequence[str] = (),
) -> Outcome:
    """Run `prepare` and each step over the partition's rows, and check what they wrote.

    Args:
        frame: one row per blob; the column `document_id` names them, `mime_type` says which steps see them.
        steps: opened steps, in order; their processors outlive the call.
        manifest: what the plugin promised to write; without one, values are only checked for being storable.
        prepare: called once with all rows, before the first step.
        progress: told of each batch.
        complete: whether these are the pipeline's last steps, so that every promised vector must be there.
        earlier: columns of the frame that the pipeline's earlier steps wrote, elsewhere.

    Returns:
        The rows that passed and those that failed; nothing that a processor does raises here.
    """
    run = _Run(progress or Unheard())
    rows = Rows.of(frame, earlier)
    if prepare is not None:
        rows = run.stage(rows, _Stage("prepare", prepare))
    for i, step in enumerate(steps):
        rows = run.stage(rows, _Stage(step.label, step, i))
    rows.close(steps[-1].label if steps else "prepare")
    written = write(rows, manifest, len(steps) if complete else None)
    run.failures += [rows.failure(at, step, column, cut(reason)) for at, step, column, reason in written.failures]
    kept = rows.frame if written.keep is None else rows.frame[written.keep].reset_index(drop=True)
    keep = slice(None) if written.keep is None else written.keep
    return Outcome(
        kept,
        written.table,
        rows.origin[keep],
        rows.ordinal[keep],
        run.failures,
        len(frame),
        run.dropped,
        run.seconds,
        [name for name in earlier if name not in rows.frame],
    )


@dataclass(slots=True)
class _Stage:
    """`prepare` or a step, and what its batches have come to so far."""

    label: str
    work: Any
    index: int = -1
    passed: int = 0
    done: int = 0
    alike: dict[str, int] = field(default_factory=dict)

    @property
    def is_step(self) -> bool:
        return isinstance(self.work, Step)

    def selected(self, frame: pd.DataFrame) -> list[Positions]:
        """The batches: positions of rows that the stage handles."""
        if not self.is_step:
            return [np.arange(len(frame))] if len(frame) else []
        chosen = np.flatnonzero(self.work.applies_to(frame))
        size = self.work.batch_size
        return [chosen[i : i + size] for i in range(0, len(chosen), size)]

    def cut(self, batch: Positions) -> list[Positions]:
        """The batch in parts, last first, that are no larger than what fitted into memory before."""
        size = self.work.fitting.rows if self.is_step else len(batch)
        return [batch[i : i + size] for i in range(0, len(batch), size)][::-1]

    def learn(self, result: "_Batch") -> None:
        """Remember how much fitted, for the batches to come; a row that fits not even alone teaches nothing."""
        if self.is_step and result.largest:
            if result.ran_out:
                self.work.fitting.learn(result.largest)
            else:
                self.work.fitting.passed()

    def hopeless(self, error: str) -> bool:
        return self.passed == 0 and self.alike.get(error, 0) >= MAX_ALIKE


class _Run:
    """One pass over a partition: collects failures, counts and times."""

    def __init__(self, progress: Progress) -> None:
        self.failures: list[RowFailure] = []
        self.dropped = 0
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._batches = 0
        self._lock = threading.Lock()

    def stage(self, rows: Rows, stage: _Stage) -> Rows:
        """The rows after `stage`."""
        batches = stage.selected(rows.frame)
        if not batches:
            return rows
        began = time.perf_counter()
        pieces = self._pieces(rows, stage, batches)
        after = joined(rows, pieces, np.concatenate(batches), stage.label, stage.is_step)
        key = stage.label if stage.label not in self.seconds else f"{stage.label} ({stage.index + 1})"
        self.seconds[key] = time.perf_counter() - began
        return after

    def _pieces(self, rows: Rows, stage: _Stage, batches: list[Positions]) -> list[Piece]:
        processor = self._processor(rows, stage, batches)
        if processor is None:
            return []
        total = sum(map(len, batches))
        results: Iterable[_Batch]
        if stage.is_step and stage.work.threads > 1 and len(batches) > 1:
            with ThreadPoolExecutor(min(stage.work.threads, len(batches)), "step") as pool:
                results = list(pool.map(lambda batch: self._batch(rows, stage, processor, batch, total), batches))
        else:
            results = [self._batch(rows, stage, processor, batch, total) for batch in batches]
        pieces: list[Piece] = []
        for result in results:
            pieces += result.pieces
            self.failures += result.failures
            self.dropped += result.dropped
        return pieces

    def _processor(self, rows: Rows, stage: _Stage, batches: list[Positions]) -> Callable[[pd.DataFrame], Any] | None:
        """The stage's function; None, and every row failed, when it can't be built."""
        if not stage.is_step:
            return stage.work  # type: ignore[no-any-return]
        if stage.work.is_built:
            return stage.work.processor()  # type: ignore[no-any-return]
        batch = self._started(rows, stage, batches[0])
        try:
            return stage.work.processor()  # type: ignore[no-any-return]
        except BaseException as error:
            reason, text = sentence(f"Step {stage.label} can't be built: {named(error)}"), author_traceback(error)
            for at in np.concatenate(batches):
                self.failures.append(rows.failure(int(at), stage.label, None, cut(reason), text))
            return None
        finally:
            self._progress.finished(stage.index, batch, 0, sum(map(len, batches)))

    def _started(self, rows: Rows, stage: _Stage, positions: Positions) -> int:
        with self._lock:
            self._batches += 1
            batch = self._batches
        self._progress.started(stage.index, batch, rows.origin[positions])
        return batch

    def _batch(
        self, rows: Rows, stage: _Stage, processor: Callable[..., Any], batch: Positions, total: int
    ) -> "_Batch":
        """The batch's rows, as often halved as it takes for bad rows to stand alone."""
        result = _Batch()
        waiting = stage.cut(batch)
        while waiting:
            positions = waiting.pop()
            number = self._started(rows, stage, positions)
            error = self._attempt(rows, stage, processor, positions, result)
            if error is not None:
                waiting += self._after_failure(rows, stage, positions, error, result)
            else:
                result.largest = max(result.largest, len(positions))
            with self._lock:
                stage.done += 0 if waiting else len(batch)
            self._progress.finished(stage.index, number, stage.done, total)
        stage.learn(result)
        return result

    def _attempt(
        self, rows: Rows, stage: _Stage, processor: Callable[..., Any], positions: Positions, result: "_Batch"
    ) -> "Failed | None":
        given = rows.batch(positions)
        try:
            returned = processor(given.frame)
            if inspect.isawaitable(returned):
                returned = asyncio.run(_awaited(returned))
            piece = piece_of(returned, given, positions, rows)
        except BrokenRule as error:
            reason = cut(f"Step {stage.label} returned {error}.")
            return Failed(reason, reason, whole=error.whole)
        except BaseException as error:
            return Failed.of(error, stage.label)
        stage.passed += len(positions)
        result.pieces.append(piece)
        result.dropped += piece.dropped
        return None

    def _after_failure(
        self, rows: Rows, stage: _Stage, positions: Positions, error: "Failed", result: "_Batch"
    ) -> list[Positions]:
        """The halves to try next; none for a row alone, or where halving has shown nothing but the same failure."""
        if error.memory:
            result.ran_out = True
            release_memory()
        if len(positions) > 1 and not error.whole and (error.memory or not stage.hopeless(error.kind)):
            middle = len(positions) // 2
            return [positions[middle:], positions[:middle]]
        with self._lock:
            stage.alike[error.kind] = stage.alike.get(error.kind, 0) + 1
        for at in positions:
            result.failures.append(rows.failure(int(at), stage.label, None, error.reason, error.traceback))
        return []


@dataclass(slots=True)
class _Batch:
    pieces: list[Piece] = field(default_factory=list)
    failures: list[RowFailure] = field(default_factory=list)
    dropped: int = 0
    largest: int = 0
    ran_out: bool = False


async def _awaited(answer: Any) -> Any:
    return await answer
