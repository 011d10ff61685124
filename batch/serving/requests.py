"""Requests to a deployment: each waits in a bounded inbox until a replica is free, and is answered once."""

import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from core.errors import ServingUnavailable

Payload = Mapping[str, Any]


@dataclass(eq=False, slots=True)
class Request:
    """One call of a handler: what goes in, and the future of what comes out."""

    payload: Payload
    answer: "Future[dict[str, Any]]" = field(default_factory=Future)

    def begin(self) -> bool:
        """Whether someone still waits for the answer; from here on it can't be taken back."""
        return self.answer.set_running_or_notify_cancel()

    def reply(self, output: dict[str, Any]) -> None:
        """Answer it."""
        self.answer.set_result(output)

    def fail(self, error: BaseException) -> None:
        """Answer it with an error."""
        self.answer.set_exception(error)


class InboxClosed(Exception):
    """The deployment's generation is on its way out; its successor takes the request."""


class Inbox:
    """Requests in order of arrival, shared by a deployment's replicas; at most `limit` wait."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Request] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, request: Request) -> None:
        """Let the request wait.

        Raises:
            ServingUnavailable: too many wait already.
            InboxClosed: nobody takes requests from here any more.
        """
        with self._changed:
            if self._closed:
                raise InboxClosed
            if len(self._waiting) >= self._limit:
                raise ServingUnavailable(
                    f"{len(self._waiting)} requests wait for this deployment, which is its limit.",
                    "Send fewer at once, or try again in a moment.",
                )
            self._waiting.append(request)
            self._changed.notify()

    def take(self, most: int) -> list[Request]:
        """Up to `most` requests as soon as one waits, without waiting for more; [] once closed and drained."""
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return []
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def close(self) -> None:
        """Take no more; what waits is still answered."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
