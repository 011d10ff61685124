"""A plugin host as its worker sees it: a few questions, one at a time, and an error when it dies, hangs or cheats."""

import contextlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from plugin_sdk import errors
from plugin_sdk.errors import HostFailed, InvalidPipeline, InvalidRealtime, PlatformError, PluginRaised
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.host.board import Reader
from plugin_sdk.host.broker import Answerer, Broker, Handed
from plugin_sdk.host.connection import Connection, HostEnded, HostSilent, Number
from plugin_sdk.host.flight import Flight, OnProgress
from plugin_sdk.host.lent import Lender
from plugin_sdk.host.masking import Masks
from plugin_sdk.host.network import NetworkPolicy
from plugin_sdk.host.outside import Outside
from plugin_sdk.host.protocol import Frame, Op, ProtocolError, encode
from plugin_sdk.host.proxy import Usage
from plugin_sdk.host.replies import RealtimeInfo, Result, Summary, parsed
from plugin_sdk.host.resident import Resident
from plugin_sdk.host.settings import HostSettings
from plugin_sdk.host.transport import shared_file
from plugin_sdk.host.verdicts import failure_of, verdict
from plugin_sdk.manifest import Issue, Manifest, ManifestIssues
from plugin_sdk.outcomes import KILLED_FOR_MEMORY, KILLED_FOR_TIME, StepInfo

if TYPE_CHECKING:
    import pyarrow as pa

    from plugin_sdk.host.passing import Passing
    from plugin_sdk.host.tables import Known

log = logging.getLogger(__name__)

READY_TIMEOUT_S = 30.0
PASSING_BYTES = 32 << 20
"""More than the files take that pass tables of usual sizes."""

NO_USAGE = Usage()
USED = (
    *("models", "secrets", "programs", "refused questions"),
    *("connections", "refused connections", "bytes sent", "bytes received"),
)
"""What a call may use, in the words of its log."""

END_S = 2.0
"""A host that has closed its connection is over within this; its process ends last of all that it has."""


class Keeper(Protocol):
    """What a host needs of its zygote."""

    @property
    def programs(self) -> dict[str, str]: ...

    def start_program(self, path: str) -> tuple[Connection, Path]: ...

    def exit_of(self, number: Number) -> tuple[int | None, int]: ...

    def forget(self, host: "PluginHost") -> None: ...


class HostTooLarge(Exception):
    """It holds more memory than it may, of a kind that the kernel does not count for it."""


