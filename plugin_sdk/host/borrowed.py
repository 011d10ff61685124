"""ffmpeg and ffprobe in a plugin host: who starts one through `subprocess` gets a run in a sandbox of the worker's.

`Popen` behaves as ever: pipes, `communicate`, `wait`, `poll`, `kill`. What is written to its input is passed on once the
input is closed, and output comes when the program has ended.
"""

import glob
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from plugin_sdk.host import brokered
from plugin_sdk.host.programs import borrowed_name
from plugin_sdk.host.protocol import Op

CHUNK = 1 << 20
FAILED = 1
NUMBERED = re.compile(r"%0?\d*d")


class Streams(NamedTuple):
    """The program's ends of its pipes; -1 where there is none."""

    stdin: int
    stdout: int
    stderr: int


def install() -> None:
    """Have `subprocess` give a borrowed program to who starts one; all else is as before."""
    start = subprocess.Popen._execute_child  # type: ignore[attr-defined]

    def started(process: Any, args: Any, executable: Any, *rest: Any) -> Any:
        words = [args] if isinstance(args, str | bytes | os.PathLike) else list(args)
        texts = [os.fsdecode(word) for word in words]
        shell = rest[7]
        name = borrowed_name(os.fsdecode(executable or texts[0])) if texts and not shell else None
        if name is None:
            return start(process, args, executable, *rest)
        return _Borrowed(process, name, texts[1:], os.fsdecode(rest[3] or "."), rest[8:14]).start()

    subprocess.Popen._execute_child = started  # type: ignore[attr-defined]


class _Borrowed:
    """The run behind one `Popen`."""

    def __init__(self, process: Any, name: str, arguments: list[str], cwd: str, pipes: Any) -> None:
        self._process, self._name, self._arguments = process, name, arguments
        self._cwd, self._pipes = Path(cwd).absolute(), pipes
        self._done = threading.Event()

    def start(self) -> None:
        """Begin, and make `Popen` ask here instead of the kernel."""
        ends = self._pipes[0], self._pipes[3], self._pipes[5]
        streams = Streams(*(os.dup(fd) if fd != -1 else -1 for fd in ends))
        self._process._close_pipe_fds(*self._pipes)
        self._process._child_created = True
        self._process.pid = 2
        self._process._wait = self._wait
        self._process._internal_poll = lambda *_, **__: self._process.returncode
        self._process.send_signal = lambda _: None
        threading.Thread(target=self._run, args=(streams,), name="borrowed-program", daemon=True).start()

    def _wait(self, timeout: float | None) -> int:
        if not self._done.wait(timeout):
            raise subprocess.TimeoutExpired(self._process.args, timeout or 0.0)
        return int(self._process.returncode)

    def _run(self, streams: Streams) -> None:
        code = FAILED
        try:
            with _stored(streams.stdin) as stdin:
                code = run(self._name, self._arguments, self._cwd, stdin, streams)
        except (brokered.NotGiven, RuntimeError, OSError) as error:
            _say(streams.stderr, f"{error}\n")
        except Exception as error:  # whoever waits must hear of it
            _say(streams.stderr, f"{type(error).__name__}: {error}\n")
        finally:
            self._process.returncode = code
            for fd in streams:
                if fd != -1:
                    os.close(fd)
            self._done.set()


def run(name: str, arguments: list[str], cwd: Path, stdin: int | None, streams: Streams) -> int:
    """One run from its question to its last file; its exit code.

    Raises:
        NotGiven: the worker refuses the command, or the program is not there.
        OSError: a file can't be read or written.
    """
    with brokered.conversation() as ask:
        told, _ = ask(Op.PROGRAM, ["begin", name, arguments])
        for url, pattern in told["outputs"]:
            if not told["overwrites"] and not pattern and (cwd / url).exists():
                _say(streams.stderr, f"File '{url}' already exists. Exiting.\n")
                return FAILED
        for number, (url, pattern) in enumerate(told["inputs"]):
            for path in _files_of(cwd, url, pattern):
                _send(ask, number, path)
        if stdin is not None:
            ask(Op.PROGRAM, ["put", -1, ""], [stdin])
        ended, _ = ask(Op.PROGRAM, ["run"])
        for place, (output, file, size) in enumerate(ended["results"]):
            if size or output >= 0:
                _, fd = ask(Op.PROGRAM, ["take", place], takes=True)
                _keep(fd, _target(told["outputs"], output, file, cwd, streams))
        ask(Op.PROGRAM, ["end"])
        return int(ended["code"])


def _send(ask: Callable[..., Any], number: int, path: Path) -> None:
    with suppress(FileNotFoundError, IsADirectoryError, PermissionError), path.open("rb") as file:
        ask(Op.PROGRAM, ["put", number, path.name], [file.fileno()])


def _files_of(cwd: Path, url: str, pattern: bool) -> list[Path]:
    """What an input means; what is not there the program itself will miss."""
    if not pattern:
        return [cwd / url]
    if NUMBERED.search(Path(url).name):
        folder = (cwd / url).parent
        name = re.compile(r"\d+".join(map(re.escape, NUMBERED.split(Path(url).name))))
        return sorted(path for path in folder.iterdir() if name.fullmatch(path.name)) if folder.is_dir() else []
    return [Path(path) for path in sorted(glob.glob(str(cwd / url)))]  # noqa: PTH207


def _target(outputs: list[Any], output: int, file: str, cwd: Path, streams: Streams) -> int | Path:
    if output < 0:
        found = streams.stdout if output == -1 else streams.stderr
        return found if found != -1 else -output
    url: str
    url, pattern = outputs[output]
    return (cwd / url).parent / Path(file).name if pattern else cwd / url


def _keep(source: int, target: int | Path) -> None:
    """Copy an open file into a pipe or a file of the plugin's, and close it; who reads no more gets no more."""
    with os.fdopen(source, "rb") as file, suppress(BrokenPipeError):
        if isinstance(target, Path):
            with target.open("wb") as kept:
                while data := file.read(CHUNK):
                    kept.write(data)
            return
        while data := file.read(CHUNK):
            view = memoryview(data)
            while view:
                view = view[os.write(target, view) :]


@contextmanager
def _stored(stdin: int) -> Iterator[int | None]:
    """All that comes through a pipe, as a file."""
    if stdin == -1:
        yield None
        return
    with tempfile.TemporaryFile() as file:
        while data := os.read(stdin, CHUNK):
            file.write(data)
        file.flush()
        yield file.fileno()


def _say(stderr: int, text: str) -> None:
    with suppress(OSError):
        os.write(stderr if stderr != -1 else 2, text.encode("utf-8", "replace"))
