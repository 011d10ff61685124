"""Calls that are tried again while a store is away: until it is back, their time is over, or the process is to end."""

import errno
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from batch import patience
from batch.patience import lose_patience, patient
from core.errors import DiskFull, StoreUnavailable

AWAY = StoreUnavailable("S3 does not answer.", "Wait.")


@pytest.fixture(autouse=True)
def over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether this process is to end, forgotten after the test; and short waits."""
    monkeypatch.setattr(patience, "_over", threading.Event())
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.001)


def test_call_is_tried_again_until_the_store_is_back() -> None:
    answers = iter([AWAY, AWAY, 5])

    def call(extra: int) -> int:
        answer = next(answers)
        if isinstance(answer, StoreUnavailable):
            raise answer
        return answer + extra

    assert patient(call)(1) == 6


def test_other_errors_pass_at_once() -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        patient(call)()
    assert calls == [1]


def test_full_disk_is_told_and_has_a_time_of_its_own() -> None:
    def call() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/data/x")

    with pytest.raises(DiskFull, match=r"no room on a disk at /data/x"):
        patient(call, full_disk_s=0.01)()


def test_who_waits_stops_when_the_process_is_to_end() -> None:
    tried = threading.Event()

    def call() -> None:
        tried.set()
        raise AWAY

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(patient(call))
        assert tried.wait(100)
        lose_patience()
        assert waiting.exception(timeout=patience.PATIENCE_S / 2) is AWAY
