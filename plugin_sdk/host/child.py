"""The plugin's own process: answers the worker's requests, one at a time, until the worker is gone."""

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from plugin_sdk.building import Pipeline
from plugin_sdk.errors import InvalidRealtime, PlatformError, PluginRaised
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.host import brokered, program_process
from plugin_sdk.host.answers import plain
from plugin_sdk.host.board import SIZE as BOARD_SIZE
from plugin_sdk.host.board import Writer
from plugin_sdk.host.child_exit import BROKEN, OUT_OF_MEMORY
from plugin_sdk.host.protocol import MAX_ANSWER, TO_HOST, Frame, Op, encode
from plugin_sdk.host.transport import Channel, ConnectionLost, mapped
from plugin_sdk.host.walls import Descriptors, Plan, Walls
from plugin_sdk.loading import Plugin, load_plugin
from plugin_sdk.manifest import Manifest, ManifestIssues
from plugin_sdk.outcomes import RowFailure
from plugin_sdk.realtime import Handler
from plugin_sdk.step import Step, open_steps
from plugin_sdk.step_failures import out_of_memory
from plugin_sdk.steps import Outcome, run_steps
from plugin_sdk.tracebacks import traceback_text

if TYPE_CHECKING:
    import pyarrow as pa

    from plugin_sdk.host.passing import Passed
    from plugin_sdk.host.tables import Known

MAX_TEXT = 64 << 10


def run(walls: Walls, plan: Plan, descriptors: Descriptors) -> NoReturn:
    """Be the host of this plan's plugin; never returns."""
    if plan.program:
        program_process.run(walls, plan, descriptors)
    code, folder = BROKEN, Path(plan.folder)
    try:
        control, board, folder = walls.apply(plan, descriptors)
        progress = Writer(mapped(board, BOARD_SIZE, write=True))
        with socket.socket(fileno=control) as ours:
            Host(folder, Channel(ours, TO_HOST), progress).serve()
        code = 0
    except MemoryError:
        code = OUT_OF_MEMORY
    except BaseException as error:
        with contextlib.suppress(BaseException):
            sys.stderr.write(traceback_text(error, folder) + "\n")
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
        os._exit(code)


