"""An ASGI app behind uvicorn on a free port, in a thread of this process."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn


@contextmanager
def served(app: Any, *, lifespan: bool, port: int = 0) -> Iterator[str]:
    """The app's address while it is served; it has begun and ended its lifespan if that is wanted."""
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", lifespan="on" if lifespan else "off", timeout_keep_alive=600)
    )
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        thread = threading.Thread(target=partial(asyncio.run, server.serve([listener])), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the app did not start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=100)
            assert not thread.is_alive(), "the app did not stop"
