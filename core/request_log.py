"""Request log: one line for each HTTP request, with its id, who asked, how long it took; nothing that was sent.

The id comes from the client's X-Request-Id where it is one, from Lambda, or is new; it stands in every line that is
logged on the way, and in the answer.
"""

import logging
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any

from core.log import context
from core.metrics import measured

log = logging.getLogger(__name__)

HEADER = b"x-request-id"
ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
QUIET = "/v1/health/liveness"
"""Asked for every second by whatever looks after the process."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class RequestLog:
    """ASGI middleware around a whole application."""

    def __init__(self, app: App, service: str) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == QUIET:
            await self._app(scope, receive, send)
            return
        request_id, status = id_of(scope), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (HEADER, request_id.encode())]
            await send(message)

        started = perf_counter()
        with context(request_id=request_id):
            try:
                await self._app(scope, receive, sending)
            finally:
                self._tell(scope, status, (perf_counter() - started) * 1000)

    def _tell(self, scope: Message, status: int, duration_ms: float) -> None:
        by = {"service": self._service, "outcome": f"{status // 100}xx"}
        about = {"method": scope["method"], "route": route_of(scope), "status": status}
        log.info("request", extra=about | measured(by, requests=1, duration_ms=round(duration_ms, 2)))


def id_of(scope: Message) -> str:
    """The request's id; what a client calls it is taken only where it is a plain word."""
    given = next((value for name, value in scope["headers"] if name == HEADER), b"")
    if ID.fullmatch(given):
        return str(given.decode())
    of_lambda = getattr(scope.get("aws.context"), "aws_request_id", None)
    return of_lambda or secrets.token_hex(16)


def route_of(scope: Message) -> str:
    """The route's own path, with the names of its parameters and not their values."""
    path = getattr(scope.get("route"), "path", None)  # without the prefix that its router was mounted at
    if path is None:
        return "/inference/{deployment_name}" if scope["path"].startswith("/inference/") else "unmatched"
    if path.startswith("/v1/") or not scope["path"].startswith("/v1/"):
        return str(path)
    in_path = "namespace_id" in scope.get("path_params", {}) and "{namespace_id}" not in path
    return f"/v1/namespaces/{{namespace_id}}{path}" if in_path else f"/v1{path}"
