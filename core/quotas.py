"""Quotas: how many of each thing there may be, by the operator's settings; exact, however many are created at once.

Near its quota things of a kind are created in turns: each creation holds the turn that it read before it counted, so
that nothing was added in between. What is deleted makes room by being gone.
"""

import random
import time
from collections.abc import Callable, Sequence
from itertools import islice

from core.errors import QuotaExceeded, StaleRecord, StoreUnavailable
from core.stores import Stores
from core.stores.records import Entry

Key = Callable[[str], str]
"""Makes the partition key of a kind of record where it is counted: `scope.key`, or `principal.org_key`."""

NEAR = 100
"""So many more than are created at the same time; further from the quota than this nobody waits for a turn."""

ATTEMPTS = 400
TURNS = "turns"


def create_within(stores: Stores, quota: str, key: Key, kind: str, entries: Sequence[Entry]) -> None:
    """Write a new thing's records, which must not exist, while its kind is within `settings.max_{quota}`.

    Raises:
        AlreadyExists: one of the records is there; its `problem` begins with that record's sort key.
        QuotaExceeded: there are as many as may be.
    """
    if check_room(stores, quota, key(kind)) + NEAR <= limit_of(stores, quota):
        stores.records.create_all(entries)
        return
    for _ in range(ATTEMPTS):
        turn = stores.records.next_turn(key(TURNS), kind)
        check_room(stores, quota, key(kind))
        try:
            stores.records.create_all(entries, turn)
        except StaleRecord:
            time.sleep(random.uniform(0, 0.1))
        else:
            return
    raise StoreUnavailable(f"Too many {quota} are created at once.", "Try again in a moment.")


def check_room(stores: Stores, quota: str, pk: str, adding: int = 1) -> int:
    """Let pass as long as the records of this partition key, and `adding` more, are within `settings.max_{quota}`.

    Raises:
        QuotaExceeded: they are not.
    """
    used = sum(1 for _ in islice(stores.records.sort_keys(pk), limit_of(stores, quota) + 1))
    check_count(stores, quota, used, adding)
    return used


def check_count(stores: Stores, quota: str, used: int, adding: int = 1) -> None:
    """Let pass as long as `used` and `adding` more are within the quota.

    Raises:
        QuotaExceeded: they are not.
    """
    limit = limit_of(stores, quota)
    if used + adding > limit:
        raise QuotaExceeded(quota, used, limit)


def limit_of(stores: Stores, quota: str) -> int:
    """How many there may be."""
    limit: int = getattr(stores.settings, f"max_{quota}")
    return limit
