"""Programs lent to a plugin, in its worker: each command is judged, then run in a sandbox of its own, files in and out.

The plugin's side is `borrowed.py`. It sends `begin`, its input files one by one, `run`, then takes the results one by one.
"""

import contextlib
import os
import select
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugin_sdk.errors import HostFailed, PlatformError
from plugin_sdk.host.connection import Connection, Number
from plugin_sdk.host.ffmpeg_command import Command, command
from plugin_sdk.host.program_process import STDERR, STDIN, STDOUT
from plugin_sdk.host.programs import INSTALL, NAMES
from plugin_sdk.host.protocol import Op, ProtocolError, encode

MAX_FILES = 10_000
START_TIMEOUT_S, CHUNK = 30.0, 1 << 20
NO_FOLLOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotLent(PlatformError):
    """The program is not there, or its run went wrong before it began."""

    code = "not_lent"


@dataclass(frozen=True, slots=True)
class Result:
    """A file that a run left: which output it belongs to (-1 and -2: the standard streams), its path, name and size."""

    output: int
    path: str
    name: str
    size: int


class Run:
    """One command, from its judgement to the last file taken; the sandbox ends with it."""

    def __init__(
        self,
        asked: Command,
        connection: Connection,
        folder: int,
        scratch: Path,
        exit_of: Callable[[Number], tuple[int | None, int]],
    ) -> None:
        self.command = asked
        self._connection, self._folder, self._exit_of = connection, folder, exit_of
        self._scratch = scratch
        self._results: list[Result] = []
        self._taken = ""
        self._files = 0
        self._make(STDIN)
        for file in (*asked.inputs, *asked.outputs):
            os.mkdir(file.folder, 0o777, dir_fd=folder)
            os.chmod(file.folder, 0o777, dir_fd=folder)

    def put(self, number: int, name: str, source: int) -> None:
        """Copy a file of the plugin's to where the command reads it; -1 is the standard input.

        Raises:
            ProtocolError: there is no such input, or it is no file.
            OSError: there is no room.
        """
        self._files += 1
        if self._files > MAX_FILES or not stat.S_ISREG(os.fstat(source).st_mode):
            raise ProtocolError("a program's input is no file, or there are too many")
        if number == -1:
            return self._copy(source, STDIN)
        if not 0 <= number < len(self.command.inputs):
            raise ProtocolError("a program has no such input")
        file = self.command.inputs[number]
        if not file.pattern:
            return self._copy(source, f"{file.folder}/{file.name}")
        if not name or "/" in name or name.startswith((".", "-")) or len(name.encode()) > 200:
            raise ProtocolError("a program's input has no usable name")
        return self._copy(source, f"{file.folder}/{name}")

    def run(self, deadline: float, stop: int | None) -> tuple[int, list[Result]]:
        """Run it to its end; its exit code and what it left.

        Args:
            deadline: it is killed then.
            stop: readable when nobody waits for it any more; it is killed then, too.

        Raises:
            NotLent: it was killed.
        """
        self._connection.send(encode(Op.RUN, self.command.arguments), deadline=deadline)
        watched = [fd for fd in (self._connection.handle, stop) if fd is not None]
        ended = select.select(watched, [], [], max(0.0, deadline - time.monotonic()))[0]
        if self._connection.handle not in ended:
            self._connection.kill()
            raise NotLent(f"{self.command.program} was killed: time limit.", "Give it less to do, or raise the limit.")
        code, _ = self._exit_of(self._connection.number)
        self._connection.drain_log()
        if said := self._connection.log.since(0).strip():
            raise NotLent(f"{said}.", "Tell the operator.")
        self._results = [Result(-1, "", STDOUT, self._size(STDOUT)), Result(-2, "", STDERR, self._size(STDERR))]
        for number, file in enumerate(self.command.outputs):
            self._results += [Result(number, *found) for found in self._left_in(file.folder)]
        return (-1 if code is None else code), self._results[:MAX_FILES]

    def take(self, number: int) -> int:
        """A result, open for reading; the one before it is emptied, so that nobody holds its memory."""
        if not 0 <= number < len(self._results):
            raise ProtocolError("a program left no such file")
        self._empty()
        result = self._results[number]
        self._taken = f"{result.path}{result.name}"
        return os.open(self._taken, NO_FOLLOW, dir_fd=self._folder)

    def close(self) -> None:
        """End the process and forget its files."""
        self._connection.kill()
        self._empty()
        self._connection.ended(5.0)
        with contextlib.suppress(Exception):
            self._exit_of(self._connection.number)
        self._connection.close()
        os.close(self._folder)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _empty(self) -> None:
        if self._taken:
            with contextlib.suppress(OSError):
                file = os.open(self._taken, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder)
                os.ftruncate(file, 0)
                os.close(file)
            self._taken = ""

    def _make(self, name: str) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(name, flags, 0o644, dir_fd=self._folder)
        os.fchmod(file, 0o644)
        if name == STDIN:
            os.close(file)
            return -1
        return file

    def _copy(self, source: int, name: str) -> None:
        target = os.open(name, os.O_WRONLY, dir_fd=self._folder) if name == STDIN else self._make(name)
        try:
            at = 0
            while count := os.sendfile(target, source, at, CHUNK):
                at += count
        finally:
            os.close(target)

    def _size(self, name: str) -> int:
        try:
            found = os.stat(name, dir_fd=self._folder, follow_symlinks=False)
        except OSError:
            return 0
        return found.st_size if stat.S_ISREG(found.st_mode) else 0

    def _left_in(self, folder: str) -> list[tuple[str, str, int]]:
        inside = os.open(folder, NO_FOLLOW | os.O_DIRECTORY, dir_fd=self._folder)
        try:
            names = sorted(os.listdir(inside))[:MAX_FILES]  # noqa: PTH208
        finally:
            os.close(inside)
        regular = [name for name in names if self._is_file(f"{folder}/{name}")]
        return [(f"{folder}/", name, self._size(f"{folder}/{name}")) for name in regular]

    def _is_file(self, name: str) -> bool:
        return stat.S_ISREG(os.stat(name, dir_fd=self._folder, follow_symlinks=False).st_mode)


