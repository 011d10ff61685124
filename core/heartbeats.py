"""Heartbeats: when a service that nobody can call was last alive."""

import time

from core.stores import Stores
from core.stores.records import Entry

EVERY_S = 10.0
PARTITION = "heartbeats"


def beat(stores: Stores, service: str) -> None:
    """Say that the service is alive now."""
    stores.records.put_many([Entry(PARTITION, service, {"at": time.time()})])


def silent_s(stores: Stores, service: str) -> float | None:
    """Seconds since it said so; None when it never did."""
    record = stores.records.get(PARTITION, service)
    return None if record is None else max(0.0, time.time() - record.body["at"])
