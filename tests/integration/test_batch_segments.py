"""Segments: a pipeline of CPU and GPU steps on a cluster whose one GPU is declared, and the same on one without."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from batch.cluster import GPU, SLOT, Cluster, cluster
from core.batches import failed_documents
from core.settings import Settings
from core.stores import Stores
from plugin_sdk.manifest import Feature, Manifest
from tests.integration import faults
from tests.integration.batches import COMPLETED, WITH_ERRORS, Tenant, serving

pytestmark = pytest.mark.slow

MIXED = Path(__file__).parents[1] / "plugins" / "batch_mixed"
DEVICES = ("decoded_on", "embedded_on", "counted_on")
MANIFEST = Manifest(
    name="batch_mixed",
    version="1.0.0",
    output_schema={
        "properties": {
            "embedding": {"type": "array", "items": {"type": "number"}},
            "word": {"type": "string"},
            "half": {"type": "integer"},
            **{name: {"type": "string"} for name in DEVICES},
        }
    },
    parameter_schema={
        "properties": {"odd": {"type": "boolean", "default": False}, "sleep_s": {"type": "number", "default": 0.0}}
    },
    supported_input_types=["text"],
    features=[Feature(feature_name="batch_mixed_embedding", embedding_dim=3)],
)


@pytest.fixture(scope="module")
def client(module_settings: Settings) -> Iterator[Client]:
    with cluster(module_settings.model_copy(update={"gpus": 1, "workers": 1})) as client:
        client.wait_for_workers(2, timeout=100)
        yield client


@pytest.fixture
def tenant(module_stores: Stores, client: Client) -> Iterator[Tenant]:
    with serving(module_stores, client):
        yield Tenant(module_stores)


def documents(tenant: Tenant, collection: Any) -> list[dict[str, Any]]:
    found = tenant.table(collection).list(limit=1000).documents
    return sorted(found, key=lambda d: str(d["document_id"]))


def devices(found: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Which GPU each of the three steps saw."""
    return sorted({tuple(d[name] for name in DEVICES) for d in found})


def test_workers_are_for_the_cpu_or_own_one_gpu(client: Client) -> None:
    capacity = Cluster(client).capacity()

    assert sorted((w.get(SLOT, 0), w.get(GPU, 0)) for w in capacity.workers.values()) == [(0, 1), (1, 0)]
    assert (capacity.slots, capacity.gpus) == (2, 1)


def test_gpu_steps_run_where_the_gpu_is_and_the_others_beside_it(tenant: Tenant) -> None:
    tenant.publish(MIXED, MANIFEST)
    collection = tenant.collect("batch_mixed")

    batch = tenant.ended(tenant.submit(tenant.put("one two", "three")))

    assert (batch.status, batch.error) == (COMPLETED, None)
    found = documents(tenant, collection)
    assert sorted((d["word"], d["half"]) for d in found) == sorted(
        (w, h) for w in ("one", "two", "three") for h in (0, 1)
    )
    assert devices(found) == [("none", "0", "none")]
    assert not any({"pixels", "boxes"} & d.keys() for d in found), "a later step took them away"
    assert {"Cut", "Embed", "Halve"} <= set(tenant.progress(batch)["additional_data"]["step_seconds"])


def test_rows_have_the_ids_that_one_segment_would_give_them(tenant: Tenant) -> None:
    tenant.publish(MIXED, MANIFEST)
    collection = tenant.collect("batch_mixed")

    tenant.ended(tenant.submit(tenant.put("one two three")))

    first, *others = [d["document_id"] for d in documents(tenant, collection)]
    assert others == [f"{first}_{n}" for n in range(1, 6)]


def test_rows_that_no_worker_can_send_stay_in_one_process(tenant: Tenant) -> None:
    tenant.publish(MIXED, MANIFEST)
    collection = tenant.collect("batch_mixed", odd=True)

    batch = tenant.ended(tenant.submit(tenant.put("one two", "three")))

    assert (batch.status, batch.error) == (COMPLETED, None)
    found = documents(tenant, collection)
    assert len(found) == 6
    assert devices(found) == [("0", "0", "none")]


def test_bad_rows_of_any_segment_and_only_they_fail(tenant: Tenant) -> None:
    tenant.publish(MIXED, MANIFEST)
    collection = tenant.collect("batch_mixed")
    ids = tenant.put("good", "RAISE", "fine", "SEGFAULT", "well")

    batch = tenant.ended(tenant.submit(ids))

    assert batch.status is WITH_ERRORS
    assert {d["word"] for d in documents(tenant, collection)} == {"good", "fine", "well"}
    failed = {f["object_id"]: f for f in failed_documents(tenant.stores, tenant.scope, batch.batch_id)}
    assert {failed[ids[1]]["step"], failed[ids[3]]["step"]} == {"Cut", "Embed"}
    assert len(failed) == 2


@pytest.mark.parametrize("place", [0, 1])
def test_killed_worker_of_either_kind_costs_nothing(tenant: Tenant, client: Client, place: int) -> None:
    tenant.publish(MIXED, MANIFEST)
    collection = tenant.collect("batch_mixed", sleep_s=0.3)
    tenant.put(*(f"word{i} and word" for i in range(100)), "RAISE")
    batch = faults.trigger(tenant, collection)
    tenant.until(batch, lambda _: tenant.count(collection) > 0)

    faults.kill_worker(client, place)
    ended = tenant.ended(batch)

    assert ended.status is WITH_ERRORS
    assert tenant.count(collection) == 600
    # Where its steps ran is no matter: while a worker starts again, the other has all of them.
    faults.assert_as_undisturbed(tenant, collection, ended, extractor="batch_mixed", ignored=DEVICES)
