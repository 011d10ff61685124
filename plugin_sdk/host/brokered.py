"""What the plugin asks of its worker during a call; outside a host nothing is connected."""

import threading

from plugin_sdk.host.protocol import Op
from plugin_sdk.host.transport import Channel, mapped

_channel: Channel | None = None
_in_call = threading.Event()
_asking = threading.Lock()


def connect(channel: Channel) -> None:
    """From now on questions go over this channel."""
    global _channel
    _channel = channel


def connected() -> bool:
    """Whether this process is a plugin host."""
    return _channel is not None


def begin_call() -> None:
    """Questions are answered from now on."""
    _in_call.set()


def end_call() -> None:
    """Questions are not answered any more; one under way is waited for, so that its answer is not another's."""
    with _asking:
        _in_call.clear()


def asset(url: str) -> bytes:
    """The bytes behind a URL, fetched by the worker for this plugin's tenant.

    Raises:
        OSError: the worker refused or could not fetch it; the text says why.
        RuntimeError: no call is under way.
    """
    with _asking:
        if _channel is None or not _in_call.is_set():
            raise RuntimeError("assets can be opened while a batch or a request is processed, and only then")
        answer = _channel.ask(Op.ASSET, str(url)).decoded()
        if answer["error"] is not None:
            raise OSError(answer["error"])
        if answer["size"] == 0:
            return b""
        with mapped(_channel.take_fd(), answer["size"]) as memory:
            return memory.read()
