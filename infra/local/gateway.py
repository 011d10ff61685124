"""The front door on one machine: data routes go to the serving node, everything else to the control API.

In the cloud API Gateway does this; here both are in one process, and a request pays one regular expression for it.
"""

import asyncio
import importlib
import logging
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from core.access import write_uses
from core.errors import StoreUnavailable
from core.log import configure
from core.settings import Settings
from core.stores import Stores
from infra.local.environment import GATEWAY_PORT
from infra.local.lifeline import wait_for_start

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

DATA_ROUTE = re.compile(
    r"/(?:inference/|v1/(?:namespaces/[^/]+/)?(?:"
    r"inference(?:/|$)"
    r"|documents/search$"
    r"|collections/[^/]+/documents(?:/|$)"
    r"|retrievers/(?:[^/]+/)?execute$"
    r"|plugins/[^/]+/realtime/"
    r"))"
)


class Gateway:
    """One ASGI application out of two; each gets its own lifespan, and `close` is called after both."""

    def __init__(self, control: App, data: App, close: Callable[[], None] = lambda: None) -> None:
        self._control, self._data, self._close = control, data, close

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif DATA_ROUTE.match(scope["path"]):
            await self._data(scope, receive, send)
        else:
            await self._control(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            stack.callback(self._close)
            try:
                for app in (self._control, self._data):
                    await stack.enter_async_context(living(app))
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def living(app: App) -> AsyncIterator[None]:
    """Run the lifespan of `app` around the block; an app that has none is let be.

    Raises:
        RuntimeError: the app says that it can't start.
    """
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    outgoing: asyncio.Queue[Message] = asyncio.Queue()

    async def run() -> None:
        try:
            await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, incoming.get, outgoing.put)
        finally:
            await outgoing.put({"type": "ended"})

    task = asyncio.create_task(run())
    await incoming.put({"type": "lifespan.startup"})
    answer = await outgoing.get()
    if answer["type"] == "lifespan.startup.failed":
        raise RuntimeError(answer.get("message") or "the application did not start")
    try:
        yield
    finally:
        await incoming.put({"type": "lifespan.shutdown"})
        await asyncio.gather(task, return_exceptions=True)


def create_gateway(settings: Settings) -> Gateway:
    """The whole platform's HTTP surface over these settings."""
    from batch.bulk.local import LocalBulk
    from batch.inspect import HostInspector
    from batch.serving.app import create_app as data_app
    from core.stores.vectors import Vectors
    from functions.api.app import create_app as control_app

    stores, inspector = Stores.open(settings), HostInspector(settings)
    data = data_app(stores, Vectors.at(settings), settings)

    def close() -> None:
        inspector.close()
        try:
            write_uses(stores)
        except StoreUnavailable as error:  # the emulator ended first
            log.warning("uses of keys were not written", extra={"reason": str(error)})

    return Gateway(control_app(stores, inspector, LocalBulk()), data, close)


def main() -> None:
    """Serve on OPENPEEK_PORT until told to stop."""
    import uvicorn

    for slow in ("batch.serving.app", "batch.inspect", "functions.api.app"):
        importlib.import_module(slow)  # while the emulator starts
    configure()
    wait_for_start()
    port = int(os.environ.get("OPENPEEK_PORT", GATEWAY_PORT))
    app = create_gateway(Settings())
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        access_log=False,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=5,
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
