"""Workers that Dask gives up, or whose nannies end: the cluster has all of them again."""

import os
import signal
import time

import pytest
from distributed import Client

from batch.cluster import CONFIG, cluster, slots
from core.settings import Settings

pytestmark = pytest.mark.slow


def workers_other_than(client: Client, before: set[int], wanted: int) -> set[int]:
    """The process ids of `wanted` workers, each with a slot, once none of them is of `before`."""
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        pids = set(client.run(os.getpid, on_error="ignore").values())
        if len(pids) == wanted == slots(client) and not pids & before:
            return pids
        time.sleep(0.05)
    raise TimeoutError(f"{pids} after {before}")


def test_worker_that_dask_gives_up_while_it_restarts_comes_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CONFIG, "distributed.deploy.lost-worker-timeout", "10ms")
    with cluster(settings.model_copy(update={"workers": 1})) as client:
        pids: set[int] = set()
        for _ in range(2):
            pids = workers_other_than(client, pids, 1)
            for pid in pids:
                os.kill(pid, signal.SIGKILL)

        assert workers_other_than(client, pids, 1)


def test_workers_whose_nannies_ended_come_back(settings: Settings) -> None:
    with cluster(settings.model_copy(update={"workers": 2, "gpus": 1})) as client:
        pids = workers_other_than(client, set(), 3)
        for nanny in list(client.cluster.workers.values()):
            client.cluster.sync(nanny.close)

        assert workers_other_than(client, pids, 3)
