"""Alone: what only one thread may do at a time for each key, such as bringing a dataset's index up to date."""

import threading
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Alone:
    """A lock for each key, kept only while someone wants it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._wanted: Counter[Hashable] = Counter()

    @contextmanager
    def at(self, key: Hashable) -> Iterator[None]:
        """Nobody else is at this key meanwhile."""
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
            self._wanted[key] += 1
        try:
            with lock:
                yield
        finally:
            with self._guard:
                self._wanted[key] -= 1
                if not self._wanted[key]:
                    del self._locks[key], self._wanted[key]
