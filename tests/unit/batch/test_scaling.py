"""Scaling: a full window asks for more workers, an idle cluster for none, and what was wanted is kept for a while."""

import time
from collections.abc import Iterator

import pytest
from distributed import Client, Event, LocalCluster

from batch.scaling import Demand, dask_setup, wanted


@pytest.mark.parametrize(
    ("workers", "slots", "tasks", "count"),
    [
        (0, 0, 0, 0),
        (4, 8, 0, 0),
        (0, 0, 1, 1),  # from nothing
        (2, 0, 5, 2),  # workers that have not said yet what they offer
        (1, 1, 2, 2),  # a full window
        (10, 20, 40, 15),
        (10, 20, 20, 10),  # every slot has work, none waits
        (10, 20, 9, 5),
    ],
)
def test_workers_for_tasks(workers: int, slots: int, tasks: int, count: int) -> None:
    assert wanted(workers, slots, tasks) == count


def test_what_was_wanted_is_wanted_a_while_longer() -> None:
    now = 0.0
    demand = Demand(remembered_s=60, clock=lambda: now)

    at_once = demand.target(8)
    now = 59.0
    soon = demand.target(1)
    now = 61.0
    later = demand.target(1)

    assert (at_once, soon, later) == (8, 8, 1)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A scheduler that was set up, and one worker of two slots and five threads."""
    with LocalCluster(
        n_workers=1, threads_per_worker=5, resources={"SLOT": 2}, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        dask_setup(cluster.scheduler)
        with Client(cluster) as client:
            yield client


def test_scheduler_tells_it_to_whoever_asks(client: Client) -> None:
    go = Event("go", client=client)

    idle = client.sync(client.scheduler.adaptive_target)
    futures = client.map(lambda _: Event("go").wait(100), range(4), resources={"SLOT": 1}, pure=False)
    while sum(map(len, client.processing().values())) < len(futures):
        time.sleep(0.01)
    full = client.sync(client.scheduler.adaptive_target)
    go.set()
    client.gather(futures)

    assert (idle, full) == (0, 2)
