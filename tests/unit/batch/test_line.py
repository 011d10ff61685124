"""Line: which job may start, by tenant, size and priority."""

import pytest

from batch.line import Job, Kind, Line
from core.stores.queues import Message


def job(org: str, thing: str, kind: Kind = Kind.LARGE, priority: int = 0) -> Job:
    return Job(Message("jobs", {}, thing, 1), org, thing, kind, priority)


def started(line: Line) -> list[str]:
    found = []
    while next_job := line.next():
        found.append(next_job.thing)
    return found


def lined(limit: int, *jobs: Job) -> Line:
    line = Line(limit)
    for one in jobs:
        line.add(one)
    return line


def test_a_tenant_runs_so_many_large_batches_and_others_do_not_wait_for_it() -> None:
    line = lined(2, *(job("a", f"a{n}") for n in range(5)), job("b", "b0"))

    assert sorted(started(line)) == ["a0", "a1", "b0"]


def test_a_small_batch_does_not_wait_for_large_ones_of_its_own_tenant() -> None:
    line = lined(
        1, job("a", "large 1"), job("a", "large 2"), job("a", "small", Kind.SMALL), job("a", "drop", Kind.CHORE)
    )

    assert sorted(started(line)) == ["drop", "large 1", "small"]


def test_a_place_that_becomes_free_goes_to_the_most_urgent_then_to_the_oldest() -> None:
    first = job("a", "first")
    line = lined(1, first, job("a", "second"), job("a", "urgent", priority=1), job("a", "third"))
    assert started(line) == ["urgent"]
    running = next(j for j in line.jobs() if j.thing == "urgent")

    line.done(running)

    assert started(line) == ["first"]


def test_the_tenant_that_runs_least_is_first() -> None:
    line = lined(8, *(job("a", f"a{n}") for n in range(3)), job("b", "b0"))

    assert started(line)[1] == "b0"


@pytest.mark.parametrize("kind", [Kind.SMALL, Kind.CHORE])
def test_the_same_thing_never_runs_twice_at_once(kind: Kind) -> None:
    one, again = job("a", "x", kind), job("a", "x", kind)
    line = lined(5, one, again)
    assert started(line) == ["x"]

    line.done(one)

    assert started(line) == ["x"]
    assert line.jobs() == [again]


def test_those_that_wait_can_be_given_back() -> None:
    line = lined(1, job("a", "runs"), job("a", "waits"))
    started(line)

    assert [j.thing for j in line.clear()] == ["waits"]
    assert [j.thing for j in line.jobs()] == ["runs"]
