"""Suspects: rows that were in a host as it died are tried again until those that kill it stand alone."""

import pyarrow as pa
import pytest

from batch.suspects import HOPELESS_AFTER, TRIES_ALONE, Trials, spread
from plugin_sdk.errors import HostFailed

SEGFAULT = "died: signal 11"


def rows(number: int) -> pa.Table:
    return pa.table({"document_id": [f"doc_{n}" for n in range(number)]})


def tried(number: int, bad: set[int], in_flight: int = 4, reason: str = SEGFAULT) -> tuple[list[str], list[str], int]:
    """What passes, what fails, and how many hosts died, where a host dies of each of the bad rows."""
    trials = Trials([rows(number)])
    passed: list[str] = []
    failed: list[str] = []
    deaths = 0
    killers = {f"doc_{n}" for n in bad}
    while trials.waiting:
        part = trials.waiting.pop()
        names = part["document_id"].to_pylist()
        first = next((n for n, name in enumerate(names) if name in killers), None)
        if first is None:
            trials.passed()
            passed += names
            continue
        deaths += 1
        start = first - first % in_flight
        flight = tuple(range(start, min(start + in_flight, len(names))))
        failed += [n for t in trials.died(part, HostFailed("died", "", reason, "", flight)) for n in t[0].to_pylist()]
    return passed, failed, deaths


@pytest.mark.parametrize(
    ("number", "bad"),
    [
        (1, {0}),
        (100, {17}),
        (100, {0, 1, 2, 50, 99}),
        (64, set(range(9))),
        (64, set(range(40))),
        (200, set(range(10, 200, 3))),
    ],
)
@pytest.mark.parametrize("in_flight", [4, 64, 1000])
def test_bad_rows_and_only_they_fail_each_once(number: int, bad: set[int], in_flight: int) -> None:
    passed, failed, _ = tried(number, bad, in_flight)

    assert sorted(failed) == sorted(f"doc_{n}" for n in bad)
    assert sorted(passed) == sorted(f"doc_{n}" for n in set(range(number)) - bad)


def test_plugin_that_dies_of_everything_is_given_up_soon() -> None:
    passed, failed, deaths = tried(10_000, set(range(10_000)))

    assert (passed, len(failed)) == ([], 10_000)
    assert deaths < 60


def test_lone_row_whose_host_others_killed_is_tried_again_for_a_while() -> None:
    trials = Trials([])
    error = HostFailed("died", "", "died: signal 9")

    lost = [trials.died(rows(1), error) for _ in range(TRIES_ALONE)]

    assert [len(part) for part in lost] == [0] * (TRIES_ALONE - 1) + [1]
    assert len(trials.waiting) == TRIES_ALONE - 1


def test_spread_keeps_every_row_and_tries_single_ones_from_first_to_last() -> None:
    *rest, first = spread([rows(30).slice(0, 10), rows(30).slice(10)], HOPELESS_AFTER)

    names = [name for part in (*rest, first) for name in part["document_id"].to_pylist()]
    assert sorted(names) == sorted(rows(30)["document_id"].to_pylist())
    assert first["document_id"].to_pylist() == ["doc_29"]
    assert [part.num_rows for part in (*rest, first)] == [30 - HOPELESS_AFTER] + [1] * HOPELESS_AFTER
