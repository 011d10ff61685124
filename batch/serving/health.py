"""Health of one serving node, for whoever balances load: is it alive, and may it be sent requests. No key is needed."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from batch.serving.endpoints import key_of
from batch.serving.node import Node
from core.deployments import desired_deployments
from core.errors import StoreUnavailable
from core.status import DeploymentStatus
from core.stores import Stores

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

LIVENESS, READINESS = "/v1/health/liveness", "/v1/health/readiness"
CATCHING_UP_S = 120.0
"""A node that lacks a deployment for longer is sent requests: what fails to start here must not keep the others out."""


class Readiness:
    """Says once whether the node has caught up with the records; from then on it is ready, whatever the stores do."""

    def __init__(self, stores: Stores, node: Node, *, patience_s: float = CATCHING_UP_S) -> None:
        self._stores, self._node = stores, node
        self._until = time.monotonic() + patience_s
        self._ready = False

    def missing(self) -> str | None:
        """What it waits for, or None."""
        if self._ready:
            return None
        try:
            desired = list(desired_deployments(self._stores))
        except StoreUnavailable as error:
            return str(error)
        here = self._node.endpoints.all()
        waits = [d.name for d in desired if d.status is DeploymentStatus.DEPLOYED and key_of(d) not in here]
        if waits and time.monotonic() < self._until:
            return f"{len(waits)} deployments are not here yet."
        self._ready = True
        return None


class WithHealth:
    """An ASGI app with the two routes before it."""

    def __init__(self, app: App, readiness: Readiness) -> None:
        self._app, self._readiness = app, readiness

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        path = scope["path"] if scope["type"] == "http" else None
        if path == LIVENESS:
            await _answer(send, 200, {"status": "OK"})
        elif path == READINESS:
            missing = await asyncio.to_thread(self._readiness.missing)
            await _answer(send, 503 if missing else 200, {"status": "STARTING" if missing else "OK", "reason": missing})
        else:
            await self._app(scope, receive, send)


async def _answer(send: Any, status: int, body: dict[str, Any]) -> None:
    data = orjson.dumps(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
