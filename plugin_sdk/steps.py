"""Running a pipeline's steps over the rows of a partition: batches, conditions, halving, and what becomes of each row."""

import asyncio
import gc
import inspect
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from plugin_sdk.assembly import BrokenRule, Piece, Rows, joined, piece_of
from plugin_sdk.manifest import ComputeProfile, Manifest
from plugin_sdk.outcomes import KILLED_FOR_MEMORY, RowFailure, StepInfo
from plugin_sdk.pipeline import ResourceType, RowCondition, StepDefinition
from plugin_sdk.rows import Positions
from plugin_sdk.writing import write

MAX_ALIKE = 32
"""After so many rows that failed one by one in the same way, and none that passed, a failing batch is not halved."""

MAX_IN_FLIGHT = 64
"""Batches of one step at once, whatever it asks for."""

MAX_REASON = 2000
MAX_TRACEBACK = 8000


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


class ProgressActor:
    """What a processor gets as `progress_actor`; rows that it reports are counted, whatever it passes."""

    def __init__(self) -> None:
        self.rows = 0
        self._lock = threading.Lock()

    def report(self, rows: Any = 1, *_: Any, **__: Any) -> None:
        """Count `rows` more; what is no number counts nothing."""
        if isinstance(rows, int | float | np.number) and rows == rows:
            with self._lock:
                self.rows += int(rows)


