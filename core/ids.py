"""Identifiers: a prefix that tells the kind, then randomness, or a digest where the same input must give the same id."""

import hashlib
import secrets
import threading
import time
from datetime import UTC, datetime


def new_id(prefix: str) -> str:
    """A fresh id such as `bkt_3f9a1c0b7d2e`: 48 random bits, unique by conditional create."""
    return f"{prefix}_{secrets.token_hex(6)}"


def long_id(prefix: str) -> str:
    """A fresh id of 96 random bits, for what is looked up without a tenant in its key."""
    return f"{prefix}_{secrets.token_hex(12)}"


def ordered_id(prefix: str) -> str:
    """A fresh id that sorts after those made before: microseconds, then 24 random bits."""
    return f"{prefix}_{_microseconds():013x}{secrets.token_hex(3)}"


def document_id(collection_id: str, object_id: str, blob_id: str, ordinal: int = 0) -> str:
    """The id of the document that this blob gives in this collection; the same every time, so a re-run overwrites."""
    seed = "\x1f".join((collection_id, object_id, blob_id))
    digest = hashlib.sha256(seed.encode()).hexdigest()[:24]
    return f"doc_{digest}" if ordinal == 0 else f"doc_{digest}_{ordinal}"


def now() -> datetime:
    """The current time, with its zone."""
    return datetime.now(UTC)


_lock = threading.Lock()
_latest = 0


def _microseconds() -> int:
    """The current time, but never the same twice in this process."""
    global _latest
    with _lock:
        _latest = max(_latest + 1, time.time_ns() // 1000)
        return _latest
