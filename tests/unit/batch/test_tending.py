"""Tending's turn: after a rest, once for all who asked, and again later where another process is at it."""

import threading
import time
from typing import Any

import pytest

from batch import tending
from batch.tending import Tender
from core.settings import Settings
from core.tenancy import Scope

SCOPE = Scope("org_a", "ns_a")
REST_S = 0.3


class Stores:
    """All that a tender asks of stores before it tends."""

    settings = Settings(tend_after_s=REST_S)


class Tended:
    """Stands for the work, and says what it was called for."""

    def __init__(self, mine: list[bool]) -> None:
        self.mine, self.calls, self.called = mine, list[tuple[str, float]](), threading.Semaphore(0)

    def __call__(self, _stores: Any, _vectors: Any, _scope: Scope, collection_id: str) -> bool:
        self.calls.append((collection_id, time.monotonic()))
        self.called.release()
        return self.mine.pop(0) if self.mine else True


def tended(monkeypatch: pytest.MonkeyPatch, *mine: bool) -> Tended:
    work = Tended(list(mine))
    monkeypatch.setattr(tending, "tend", work)
    return work


def test_a_collection_rests_before_it_is_tended_and_many_batches_are_one_reason(monkeypatch: pytest.MonkeyPatch):
    work, asked = tended(monkeypatch), time.monotonic()
    tender = Tender(Stores(), None)  # type: ignore[arg-type]

    for _ in range(5):
        tender.ask(SCOPE, "col_a")
    tender.ask(SCOPE, "col_b")

    assert work.called.acquire(timeout=30)
    assert work.called.acquire(timeout=30)
    assert sorted(name for name, _ in work.calls) == ["col_a", "col_b"]
    assert all(at - asked >= REST_S for _, at in work.calls)
    assert not work.called.acquire(timeout=2 * REST_S)


def test_what_another_process_tends_is_looked_at_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tending, "AGAIN_AFTER_S", 0.05)
    work = tended(monkeypatch, False, False, True)
    Tender(Stores(), None).ask(SCOPE, "col_a")  # type: ignore[arg-type]

    for _ in range(3):
        assert work.called.acquire(timeout=30)
    assert not work.called.acquire(timeout=0.3)