class Host:
    """One plugin, loaded as far as the worker has asked."""

    def __init__(self, folder: Path, channel: Channel, progress: Writer) -> None:
        self._folder = folder
        self._channel = channel
        self._progress = progress
        self._passed: Passed | None = None
        self._known: Known | None = None
        self._plugin: Plugin | None = None
        self._manifest: Manifest | None = None
        self._pipeline: Pipeline | None = None
        self._steps: list[Step] = []
        self._handler: Handler | None = None
        self._answers: dict[int, Callable[[Frame], None]] = {
            Op.INSPECT: self._inspect,
            Op.OPEN_PIPELINE: self._open_pipeline,
            Op.RUN: self._run,
            Op.OPEN_REALTIME: self._open_realtime,
            Op.PREDICT: self._predict,
            Op.PREDICT_BATCH: self._predict_batch,
        }

    def serve(self) -> None:
        """Answer until the worker is gone."""
        brokered.connect(self._channel)
        self._channel.send(Op.READY)
        while (frame := self._channel.receive()) is not None:
            brokered.begin_call()
            self._answer(frame)

    def _answer(self, frame: Frame) -> None:
        try:
            self._answers[frame.op](frame)
        except ConnectionLost:
            raise
        except BaseException as error:
            if out_of_memory(error):
                raise MemoryError from error
            self._raised(error)

    def _raised(self, error: BaseException) -> None:
        known = error if isinstance(error, PlatformError) else self._loaded().raised(error, "The plugin failed")
        told: dict[str, Any] = {
            "kind": type(known).__name__,
            "problem": _cut(known.problem),
            "fix": _cut(known.fix),
            "traceback": _cut(known.traceback) if isinstance(known, PluginRaised) else "",
            "issues": [i.model_dump() for i in known.issues] if isinstance(known, ManifestIssues) else [],
        }
        self._reply(Op.RAISED, told)

    def _reply(self, op: Op, value: Any = None) -> None:
        """The call's last frame: nothing may be asked after it."""
        frame = encode(op, value)
        if op in (Op.PREDICTION, Op.PREDICTIONS) and len(frame) > MAX_ANSWER:
            raise InvalidRealtime(
                f"realtime.py: the answer has {len(frame) >> 20} MB, at most {MAX_ANSWER >> 20} are taken.",
                "Answer less, or an address where the rest lies.",
            )
        self._flush()
        brokered.end_call()
        self._channel.send_frame(frame)

    def _flush(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # the plugin may have closed or replaced it
                stream.flush()

    def _loaded(self) -> Plugin:
        if self._plugin is None:
            self._plugin = load_plugin(self._folder)
        return self._plugin

    def _read_manifest(self) -> Manifest:
        if self._manifest is None:
            self._manifest = self._loaded().manifest()
        return self._manifest

    def _inspect(self, _: Frame) -> None:
        self._reply(Op.MANIFEST, self._read_manifest().model_dump_json())

    def _open_pipeline(self, frame: Frame) -> None:
        asked = frame.decoded()
        manifest = self._read_manifest()
        request = ExtractorRequest.from_dict(asked["request"])
        self._pipeline = self._loaded().pipeline(
            request, base_steps=[], dataset_size=asked["dataset_size"], content_flags=asked["content_flags"]
        )
        self._steps = open_steps(self._pipeline.steps, manifest.compute_profile)
        self._reply(Op.PIPELINE, [asdict(step.info) for step in self._steps])

    def _run(self, frame: Frame) -> None:
        from plugin_sdk.frames import to_frame

        asked = frame.decoded()
        table = self._passed_table(asked["size"], own=asked["own"])
        first, last = asked["steps"] or (0, len(self._steps))
        outcome = run_steps(
            to_frame(table),
            self._steps[first:last],
            self._manifest,
            prepare=self._pipeline.prepare if self._pipeline and first == 0 else None,
            progress=self._progress,
            complete=first == 0 and last >= len(self._steps),
            earlier=asked["earlier"],
        )
        del table
        self._send_outcome(outcome)

    def _passed_table(self, size: int, *, own: bool) -> "pa.Table":
        from plugin_sdk.host.compact import restored
        from plugin_sdk.host.passing import Passed, own_file
        from plugin_sdk.host.tables import Known, read_table

        if self._passed is None or self._known is None:
            self._passed, self._known = Passed(self._channel.take_fd(), self._channel.take_fd()), Known()
        buffer = own_file(self._channel.take_fd(), size) if own else self._passed.taken(size)
        return restored(read_table(buffer, self._known))

    def _send_outcome(self, outcome: Outcome) -> None:
        from plugin_sdk.host.passing import own_file
        from plugin_sdk.host.tables import reply_batch, size_of, write_into

        assert self._passed is not None
        batch, told = reply_batch(outcome), summary(outcome)
        size = write_into(self._passed.output, batch)
        if size is not None:
            return self._reply(Op.RESULT, told | {"size": size})
        size = size_of(batch)
        self._channel.ask(Op.RESULT, told | {"size": size})
        write_into(own_file(self._channel.take_fd(), size, write=True), batch)
        return self._reply(Op.WRITTEN)

    def _open_realtime(self, _: Frame) -> None:
        handler = self._handler = self._loaded().handler()
        handler.warmup()
        told = {"batches": handler.batches, "max_batch_size": handler.max_batch_size}
        self._reply(Op.REALTIME, told | {"max_latency_ms": handler.max_latency_ms})

    def _predict(self, frame: Frame) -> None:
        assert self._handler is not None
        answer = self._handler.predict(frame.decoded())
        self._reply(Op.PREDICTION, plain(answer))

    def _predict_batch(self, frame: Frame) -> None:
        """All at once where the plugin can; one by one after a failure, so that only the bad request fails."""
        assert self._handler is not None
        handler, requests = self._handler, frame.decoded()
        try:
            answers: list[Any] = [[True, plain(answer)] for answer in handler.predict_batch(requests)]
        except BaseException as error:
            if out_of_memory(error):
                raise MemoryError from error
            answers = [self._one(handler, request) for request in requests]
        self._reply(Op.PREDICTIONS, answers)

    def _one(self, handler: Handler, request: dict[str, Any]) -> list[Any]:
        try:
            answer = handler.predict_batch([request])[0] if handler.batches else handler.predict(request)
            return [True, plain(answer)]
        except BaseException as error:
            known = error if isinstance(error, PlatformError) else self._loaded().raised(error, "The plugin failed")
            trace = known.traceback if isinstance(known, PluginRaised) else ""
            return [False, [_cut(known.problem), _cut(known.fix), _cut(trace)]]


def summary(outcome: Outcome) -> dict[str, Any]:
    """What goes beside the table; each text of a traceback goes once."""
    traces: dict[str, int] = {}
    failures = [_told(failure, outcome, traces) for failure in outcome.failures]
    return {
        "failures": failures,
        "tracebacks": list(traces),
        "rows_dropped": outcome.rows_dropped,
        "step_seconds": outcome.step_seconds,
        "gone": outcome.gone,
    }


def _told(failure: RowFailure, outcome: Outcome, traces: dict[str, int]) -> list[Any]:
    trace = traces.setdefault(failure.traceback, len(traces))
    return [failure.row, failure.document_id, failure.step, failure.column, failure.reason, trace]


def _cut(text: str) -> str:
    printable = text.encode("utf-8", "backslashreplace").decode()
    return printable if len(printable) <= MAX_TEXT else f"{printable[:MAX_TEXT]}…"
