"""Parallel I/O and API calls: order kept, bounds held, errors named, retries counted."""

import asyncio
import threading
import time

import pytest

from plugin_sdk.concurrency import concurrent_api_calls, parallel_io


class Counter:
    """Counts calls in flight."""

    def __init__(self):
        self.now, self.most, self.lock = 0, 0, threading.Lock()

    def __enter__(self):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_):
        with self.lock:
            self.now -= 1


def test_parallel_io_keeps_order_and_bound():
    counter = Counter()

    def slow(n):
        with counter:
            time.sleep(0.002 * (5 - n))
            return n * n

    assert parallel_io(slow, range(5), max_workers=3) == [0, 1, 4, 9, 16]
    assert 2 <= counter.most <= 3


def test_parallel_io_names_the_failed_item():
    with pytest.raises(ZeroDivisionError) as raised:
        parallel_io(lambda n: 1 / n, [2, 1, 0])

    assert raised.value.__notes__ == ["in the call for item 2"]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_api_calls_keep_order_and_bound(kind):
    counter = Counter()

    def sync(n):
        with counter:
            time.sleep(0.01)
            return n + 1

    async def with_await(n):
        with counter:
            await asyncio.sleep(0.01)
            return n + 1

    calls = concurrent_api_calls(sync if kind == "sync" else with_await, range(8), max_concurrency=3)

    assert calls == list(range(1, 9))
    assert 2 <= counter.most <= 3


def test_api_calls_are_retried():
    tries = []

    def flaky(n):
        tries.append(n)
        if len(tries) < 3:
            raise ConnectionError("again")
        return n

    assert concurrent_api_calls(flaky, [7], retries=2, backoff_s=0.001) == [7]
    assert len(tries) == 3


def test_errors_can_stand_in_the_results():
    results = concurrent_api_calls(lambda n: 1 / n, [1, 0], return_exceptions=True)

    assert results[0] == 1
    assert isinstance(results[1], ZeroDivisionError)


def test_api_calls_work_inside_a_running_event_loop():
    async def main():
        return concurrent_api_calls(lambda n: n * 2, [1, 2])

    assert asyncio.run(main()) == [2, 4]


def test_nothing_to_do_is_an_empty_list():
    assert concurrent_api_calls(print, []) == parallel_io(print, []) == []
