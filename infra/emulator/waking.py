"""Waking: who waits for a queue's next message is woken by its arrival."""

import asyncio
import functools
import types
from collections.abc import Callable
from typing import Any

Waiting = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Waking:
    """`sleep` ends early where `wake` is called; any thread may call that."""

    def __init__(self) -> None:
        self._waiting: set[Waiting] = set()

    async def sleep(self, delay_s: float) -> None:
        """Wait so long, or until somebody wakes."""
        loop = asyncio.get_running_loop()
        place = (loop, loop.create_future())
        self._waiting.add(place)
        try:
            await asyncio.wait([place[1]], timeout=delay_s)
        finally:
            self._waiting.discard(place)

    def wake(self) -> None:
        """End every sleep of now."""
        for loop, future in tuple(self._waiting):
            loop.call_soon_threadsafe(_end, future)

    def after(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call`, which wakes as it ends."""

        @functools.wraps(call)
        def waking(*args: Any) -> Any:
            try:
                return call(*args)
            finally:
                self.wake()

        return waking

    def module(self) -> types.SimpleNamespace:
        """`asyncio` as it is, but for its sleep."""
        return types.SimpleNamespace(**vars(asyncio) | {"sleep": self.sleep})


def _end(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
