"""Key uses: how often and when last each key was used in this process, written down within a minute.

A request costs no write: uses are counted here and written at a key's first one, then with the first request of each
minute, before keys are shown, and when the process ends.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import NamedTuple

from core.errors import StoreUnavailable
from core.organizations import ApiKey, note_use
from core.stores import Stores

EVERY_S = 60.0


class Use(NamedTuple):
    """How often a key was used, and when last."""

    times: int
    at: float


class KeyUses:
    """What is not written down yet. Any thread may call."""

    def __init__(self) -> None:
        self._lock, self._uses = Lock(), dict[str, Use]()
        self._written_at = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether a minute has passed since all was written."""
        return time.monotonic() - self._written_at >= EVERY_S

    def count(self, key_hash: str, count: int = 1, at: float | None = None) -> None:
        """Count uses, by default one that is made now."""
        at = time.time() if at is None else at
        with self._lock:
            before = self._uses.get(key_hash, Use(0, 0.0))
            self._uses[key_hash] = Use(before.times + count, max(before.at, at))

    def write(self, stores: Stores, keys: Iterable[str] | None = None) -> None:
        """Write down the uses of these keys, or of all.

        Raises:
            StoreUnavailable: they could not be written; they are kept for the next time.
        """
        if keys is None:
            self._written_at = time.monotonic()
        for key_hash in list(self._uses) if keys is None else keys:
            with self._lock:
                use = self._uses.pop(key_hash, None)
            if use is None:
                continue
            try:
                note_use(stores, key_hash, use.times, datetime.fromtimestamp(use.at, UTC))
            except StoreUnavailable:
                self.count(key_hash, *use)
                raise


def long_ago(key: ApiKey) -> bool:
    """Whether the key's last use, as written, is so long ago that this one should show at once."""
    last = datetime.fromisoformat(key.last_used_at) if key.last_used_at else None
    return last is None or last < datetime.now(UTC) - timedelta(seconds=EVERY_S)
