"""A small cache whose entries live for seconds: for what every request asks and hardly ever changes."""

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Expiring(Generic[K, V]):
    """Values by key, forgotten after `lives_s`; at most `max_entries`, oldest first out. Safe between threads."""

    def __init__(self, lives_s: float, max_entries: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._lives_s, self._max_entries, self._clock = lives_s, max_entries, clock
        self._entries: dict[K, tuple[float, V]] = {}

    def get(self, key: K) -> V | None:
        """The value, if it was put less than `lives_s` ago."""
        entry = self._entries.get(key)
        return entry[1] if entry and self._clock() - entry[0] < self._lives_s else None

    def put(self, key: K, value: V) -> V:
        """Keep the value from now on, and give it back."""
        self._entries.pop(key, None)
        if len(self._entries) >= self._max_entries:
            self._entries.pop(next(iter(self._entries)), None)
        self._entries[key] = (self._clock(), value)
        return value

    def forget(self, unwanted: Callable[[V], bool]) -> None:
        """Drop every value that is unwanted now."""
        for key, (_, value) in list(self._entries.items()):
            if unwanted(value):
                self._entries.pop(key, None)