class Lender:
    """Lends programs to one host, one run at a time."""

    def __init__(
        self,
        programs: dict[str, str],
        start: Callable[[str], tuple[Connection, Path]],
        exit_of: Callable[[Number], tuple[int | None, int]],
    ) -> None:
        """Nothing is started yet.

        Args:
            programs: name -> path.
            start: starts a process that waits to become the program at a path.
            exit_of: tells how a process ended, by its number.
        """
        self.runs = 0
        self._programs, self._start, self._exit_of = programs, start, exit_of
        self._run: Run | None = None

    @property
    def takes_files(self) -> bool:
        """Whether the host may send descriptors now."""
        return self._run is not None

    def begin(self, program: str, arguments: list[str]) -> dict[str, Any]:
        """Judge a command and start its sandbox; which files it wants.

        Raises:
            RefusedCommand: it is not for plugins.
            NotLent: the program is not installed, or its sandbox did not come up.
        """
        self.close()
        if program not in NAMES:
            raise ProtocolError("there is no such program")
        asked = command(program, arguments)
        path = self._programs.get(program)
        if path is None:
            raise NotLent(f"{program} is not installed on this worker.", INSTALL)
        try:
            connection, scratch = self._start(path)
        except HostFailed as error:
            raise NotLent(f"{program} could not be started: {error.problem}", error.fix) from error
        self._run = self._opened(asked, connection, scratch)
        self.runs += 1
        return {
            "inputs": [[file.url, file.pattern] for file in asked.inputs],
            "outputs": [[file.url, file.pattern] for file in asked.outputs],
            "overwrites": asked.overwrites,
        }

    def put(self, number: int, name: str, source: int) -> None:
        """See `Run.put`."""
        try:
            self._current().put(number, name, source)
        except OSError as error:
            raise NotLent(f"{name or 'The input'} can't be copied: {error.strerror}.", "Use smaller files.") from error

    def run(self, deadline: float, stop: int | None) -> dict[str, Any]:
        """See `Run.run`."""
        code, results = self._current().run(deadline, stop)
        return {"code": code, "results": [[r.output, r.name, r.size] for r in results]}

    def take(self, number: int) -> int:
        """See `Run.take`."""
        return self._current().take(number)

    def close(self) -> None:
        """End the run, if there is one."""
        run, self._run = self._run, None
        if run is not None:
            run.close()

    def _current(self) -> Run:
        if self._run is None:
            raise ProtocolError("no program is under way")
        return self._run

    def _opened(self, asked: Command, connection: Connection, scratch: Path) -> Run:
        """The run, once its process is confined and has handed its folder over."""
        try:
            connection.expect_descriptor()
            deadline = time.monotonic() + START_TIMEOUT_S
            while (frame := connection.receive(0.1)) is None:
                if time.monotonic() > deadline:
                    raise ProtocolError("it did not start")
            folder = connection.take_descriptor()
            if frame.op != Op.READY or folder is None:
                raise ProtocolError("it sent no folder")
            return Run(asked, connection, folder, scratch, self._exit_of)
        except Exception as error:
            connection.kill()
            connection.drain_log()
            said = connection.log.since(0).strip()
            connection.close()
            raise NotLent(f"{asked.program} could not be started: {said or error}.", "Tell the operator.") from error