class PluginHost:
    """One plugin in a process of its own. Calls from several threads wait for each other; `kill` does not wait."""

    def __init__(
        self,
        keeper: Keeper,
        connection: Connection,
        name: str,
        board: Reader,
        scratch: Path,
        settings: HostSettings,
        broker: Broker,
    ) -> None:
        self.name = name
        self.realtime: RealtimeInfo | None = None
        self.steps: list[StepInfo] | None = None
        self._keeper, self._connection, self._scratch = keeper, connection, scratch
        self._settings, self._masks = settings, connection.masks
        self._lender = Lender(keeper.programs, keeper.start_program, keeper.exit_of)
        self._questions = Answerer(broker, name, connection, self._lender)
        self._manifest: Manifest | None = None
        self._calling = threading.RLock()
        self._ended: HostFailed | None = None
        self._killed_for = ""
        self._in_call = False
        self._board = board
        self._passing: Passing | None = None
        self._known: Known | None = None
        self._resident = Resident(connection.pid, settings.memory_mb + settings.scratch_mb)
        self._lent_bytes = 0
        self._outside = Outside(downloads=settings.model_downloads)
        self._told_of_end: list[Callable[[], None]] = []

    def __enter__(self) -> "PluginHost":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The host's process."""
        return self._connection.pid

    @property
    def alive(self) -> bool:
        """Whether it still answers; a host that failed never does again."""
        return self._ended is None

    @property
    def log(self) -> str:
        """The last 64 KiB that the plugin printed, over all calls."""
        return self._connection.log.since(0)

    @property
    def handed(self) -> Handed:
        """How often it was given assets, models and secrets."""
        return self._questions.handed

    def log_since(self, mark: int) -> tuple[str, int]:
        """What it printed since `mark`, as far as it is kept, and the mark of now; 0 is its start."""
        tail = self._connection.log
        now = tail.total
        return tail.since(mark), now

    @property
    def network_usage(self) -> Usage | None:
        """What went through the host's proxy; None where it has none."""
        return self._outside.usage

    def wait_ready(self, network: NetworkPolicy | None = None) -> None:
        """Wait until the host is confined and listens.

        Args:
            network: what the host's proxy lets through; None where its zygote gives hosts no way out.

        Raises:
            HostFailed: it ended or hung before.
        """
        with self._conversation() as flight:
            flight.timeout_s = READY_TIMEOUT_S
            if network is not None:
                self._open_proxy(network, flight)
            self._until(Op.READY, flight)

    def _open_proxy(self, network: NetworkPolicy, flight: Flight) -> None:
        """Answer at the listener that the host hands over before it has read a byte of its plugin."""
        self._connection.expect_descriptor()
        told = self._until(Op.LISTENING, flight).decoded()
        flight.open = True
        listener = self._connection.take_descriptor()
        if listener is None:
            log.warning("plugin '%s' runs without network: %s", self.name, told.get("error"))
            return
        lines = self._connection.log
        self._outside.open(listener, network, lambda line: lines.add(f"{line}\n".encode()), self._connection.handle)

    def inspect(self) -> Manifest:
        """What manifest.py declares; no other file of the plugin is loaded, unless manifest.py imports it.

        Raises:
            ManifestIssues: it breaks rules; all of them.
            HostFailed: the host died, hung or cheated.
        """
        text = self._ask(Op.INSPECT, None, Op.MANIFEST)
        with self._conversation():
            self._known = None
            self._manifest = parsed(lambda: Manifest.model_validate_json(text))
        return self._manifest

    def open_pipeline(
        self,
        request: ExtractorRequest,
        dataset_size: int | None = None,
        content_flags: dict[str, Any] | None = None,
    ) -> list[StepInfo]:
        """Load pipeline.py and build its steps for this request; `run` then runs them.

        Raises:
            ManifestIssues, InvalidPipeline, PluginRaised: the plugin's files can't be used.
            HostFailed: the host died, hung or cheated.
        """
        if self._manifest is None:
            self.inspect()
        asked = {"request": request.to_dict(), "dataset_size": dataset_size, "content_flags": content_flags}
        told = self._ask(Op.OPEN_PIPELINE, asked, Op.PIPELINE)
        with self._conversation():
            steps = self.steps = parsed(lambda: [StepInfo(**step) for step in told])
            self._outside.open_for_steps(steps)
        return steps

    def run(
        self,
        table: "pa.Table",
        on_progress: OnProgress | None = None,
        steps: tuple[int, int] | None = None,
        earlier: Sequence[str] = (),
    ) -> Result:
        """Run the opened steps over a partition.

        Args:
            table: one row per blob; the columns of plugin-spec §4.
            on_progress: told in this thread, every tenth of a second and at the end, how far the step is.
            steps: first and after-last step of this run; all by default.
            earlier: columns of the table that steps before these wrote; these may take them away.

        Returns:
            The rows that passed with every column, and the rows that failed.

        Raises:
            InvalidPipeline: `open_pipeline` was not called.
            HostFailed: the host died, hung or cheated; `step` and `rows` are what was in flight.
        """
        from plugin_sdk.host import results, tables

        if self.steps is None:
            raise InvalidPipeline(
                f"Plugin '{self.name}': no pipeline is open in its host.", "Call open_pipeline first."
            )
        labels = [step.label for step in self.steps[slice(*(steps or (None,)))]]
        with self._conversation() as flight:
            mark, before = self._connection.log.total, self._used()
            flight.expect(labels, table.num_rows, on_progress)
            with self._passed(table) as (size, fds, own):
                self._send(Op.RUN, {"size": size, "own": own, "steps": steps, "earlier": list(earlier)}, flight, fds)
                summary = Summary.of(self._until(Op.RESULT, flight), table.num_rows)
            known = self._known = self._known or tables.Known()
            batch = self._fetch(summary, flight, known)
            flight.tell()
            self._connection.settle_log()
            if used := spent(before, self._used()):
                self._connection.log.add(f"used: {used}\n".encode())
            log = self._connection.log.since(mark)
            told = summary.masked(self._masks)
            return results.assembled(table, batch, told, self._manifest, log, known, earlier)

    def open_realtime(self) -> RealtimeInfo:
        """Load realtime.py, build its handler and warm it up.

        Raises:
            InvalidRealtime, PluginRaised: realtime.py can't be used.
            HostFailed: the host died, hung or cheated.
        """
        self._outside.open_for_handler()
        told = self._ask(Op.OPEN_REALTIME, None, Op.REALTIME)
        with self._conversation():
            self.realtime = parsed(lambda: RealtimeInfo(**told))
        return self.realtime

    def predict(self, request: dict[str, Any]) -> dict[str, Any]:
        """The plugin's answer to one request.

        Raises:
            PluginRaised, InvalidRealtime: the handler raised, or answered no dict.
            HostFailed: the host died, hung or cheated.
        """
        self._require_handler()
        answer = self._ask(Op.PREDICT, request, Op.PREDICTION)
        if not isinstance(answer, dict):
            with self._conversation():
                raise ProtocolError("an answer is no dict")
        return answer

    def predict_batch(self, requests: Sequence[dict[str, Any]]) -> list[dict[str, Any] | PluginRaised]:
        """One answer per request, in order; for a request that fails alone, its error.

        Raises:
            HostFailed: the host died, hung or cheated.
        """
        self._require_handler()
        told = self._ask(Op.PREDICT_BATCH, list(requests), Op.PREDICTIONS)
        with self._conversation():
            return parsed(lambda: [_answer(self._masks, *one) for one in _exactly(told, len(requests))])

    def _used(self) -> tuple[int, ...]:
        """What it has been given and has sent so far, in the order of `USED`."""
        given, usage = self._questions.handed, self._outside.usage or NO_USAGE
        counts = (given.models, given.secrets, given.programs, given.refused_questions)
        return (*counts, usage.connections, usage.refused, usage.sent_bytes, usage.received_bytes)

    def _require_handler(self) -> None:
        if self.realtime is None:
            raise InvalidRealtime(f"Plugin '{self.name}': no handler is open in its host.", "Call open_realtime first.")

    def kill(self, reason: str = "killed: by its worker") -> None:
        """End it at once, from any thread; a call under way raises HostFailed with this reason, as later calls do."""
        self._killed_for = self._killed_for or reason
        self._connection.kill()
        if self._calling.acquire(blocking=False):
            try:
                self._clear_away()
            finally:
                self._calling.release()

    def close(self) -> None:
        """End it and remove its scratch folder."""
        self.kill("closed")
        with self._calling:
            self._clear_away()

    def when_ended(self, tell: Callable[[], None]) -> None:
        """Have `tell` called once the host is known to have ended, however; at once if it has."""
        with self._calling:
            if self._ended is None:
                return self._told_of_end.append(tell)
        return tell()

    def _clear_away(self) -> None:
        """Give back what a host without a call has; a call under way does so itself."""
        if self._ended is None and not self._in_call:
            self._fail(self._killed_for, Flight(0, self._board))

    def _ask(self, op: Op, value: Any, expected: Op) -> Any:
        with self._conversation() as flight:
            self._send(op, value, flight)
            answer = self._until(expected, flight).decoded()
            self._connection.settle_log()
            return answer

    @contextlib.contextmanager
    def _passed(self, table: "pa.Table") -> Iterator[tuple[int, list[int], bool]]:
        """The table where the host finds it: its size, descriptors to send, whether its file is its own."""
        from plugin_sdk.host import tables
        from plugin_sdk.host.compact import compacted
        from plugin_sdk.host.passing import Passing

        fds: list[int] = []
        if self._passing is None:
            self._passing = Passing()
            fds = [self._passing.input_fd, self._passing.output_fd]
        table = compacted(table)
        size = tables.write_into(self._passing.input, table)
        if size is not None:
            yield size, fds, False
            return
        with shared(tables.share(table)) as (fd, size):
            self._lent_bytes += size
            yield size, [*fds, fd], True

    def _fetch(self, summary: Summary, flight: Flight, known: "Known") -> "pa.RecordBatch":
        """What the host wrote; for a result larger than its file, it gets another of the size that it asked for."""
        from plugin_sdk.host import tables
        from plugin_sdk.host.passing import OUTPUT_BYTES

        size, limit = summary.size, self._settings.max_reply_mb
        if not 0 < size <= limit << 20:
            raise ProtocolError(f"the reply has {size} bytes, at most {limit} MB are taken")
        if size <= OUTPUT_BYTES and self._passing is not None:
            return tables.take_back(self._passing.output_fd, size, self._settings.max_rows, known)
        with shared((shared_file(size, "output"), size)) as (fd, _):
            self._lent_bytes += size
            self._send(Op.OUTPUT, None, flight, [fd])
            self._until(Op.WRITTEN, flight)
            return tables.take_back(fd, size, self._settings.max_rows, known)

    @contextlib.contextmanager
    def _conversation(self) -> Iterator[Flight]:
        """One exchange with the host; whatever goes wrong with the host itself ends it and says how."""
        with self._calling:
            if self._ended is not None:
                raise HostFailed(*self._ended.args)
            flight = Flight(self._settings.call_timeout_s, self._board)
            self._in_call, self._lent_bytes = True, PASSING_BYTES
            try:
                yield flight
            except HostSilent:
                raise self._fail(KILLED_FOR_TIME, flight) from None
            except HostTooLarge:
                raise self._fail(KILLED_FOR_MEMORY, flight) from None
            except HostEnded:
                raise self._fail("", flight) from None
            except ProtocolError as error:
                raise self._fail(f"killed: broke the protocol ({error})", flight) from error
            except BaseException:
                if flight.open:  # an answer is still to come, and would be taken for that of the next call
                    self._fail("killed: its worker gave the call up", flight)
                raise
            finally:
                self._in_call = False

    def _send(self, op: Op, value: Any, flight: Flight, fds: Sequence[int] = ()) -> None:
        frame = encode(op, value)
        flight.rearm()
        flight.open = True
        self._connection.send(frame, fds, deadline=flight.deadline)

    def _until(self, expected: Op, flight: Flight) -> Frame:
        """The expected frame; what the host tells or asks before it is dealt with."""
        while True:
            frame = self._connection.receive(flight.wait_s)
            if frame is None:
                if self._resident.is_over(self._lent_bytes):
                    raise HostTooLarge
                if not flight.look():
                    raise HostSilent
                continue
            flight.open = frame.op not in (expected, Op.RAISED)
            if frame.op == expected:
                return frame
            if frame.op == Op.RAISED:
                self._connection.settle_log()
                raise _raised(frame.decoded(), self._masks)
            if not self._questions.takes(frame.op):
                raise ProtocolError(f"a frame of kind {frame.op} is out of place")
            self._answer(frame, flight)

    def _answer(self, question: Frame, flight: Flight) -> None:
        began = time.monotonic()
        with self._questions.answered(question, flight.program_deadline) as (told, fd):
            self._lent_bytes += told.get("size", 0)
            if question.op != Op.PROGRAM:  # what a plugin has done elsewhere is done in its own time
                flight.pause(time.monotonic() - began)
            self._connection.send(encode(Op.ANSWER, told), [] if fd is None else [fd], deadline=flight.deadline)

    def _fail(self, reason: str, flight: Flight) -> HostFailed:
        """End the host, keep why, and give back all that it had; the reason is the worker's own, else its exit's."""
        if reason:
            self._connection.kill()
        over = self._connection.ended(END_S)
        if not over:
            reason = reason or "killed: closed its connection"
            self._connection.kill()
            over = self._connection.ended(5.0)
        self._connection.drain_log()
        flight.end()
        code, peak_kib = self._keeper.exit_of(self._connection.number) if over else (None, 0)
        ran_out = self._connection.ran_out
        reason = self._killed_for or reason or verdict(code, peak_kib, self._settings.memory_mb, ran_out=ran_out)
        self._ended = failure_of(reason, self.name, self._settings, flight, self.log)
        self._outside.close()
        self._lender.close()
        self._connection.close()
        self._board.close()
        if self._passing is not None:
            self._passing.close()
        self._keeper.forget(self)
        for tell in self._told_of_end:
            tell()
        shutil.rmtree(self._scratch, ignore_errors=True)
        return self._ended


