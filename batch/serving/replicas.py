"""Replica: one plugin host that answers a deployment's requests, and the thread that hands them to it.

Batches form without a timer: a free replica takes what waits, up to what its handler accepts at once. A host that ends
is replaced, and fails only the request that it was busy with.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from batch.serving.requests import Inbox, Request
from core.errors import InvalidRequest
from core.tracebacks import message_of
from plugin_sdk.errors import HostFailed, PlatformError
from plugin_sdk.outcomes import KILLED_FOR_TIME

log = logging.getLogger(__name__)


class Host(Protocol):
    """The part of a plugin host that answers requests."""

    def predict(self, request: dict[str, Any], /) -> dict[str, Any]: ...

    def predict_batch(self, requests: list[dict[str, Any]], /) -> list[Any]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Started:
    """A host that is loaded and warm, and how many requests its handler takes at once (1: it has no predict_batch)."""

    host: Host
    max_batch_size: int = 1


class Replica:
    """Answers requests from `inbox` until it is closed and drained."""

    def __init__(self, name: str, inbox: Inbox, start: Callable[[], Started]) -> None:
        self._name, self._inbox, self._start = name, inbox, start
        self._started: Started | None = start()
        self._thread = threading.Thread(target=self._run, name=f"replica {name}", daemon=True)
        self._thread.start()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until it has drained; whether it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while requests := self._inbox.take(self._started.max_batch_size if self._started else 1):
            live = [request for request in requests if request.begin()]
            if live:
                self._answer(live)
        if self._started:
            self._started.host.close()

    def _answer(self, requests: list[Request]) -> None:
        try:
            outputs = self._outputs(requests)
        except PlatformError as error:
            self._recover(requests, error)
        except Exception as error:  # the callers get it; the replica lives on
            log.exception("inference failed", extra={"replica": self._name, "requests": len(requests)})
            self._replace()
            for request in requests:
                request.fail(error)
        else:
            for request, output in zip(requests, outputs, strict=True):
                if isinstance(output, Exception):
                    request.fail(output)
                else:
                    request.reply(output)

    def _recover(self, requests: list[Request], error: PlatformError) -> None:
        """Fail the request that caused the error: alone it is the one, among others each is tried by itself."""
        timed_out = isinstance(error, HostFailed) and error.reason == KILLED_FOR_TIME
        if isinstance(error, HostFailed):
            log.warning(
                "host failed", extra={"replica": self._name, "reason": message_of(error), "requests": len(requests)}
            )
            self._replace()
        if len(requests) == 1 or timed_out:
            for request in requests:
                request.fail(error)
            return
        for request in requests:
            self._answer([request])

    def _outputs(self, requests: Sequence[Request]) -> list[Any]:
        """One answer a request: a dict, or of a batch the error that the request alone caused."""
        host = self._host()
        try:
            if len(requests) == 1:
                return [host.predict(dict(requests[0].payload))]
            return host.predict_batch([dict(request.payload) for request in requests])
        except (ValueError, OverflowError, RecursionError) as error:
            raise InvalidRequest(
                f"The request can't be handed to the handler: {error}.", "Send less deeply nested JSON."
            ) from error

    def _host(self) -> Host:
        if self._started is None:
            self._started = self._start()
        return self._started.host

    def _replace(self) -> None:
        """Start another host now, so that the next request finds it; if that fails, the next request tries again."""
        old, self._started = self._started, None
        try:
            if old:
                old.host.close()
            self._started = self._start()
        except PlatformError as error:
            log.warning("no new host", extra={"replica": self._name, "error": message_of(error)})
