"""Doing many slow, waiting things at once: file and network work in threads, API calls with a bound and retries."""

import asyncio
import contextlib
import functools
import inspect
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def parallel_io(function: Callable[[T], R], items: Iterable[T], max_workers: int = 8) -> list[R]:
    """`function` of each item, in threads; results in the items' order.

    An error is raised once all that had begun has ended, with a note that names the item's position.
    """
    with ThreadPoolExecutor(max_workers=max(1, max_workers)) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            return [_result(i, future.result) for i, future in enumerate(futures)]
        finally:
            pool.shutdown(cancel_futures=True)


def concurrent_api_calls(
    function: Callable[[T], R] | Callable[[T], Awaitable[R]],
    items: Iterable[T],
    max_concurrency: int = 8,
    *,
    retries: int = 0,
    backoff_s: float = 0.5,
    return_exceptions: bool = False,
) -> list[Any]:
    """`function` of each item, at most `max_concurrency` in flight; results in the items' order.

    Args:
        function: sync (runs in threads) or async (runs on an event loop of its own).
        items: one call each.
        max_concurrency: calls in flight at once.
        retries: further tries of a call that raised; the wait doubles each time, with jitter.
        backoff_s: seconds before the first retry.
        return_exceptions: put the error in the failed item's place; else the first one is raised.
    """
    calls = _calls(function, list(items), max(1, max_concurrency), retries, backoff_s, return_exceptions)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(calls)
    with ThreadPoolExecutor(max_workers=1) as pool:  # called from async code: that loop must not be blocked on itself
        return pool.submit(asyncio.run, calls).result()


async def _calls(
    function: Callable[[Any], Any], items: Sequence[Any], bound: int, retries: int, backoff_s: float, keep: bool
) -> list[Any]:
    slots = asyncio.Semaphore(bound)
    with ThreadPoolExecutor(max_workers=bound) as pool:

        async def one(position: int, item: Any) -> Any:
            async with slots:
                return await _tried(position, functools.partial(_run, function, item, pool), retries, backoff_s)

        tasks = [asyncio.create_task(one(i, item)) for i, item in enumerate(items)]
        try:
            return await asyncio.gather(*tasks, return_exceptions=keep)
        finally:
            await _cancel(tasks)


async def _run(function: Callable[[Any], Any], item: Any, pool: ThreadPoolExecutor) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(item)
    answer = await asyncio.get_running_loop().run_in_executor(pool, function, item)
    return await answer if inspect.isawaitable(answer) else answer


async def _tried(position: int, call: Callable[[], Awaitable[Any]], retries: int, backoff_s: float) -> Any:
    for attempt in range(retries + 1):
        try:
            return await call()
        except Exception as error:
            if attempt == retries:
                error.add_note(f"in the call for item {position}")
                raise
            await asyncio.sleep(backoff_s * 2**attempt * random.uniform(0.5, 1.0))
    return None


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)


def _result(position: int, result: Callable[[], R]) -> R:
    try:
        return result()
    except Exception as error:
        error.add_note(f"in the call for item {position}")
        raise
