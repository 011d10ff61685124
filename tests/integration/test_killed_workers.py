"""Partitions whose workers die under them again and again: done once it stops, else their rows fail and say why."""

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest
from distributed import Client

from batch.cluster import CONFIG, cluster
from core.batches import Batch, failed_documents
from core.settings import Settings
from core.stores import Stores
from tests.integration import faults
from tests.integration.batches import COMPLETED, Tenant, serving

pytestmark = pytest.mark.slow


@pytest.fixture
def client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A cluster of one worker, whose scheduler tries no task again by itself."""
    monkeypatch.setitem(CONFIG, "distributed.scheduler.allowed-failures", 0)
    with cluster(settings.model_copy(update={"workers": 1})) as client:
        yield client


@pytest.fixture
def tenant(stores: Stores, client: Client) -> Iterator[Tenant]:
    with serving(stores, client):
        tenant = Tenant(stores)
        tenant.publish()
        yield tenant


def kill_workers_of(client: Client, batch: Batch) -> int:
    """SIGKILL to the workers that have partitions of the batch; how many they were."""
    busy = [w for w, keys in client.processing().items() if any(str(key).startswith(batch.batch_id) for key in keys)]
    pids = client.run(os.getpid, workers=busy, on_error="ignore").values() if busy else []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(pids)


def test_partition_whose_workers_died_is_handed_in_again(tenant: Tenant, client: Client) -> None:
    tenant.put(*(f"text {i}" for i in range(20)))
    collection = tenant.collect(sleep_s=1.0)
    batch = faults.trigger(tenant, collection)
    tenant.until(batch, lambda _: kill_workers_of(client, batch) > 0)

    ended = tenant.ended(batch)

    assert (ended.status, ended.error) == (COMPLETED, None)
    faults.assert_as_undisturbed(tenant, collection, ended)


def test_partition_that_no_worker_survives_fails_its_rows(tenant: Tenant, client: Client) -> None:
    texts = [f"text {i}" for i in range(20)]
    tenant.put(*texts)
    collection = tenant.collect(sleep_s=5.0)
    batch = faults.trigger(tenant, collection)

    ended = tenant.until(batch, lambda b: not kill_workers_of(client, batch) and b.status.ended)

    failed = list(failed_documents(tenant.stores, tenant.scope, batch.batch_id))
    assert ended.status.value in ("FAILED", "COMPLETED_WITH_ERRORS"), ended.status
    assert len(failed) == len(texts) - tenant.count(collection) > 0
    assert all("Every worker that took this partition died" in row["message"] for row in failed), failed[0]
    assert {row["error_type"] for row in failed} == {"resource"}
