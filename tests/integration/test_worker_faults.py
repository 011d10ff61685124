"""Workers, plugin hosts and rows that come to harm: the documents are those of an undisturbed run, bad rows stand alone."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import Client

from batch.cluster import cluster
from core.batches import Batch, cancel_batch, failed_documents, logs
from core.collections import Collection
from core.retries import retry_batch
from core.settings import Settings
from core.status import TaskStatus
from core.stores import Stores
from infra.emulator import provision
from tests.integration import faults
from tests.integration.batches import COMPLETED, WITH_ERRORS, Tenant, serving

pytestmark = pytest.mark.slow

TEXTS = [f"text {i}" for i in range(160)]
SOURCES = pytest.mark.parametrize("put", [faults.put_objects, faults.put_import])
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def fault_settings(module_settings: Settings) -> Settings:
    return module_settings.model_copy(update={"host_memory_mb": 700})


@pytest.fixture(scope="module")
def client(fault_settings: Settings) -> Iterator[Client]:
    with cluster(fault_settings) as client:
        yield client


@pytest.fixture(scope="module")
def stores(fault_settings: Settings, client: Client) -> Iterator[Stores]:
    stores = Stores.open(fault_settings)
    with serving(stores, client):
        yield stores


@pytest.fixture
def tenant(stores: Stores) -> Tenant:
    tenant = Tenant(stores)
    tenant.publish()
    return tenant


def at_work(tenant: Tenant, put: Callable[[Tenant, list[str]], None], texts: list[str]) -> tuple[Collection, Batch]:
    """A batch of `texts` of which the first partitions are done."""
    put(tenant, texts)
    collection = tenant.collect(sleep_s=0.3, batch_size=8)
    batch = faults.trigger(tenant, collection)
    tenant.until(batch, lambda b: b.status.ended or tenant.count(collection) > 0)
    assert not tenant.current(batch).status.ended, tenant.current(batch).error
    return collection, batch


@SOURCES
def test_killed_worker_costs_nothing(tenant: Tenant, client: Client, put: Callable[[Tenant, list[str]], None]) -> None:
    collection, batch = at_work(tenant, put, [*TEXTS[:80], "RAISE", *TEXTS[80:]])

    faults.kill_worker(client)
    ended = tenant.ended(batch)

    assert ended.status is WITH_ERRORS
    assert tenant.texts(collection) == sorted(TEXTS)
    faults.assert_as_undisturbed(tenant, collection, ended)


@SOURCES
def test_killed_hosts_cost_nothing(tenant: Tenant, client: Client, put: Callable[[Tenant, list[str]], None]) -> None:
    collection, batch = at_work(tenant, put, TEXTS)

    while not (killed := faults.kill_hosts(client)) and not tenant.current(batch).status.ended:
        time.sleep(0.05)
    for harm in (faults.kill_hosts, faults.kill_zygotes):
        time.sleep(0.3)
        harm(client)
    ended = tenant.ended(batch)

    assert killed > 0
    assert ended.status is COMPLETED, ended.error
    faults.assert_as_undisturbed(tenant, collection, ended)


def test_host_that_is_killed_over_a_lone_row_does_not_make_it_a_bad_one(tenant: Tenant, client: Client) -> None:
    tenant.put("the only one")
    collection = tenant.collect(sleep_s=1.5)
    batch = faults.trigger(tenant, collection)
    while not faults.kill_hosts(client):
        time.sleep(0.05)

    ended = tenant.ended(batch)

    assert (ended.status, ended.error) == (COMPLETED, None)
    assert tenant.texts(collection) == ["the only one"]


def test_hosts_that_are_killed_as_they_open_are_started_again(tenant: Tenant, client: Client) -> None:
    tenant.put(*TEXTS[:10])
    batch = faults.trigger(tenant, collection := tenant.collect(opens_s=1.5))
    while not faults.hosts_in_use(client):
        time.sleep(0.05)
    faults.kill_zygotes(client)

    ended = tenant.ended(batch)

    assert (ended.status, ended.error) == (COMPLETED, None)
    assert tenant.texts(collection) == sorted(TEXTS[:10])


@SOURCES
def test_bad_rows_and_only_they_fail_and_a_retry_runs_just_those(
    tenant: Tenant, put: Callable[[Tenant, list[str]], None]
) -> None:
    good = TEXTS[:60]
    bad = {"RAISE": ("Words", "runtime"), "SEGFAULT": ("Words", "resource"), "MEMORY": ("Words", "resource")}
    put(tenant, [*good[:20], "RAISE", *good[20:25], "SEGFAULT", *good[25:50], "MEMORY", *good[50:]])
    collection = tenant.collect(batch_size=16)

    batch = tenant.ended(faults.trigger(tenant, collection))

    assert batch.status is WITH_ERRORS
    assert tenant.texts(collection) == sorted(good)
    failed = list(failed_documents(tenant.stores, tenant.scope, batch.batch_id))
    assert sorted((f["step"], f["error_type"]) for f in failed) == sorted(bad.values())
    (raised,) = (f for f in failed if f["error_type"] == "runtime")
    assert "asked to raise" in raised["message"] and "ValueError" in raised["traceback"]
    assert {f["message"][:40] for f in failed if f is not raised} >= {"The plugin host ended: died: signal 11."}
    before = faults.documents(tenant, collection)

    retry_batch(tenant.stores, tenant.scope, batch.bucket_id, batch.batch_id, transient_only=False)
    again = tenant.ended(batch)

    assert again.status is WITH_ERRORS
    assert faults.documents(tenant, collection) == before
    assert faults.failures(tenant, again) == faults.failures(tenant, batch)
    printed = logs(tenant.stores, tenant.scope, batch.batch_id)[0]
    assert printed.count("batch of 3") <= 1 and "batch of 4" not in printed and "batch of 16" not in printed


def test_poison_partition_fails_its_bad_rows_alone(tenant: Tenant) -> None:
    good = TEXTS[:20]
    tenant.put(*(f"SEGFAULT {i}" for i in range(9)), *good)
    collection = tenant.collect()

    batch = tenant.ended(faults.trigger(tenant, collection))

    assert batch.status is WITH_ERRORS
    assert tenant.texts(collection) == sorted(good)
    failed = list(failed_documents(tenant.stores, tenant.scope, batch.batch_id))
    assert len(failed) == 9
    assert {(f["step"], f["error_type"]) for f in failed} == {("Words", "resource")}


def test_cancel_stops_midway_and_what_follows_completes_the_collection(tenant: Tenant) -> None:
    collection, batch = at_work(tenant, faults.put_objects, TEXTS)

    cancel_batch(tenant.stores, tenant.scope, batch.bucket_id, batch.batch_id)
    stopped = tenant.until(batch, lambda b: bool(b.tier_tasks[0].get("completed_at")))
    count = tenant.count(collection)
    left = faults.documents(tenant, collection)

    assert stopped.status is TaskStatus.CANCELED
    assert 0 < count < len(TEXTS)
    ended = tenant.ended(faults.trigger(tenant, collection))
    assert ended.status is COMPLETED
    whole = faults.documents(tenant, collection)
    assert {key: whole[key] for key in left} == left
    faults.assert_as_undisturbed(tenant, collection, ended)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"a small file system can't be mounted: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_full_disk_holds_a_batch_up_and_costs_nothing(
    fault_settings: Settings, client: Client, small_disk: Path
) -> None:
    settings = fault_settings.model_copy(
        update={"data_uri": str(small_disk / "data"), "jobs_queue": f"{fault_settings.jobs_queue}-disk"}
    )
    stores = Stores.open(settings)
    provision(settings)
    filler = small_disk / "filler"
    with serving(stores, client):
        tenant = Tenant(stores)
        tenant.publish()
        collection, batch = at_work(tenant, faults.put_objects, TEXTS)
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(b"\0" * 4096)
        time.sleep(4.0)
        held_up = tenant.count(collection)
        filler.unlink()
        ended = tenant.ended(batch)

        assert held_up < len(TEXTS)
        assert ended.status is COMPLETED, ended.error
        faults.assert_as_undisturbed(tenant, collection, ended)


def test_worker_without_room_for_hosts_leaves_the_work_to_others(tenant: Tenant, client: Client) -> None:
    tenant.put("first")
    tenant.ended(faults.trigger(tenant, tenant.collect()))
    tenant.put(*TEXTS)
    folders = client.run(faults.scratch_folders)
    (folder, *_) = next(found for found in folders.values() if found)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=1", "tmpfs", folder], capture_output=True)
    if made.returncode:
        pytest.skip("a full file system can't be mounted")
    with faults.calling(lambda: None, lambda: subprocess.run(["umount", "-l", folder], check=True)):
        with pytest.raises(OSError, match="No space left"):
            Path(folder, "one-more").mkdir()
        collection = tenant.collect(sleep_s=0.05, batch_size=8)  # hosts of its own
        ended = tenant.ended(faults.trigger(tenant, collection))

    assert ended.status is COMPLETED, ended.error
    faults.assert_as_undisturbed(tenant, collection, ended)