class Step:
    """A step of an opened pipeline. Its processor is built at the first batch and kept from then on."""

    def __init__(self, definition: StepDefinition, profile: ComputeProfile | None = None) -> None:
        self.definition = definition
        self.label = definition.label
        self.condition = definition.condition
        self.resource_type = definition.resource_type
        defaults = definition.resource_type
        given = (profile.batch_size, profile.max_concurrency) if profile else (None, None)
        self.batch_size = definition.batch_size or given[0] or defaults.default_batch_size
        self.max_concurrency = definition.max_concurrency or given[1] or defaults.default_max_concurrency
        self.progress_actor = ProgressActor()
        self._processor: Callable[[pd.DataFrame], Any] | None = None
        self._building = threading.Lock()

    @property
    def info(self) -> StepInfo:
        """What the platform may know of it."""
        return StepInfo(self.label, str(self.resource_type), str(self.condition), self.batch_size, self.max_concurrency)

    @property
    def threads(self) -> int:
        """Batches in flight at once: more than one only where a step waits for others, as API steps do."""
        return min(self.max_concurrency, MAX_IN_FLIGHT) if self.resource_type is ResourceType.API else 1

    @property
    def is_built(self) -> bool:
        """Whether the processor exists already."""
        return self._processor is not None

    def processor(self) -> Callable[[pd.DataFrame], Any]:
        """The built processor; whatever its constructor raises goes up."""
        with self._building:
            if self._processor is None:
                self._processor = build_processor(self.definition, self.progress_actor)
            return self._processor

    def applies_to(self, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Which rows the step's condition lets in."""
        if self.condition is RowCondition.ALWAYS:
            return np.ones(len(frame), bool)
        if "mime_type" not in frame.columns:
            return np.zeros(len(frame), bool)
        kinds = frame["mime_type"].tolist()
        fits = {kind: isinstance(kind, str) and self.condition.matches(kind) for kind in set(kinds)}
        return np.array([fits[kind] for kind in kinds], bool)


def open_steps(definitions: Iterable[StepDefinition], profile: ComputeProfile | None = None) -> list[Step]:
    """Steps that can run, with the numbers that hold: the step's own, else the profile's, else its resource type's."""
    return [Step(definition, profile) for definition in definitions]


def build_processor(definition: StepDefinition, progress_actor: Any) -> Callable[[pd.DataFrame], Any]:
    """The processor, built with `(config, progress_actor=…)`, `(config)` or `()`; an instance or function as it is."""
    made = definition.service_class
    if not isinstance(made, type):
        return made  # type: ignore[no-any-return]
    positional, named = _arguments(made, definition.config)
    if _accepts(made, "progress_actor"):
        named["progress_actor"] = progress_actor
    processor = made(*positional, **named)
    if not callable(processor):
        raise TypeError(f"{made.__name__} has no method __call__(self, batch)")
    return processor  # type: ignore[no-any-return]


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
    """

    frame: pd.DataFrame
    written: pa.Table
    origin: Positions
    ordinal: Positions
    failures: list[RowFailure]
    rows_in: int
    rows_dropped: int
    step_seconds: dict[str, float]


def run_steps(
    frame: pd.DataFrame,
    steps: Sequence[Step],
    manifest: Manifest | None = None,
    *,
    prepare: Callable[[Any], Any] | None = None,
    progress: Progress | None = None,
    complete: bool = True,
) -> Outcome:
    """Run `prepare` and each step over the partition's rows, and check what they wrote.

    Args:
        frame: one row per blob; the column `document_id` names them, `mime_type` says which steps see them.
        steps: opened steps, in order; their processors outlive the call.
        manifest: what the plugin promised to write; without one, values are only checked for being storable.
        prepare: called once with all rows, before the first step.
        progress: told of each batch.
        complete: whether these are the pipeline's last steps, so that every promised vector must be there.

    Returns:
        The rows that passed and those that failed; nothing that a processor does raises here.
    """
    run = _Run(progress or Unheard())
    rows = Rows.of(frame)
    if prepare is not None:
        rows = run.stage(rows, _Stage("prepare", prepare))
    for i, step in enumerate(steps):
        rows = run.stage(rows, _Stage(step.label, step, i))
    rows.close(steps[-1].label if steps else "prepare")
    written = write(rows, manifest, len(steps) if complete else None)
    run.failures += [rows.failure(at, step, column, _cut(reason)) for at, step, column, reason in written.failures]
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
            reason, text = _sentence(f"Step {stage.label} can't be built: {_named(error)}"), _traceback(error)
            for at in np.concatenate(batches):
                self.failures.append(rows.failure(int(at), stage.label, None, _cut(reason), text))
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
        waiting = [batch]
        while waiting:
            positions = waiting.pop()
            number = self._started(rows, stage, positions)
            error = self._attempt(rows, stage, processor, positions, result)
            if error is not None:
                waiting += self._after_failure(rows, stage, positions, error, result)
            with self._lock:
                stage.done += 0 if waiting else len(batch)
            self._progress.finished(stage.index, number, stage.done, total)
        return result

    def _attempt(
        self, rows: Rows, stage: _Stage, processor: Callable[..., Any], positions: Positions, result: "_Batch"
    ) -> "_Failed | None":
        given = rows.batch(positions)
        try:
            returned = processor(given.copy(deep=False))
            if inspect.isawaitable(returned):
                returned = asyncio.run(_awaited(returned))
            piece = piece_of(returned, given, positions, rows)
        except BrokenRule as error:
            reason = _cut(f"Step {stage.label} returned {error}.")
            return _Failed(reason, reason, whole=error.whole)
        except BaseException as error:
            return _Failed.of(error, stage.label)
        stage.passed += len(positions)
        result.pieces.append(piece)
        result.dropped += piece.dropped
        return None

    def _after_failure(
        self, rows: Rows, stage: _Stage, positions: Positions, error: "_Failed", result: "_Batch"
    ) -> list[Positions]:
        """The halves to try next; none for a row alone, or where halving has shown nothing but the same failure."""
        if error.memory:
            gc.collect()
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


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why a batch failed; `kind` is equal for failures that are alike."""

    kind: str
    reason: str
    traceback: str = ""
    memory: bool = False
    whole: bool = False

    @classmethod
    def of(cls, error: BaseException, label: str) -> "_Failed":
        memory = out_of_memory(error)
        reason = _sentence(f"Step {label} raised {_named(error)}")
        if memory:
            reason = f"{KILLED_FOR_MEMORY}. {reason}"
        return cls(f"{type(error).__name__} {_line(error.__traceback__)}", _cut(reason), _traceback(error), memory)


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: Python's own error, or torch's in its several spellings."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = _named(error)
    return isinstance(error, RuntimeError | OSError) and ("can't allocate memory" in text or "out of memory" in text)


def _named(error: BaseException) -> str:
    try:
        text = str(error).strip()
    except Exception:  # an author's exception may not even be printable
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _cut(text: str, limit: int = MAX_REASON) -> str:
    printable = text.encode("utf-8", "backslashreplace").decode()
    return printable if len(printable) <= limit else f"{printable[:limit]}…"


def _line(trace: TracebackType | None) -> int:
    """The line in the innermost frame."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_lineno if trace is not None else 0


def _traceback(error: BaseException) -> str:
    """The author's part of the traceback; its end where it is long."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, trace))
    except Exception:
        text = type(error).__name__
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MAX_TRACEBACK else f"…{text[-MAX_TRACEBACK:]}"


async def _awaited(answer: Any) -> Any:
    return await answer


def _parameters(made: type) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(made).parameters.values())
    except (ValueError, TypeError):
        return None


def _accepts(made: type, name: str) -> bool:
    found = _parameters(made)
    return found is not None and any(p.name == name or p.kind is p.VAR_KEYWORD for p in found)


def _arguments(made: type, config: Any) -> tuple[list[Any], dict[str, Any]]:
    """How the constructor takes its configuration, if it does."""
    found = _parameters(made)
    if found is None:
        return [config], {}
    others = [p for p in found if p.name != "progress_actor"]
    if any(p.name == "config" and p.kind is p.KEYWORD_ONLY for p in others):
        return [], {"config": config}
    for p in others:
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            return ([], {}) if config is None and p.default is not p.empty else ([config], {})
        if p.kind is p.VAR_POSITIONAL and config is not None:
            return [config], {}
    return [], {}
