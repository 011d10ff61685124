"""What the plugin asks of its worker during a call; outside a host nothing is connected."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from plugin_sdk.host.protocol import Op
from plugin_sdk.host.transport import Channel, ConnectionLost, mapped

MAX_QUESTION = 2_000
Conversation = Callable[..., tuple[dict[str, Any], int]]

_channel: Channel | None = None
_in_call = False
_asking = threading.Lock()


class NotGiven(Exception):
    """The worker refused, or could not; what is wrong, and what to do about it."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem, self.fix = problem, fix

    def __str__(self) -> str:
        return f"{self.problem} {self.fix}"


class OpenFile(NamedTuple):
    """A file that the worker opened for reading: its name, its descriptor, its size."""

    name: str
    fd: int
    size: int


def connect(channel: Channel) -> None:
    """From now on questions go over this channel."""
    global _channel
    _channel = channel


def connected() -> bool:
    """Whether this process is a plugin host."""
    return _channel is not None


def begin_call() -> None:
    """Questions are answered from now on."""
    global _in_call
    _in_call = True


def end_call() -> None:
    """Questions are not answered any more; one under way is waited for, so that its answer is not another's."""
    global _in_call
    with _asking:
        _in_call = False


def asset(url: str) -> bytes:
    """The bytes behind a URL, fetched by the worker for this plugin's tenant.

    Raises:
        OSError: the worker refused or could not fetch it; the text says why.
        RuntimeError: no call is under way.
    """
    try:
        answer, fd = _asked(Op.ASSET, str(url), with_file="size")
    except NotGiven as error:
        raise OSError(str(error)) from None
    if fd is None:
        return b""
    with mapped(fd, answer["size"]) as memory:
        return memory.read()


def model(model_id: str) -> OpenFile:
    """The file of a model of this plugin's tenant; the caller closes it.

    Raises:
        NotGiven: the worker refused or could not fetch it.
        RuntimeError: no call is under way.
    """
    answer, fd = _asked(Op.MODEL, str(model_id), with_file="name")
    assert fd is not None
    return OpenFile(answer["name"], fd, answer["size"])


def secret(name: str) -> str:
    """The value of a secret of this plugin's tenant.

    Raises:
        NotGiven: there is none of that name.
        RuntimeError: no call is under way.
    """
    value: str = _asked(Op.SECRET, str(name))[0]["value"]
    return value


@contextmanager
def conversation() -> Iterator[Conversation]:
    """Several questions in a row, with no other between them.

    Raises:
        RuntimeError: no call is under way.
    """
    with _asking:
        if _channel is None or not _in_call:
            raise RuntimeError("this can be asked for while a batch or a request is processed, and only then")
        yield _turn


def _turn(op: Op, value: Any, fds: Sequence[int] = (), *, takes: bool = False) -> tuple[dict[str, Any], int]:
    """One question and its answer; -1 where no descriptor is taken."""
    assert _channel is not None
    _channel.send(op, value, fds)
    frame = _channel.receive()
    if frame is None:
        raise ConnectionLost("the worker is gone")
    answer = frame.decoded()
    if answer["error"] is not None:
        raise NotGiven(*answer["error"])
    return answer, _channel.take_fd() if takes else -1


def _asked(op: Op, about: str, with_file: str = "") -> tuple[dict[str, Any], int | None]:
    """The worker's answer, and the file that comes with it where its key `with_file` is not empty."""
    about = about.encode("utf-8", "replace").decode()
    if len(about) > MAX_QUESTION:
        raise NotGiven(f"{about[:100]!r}… has {len(about)} characters.", f"Ask with at most {MAX_QUESTION}.")
    with _asking:
        if _channel is None or not _in_call:
            raise RuntimeError("this can be asked for while a batch or a request is processed, and only then")
        answer = _channel.ask(op, about).decoded()
        if answer["error"] is not None:
            raise NotGiven(*answer["error"])
        return answer, _channel.take_fd() if with_file and answer[with_file] else None


def close(file: OpenFile) -> None:
    """Give the descriptor back."""
    os.close(file.fd)
