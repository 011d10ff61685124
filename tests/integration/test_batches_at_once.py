"""Many batches at once on real workers: a long one holds up nobody, limits hold, and what is canceled stops."""

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from distributed import Client

from batch.cluster import cluster
from core.batches import cancel_batch, change_batch
from core.settings import Settings
from core.status import TaskStatus
from core.stores import Stores
from tests.integration.batches import COMPLETED, Tenant, serving

pytestmark = pytest.mark.slow

PROCESSING = TaskStatus.PROCESSING


@pytest.fixture(scope="module")
def client(module_settings: Settings) -> Iterator[Client]:
    with cluster(module_settings) as client:
        yield client


@pytest.fixture
def tenants(module_stores: Stores, client: Client) -> Iterator[list[Tenant]]:
    with serving(module_stores, client):
        yield [Tenant(module_stores), Tenant(module_stores)]


def test_a_long_batch_of_slow_partitions_holds_up_no_small_one(tenants: list[Tenant]) -> None:
    long, other = tenants
    for tenant in tenants:
        tenant.publish()
    slow, same, small = long.collect(sleep_s=120.0, batch_size=16), long.collect(), other.collect()
    large = long.submit(long.put(*(f"slow {i}" for i in range(400))), [slow])
    long.until(large, lambda b: b.status is PROCESSING)
    time.sleep(2.0)  # every slot is taken, and more waits behind it

    submitted = time.monotonic()
    batches = [(t, t.submit(t.put(*(f"quick {i}" for i in range(10))), [c])) for t, c in ((other, small), (long, same))]
    ended = [tenant.ended(batch) for tenant, batch in batches]

    assert time.monotonic() - submitted < 60.0  # half of what one slow partition takes
    assert [b.status for b in ended] == [COMPLETED, COMPLETED]
    assert (other.count(small), long.count(same)) == (10, 10)
    assert long.current(large).status is PROCESSING
    cancel_batch(long.stores, long.scope, large.bucket_id, large.batch_id)
    canceled = time.monotonic()
    long.until(large, lambda _: TaskStatus(long.progress(large)["status"]).ended)
    stopped = long.until(large, lambda b: bool(b.tier_tasks[0].get("completed_at")))
    assert time.monotonic() - canceled < 60.0
    assert stopped.status is TaskStatus.CANCELED
    assert long.count(slow) < 400


def test_small_batches_with_the_same_plugin_run_beside_each_other(module_stores: Stores, client: Client) -> None:
    tenant = Tenant(module_stores)
    tenant.publish()
    collection = tenant.collect(sleep_s=2.0)
    batches = [tenant.submit(tenant.put(f"text {n}")) for n in range(4)]

    with serving(module_stores, client):
        ended = [tenant.ended(batch) for batch in batches]

    assert [b.status for b in ended] == [COMPLETED] * 4
    tiers = [b.tier_tasks[0] for b in ended]
    assert max(tier["started_at"] for tier in tiers) < min(tier["completed_at"] for tier in tiers)
    assert tenant.texts(collection) == [f"text {n}" for n in range(4)]


def test_two_batches_that_write_to_one_collection_lose_and_double_nothing(tenants: list[Tenant]) -> None:
    tenant, _ = tenants
    tenant.publish()
    collection = tenant.collect()
    texts = [[f"{part} {i}" for i in range(150)] for part in range(3)]

    batches = [tenant.submit(tenant.put(*part)) for part in texts]
    ended = [tenant.ended(batch) for batch in batches]

    assert [b.status for b in ended] == [COMPLETED] * 3
    assert tenant.texts(collection) == sorted(text for part in texts for text in part)


def test_a_tenant_runs_no_more_than_its_limit_and_the_urgent_one_is_next(
    module_settings: Settings, client: Client
) -> None:
    stores = Stores.open(module_settings.model_copy(update={"running_batches": 1}))
    tenant = Tenant(stores)
    tenant.publish()
    tenant.collect(sleep_s=0.2)
    first, plain, urgent = [tenant.submit(tenant.put(*(f"{n} {i}" for i in range(120)))) for n in range(3)]
    change_batch(stores, tenant.scope, urgent, metadata={"priority": 5})

    with serving(stores, client):
        ended = [tenant.ended(b) for b in (first, plain, urgent)]

    assert [b.status for b in ended] == [COMPLETED] * 3
    tiers = [b.tier_tasks[0] for b in ended]
    assert tiers[2]["started_at"] < tiers[1]["started_at"]
    by_start = sorted(tiers, key=lambda tier: str(tier["started_at"]))
    assert all(one["completed_at"] <= next_["started_at"] for one, next_ in pairwise(by_start))
