"""Quotas: how many of each thing there may be, by the operator's settings.

A quota is looked at before a thing is created, so that calls at the very same time may pass it by a few.
"""

from itertools import islice

from core.errors import QuotaExceeded
from core.stores import Stores


def check_room(stores: Stores, quota: str, pk: str, adding: int = 1) -> None:
    """Let pass as long as the records of this partition key, and `adding` more, are within `settings.max_{quota}`.

    Raises:
        QuotaExceeded: they are not.
    """
    limit = limit_of(stores, quota)
    check_count(stores, quota, sum(1 for _ in islice(stores.records.sort_keys(pk), limit + 1)), adding)


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