@contextlib.contextmanager
def shared(file: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """A shared file's descriptor and size; closed at the end."""
    try:
        yield file
    finally:
        os.close(file[0])


def spent(before: Sequence[int], after: Sequence[int]) -> str:
    """What was used between two counts, e.g. `1 models, 3 connections`; empty if nothing was."""
    grown = ((now - then, name) for then, now, name in zip(before, after, USED, strict=True) if now > then)
    return "" if before == after else ", ".join(f"{count} {name}" for count, name in grown)


def _raised(told: Any, masks: Masks) -> PlatformError:
    """The error that the host reports, as the class that it names if that is one of ours."""
    kind = str(told.get("kind", ""))
    problem, fix, trace = (masks.text(str(told.get(key, ""))) for key in ("problem", "fix", "traceback"))
    if kind == "ManifestIssues":
        return ManifestIssues(parsed(lambda: [_issue(issue, masks) for issue in told["issues"]]))
    known = getattr(errors, kind, None)
    if isinstance(known, type) and issubclass(known, PlatformError) and known not in (HostFailed, PluginRaised):
        return known(problem, fix)
    return PluginRaised(problem, fix, trace)


def _issue(told: Any, masks: Masks) -> Issue:
    return Issue(**{key: masks.text(value) if isinstance(value, str) else value for key, value in told.items()})


def _exactly(told: Any, count: int) -> list[Any]:
    if not isinstance(told, list) or len(told) != count:
        raise ProtocolError("the answers are not as many as the requests")
    return told


def _answer(masks: Masks, passed: Any, value: Any) -> dict[str, Any] | PluginRaised:
    if passed is True and isinstance(value, dict):
        return value
    problem, fix, trace = (masks.text(str(text)) for text in value)
    return PluginRaised(problem, fix, trace)
