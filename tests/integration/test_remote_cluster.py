"""A cluster beyond one machine: scheduler, workers and batch service in networks of their own, over TLS, and what is
cut off, restarted or killed there costs no document and doubles none.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client

from batch.remote import SchedulerUnreachable, connected, look
from core.batches import Batch
from core.collections import Collection
from core.stores import Stores
from infra.emulator import Emulator
from tests.certificates import as_config, dask_tls
from tests.conftest import provisioned
from tests.integration import networks
from tests.integration.batches import COMPLETED, Tenant

NO_NETWORKS = networks.why_not()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(NO_NETWORKS is not None, reason=str(NO_NETWORKS))]

START = str(networks.ROOT / "infra" / "images" / "start")
SLOTS = {"one": 1, "two": 2, "three": 1}
TEXTS = [f"text {i}" for i in range(240)]
ROWS = 10
SHORT = {
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "11s",  # the least that Dask takes
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s",  # looked at as often
}
"""As in production, only sooner."""

WORKER_CUT_S, SERVICE_CUT_S = 10.5, 12.5
"""Longer than the scheduler waits for a worker's heartbeat, and than a connection lives without an answer."""


@dataclass
class Cluster:
    """The machines, what is kept running on them, a client of the scheduler, and a tenant."""

    machines: dict[str, networks.Machine]
    kept: dict[str, networks.Kept]
    address: str
    tenant: Tenant

    def begun(self, sleep_s: float) -> tuple[Collection, Batch]:
        """A batch of which some documents are there, in a collection of its own."""
        collection = self.tenant.collect(sleep_s=sleep_s, batch_size=ROWS)
        batch = self.tenant.submit(self.tenant.put(*TEXTS), [collection])
        self.tenant.until(batch, lambda b: self.tenant.count(collection) > 0)
        return collection, batch

    def undone(self, batch: Batch) -> bool:
        """Whether what was disturbed was the middle of it."""
        return not self.tenant.current(batch).status.ended

    def check(self, collection: Collection, batch: Batch) -> None:
        """The batch ended with the documents of an undisturbed run, each once."""
        ended = self.tenant.ended(batch)
        assert ended.status is COMPLETED, (ended.error, self.logs())
        documents = self.tenant.table(collection).list(limit=10_000).documents
        assert sorted(d["text"] for d in documents) == sorted(TEXTS)
        assert all(d["length"] == len(d["text"]) for d in documents)
        assert len({d["document_id"] for d in documents}) == len(TEXTS)

    def gathered(self, client: Client) -> None:
        """Wait until every worker is there."""
        eventually(lambda: len(client.scheduler_info(n_workers=-1)["workers"]) == len(SLOTS), self.logs)

    def logs(self) -> str:
        return "\n".join(f"== {name}\n{process.log()}" for name, process in self.kept.items())


@pytest.fixture(scope="module")
def cluster(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("machines")
    given = provisioned(emulator, folder / "unused")
    settings = given.model_copy(update={"data_uri": f"s3://{given.object_bucket}/data"})
    tenant = Tenant(Stores.open(settings))
    tenant.publish()
    names = ["scheduler", "service", *SLOTS]
    with networks.network(folder, names, emulator.endpoint_url) as (machines, url):
        address = f"tls://{machines['scheduler'].address}:8786"
        programs = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
        path = {"PATH": programs, "PYTHONPATH": str(networks.ROOT)}
        tls = dask_tls(folder / "tls")
        common = path | tls | SHORT | {"OPENPEEK_DASK_ADDRESS": address, "OPENPEEK_AWS_ENDPOINT_URL": url}
        common["DASK_CONFIG"] = str(Path(START).parent)
        own = settings.model_dump(include={"table_name", "plugin_bucket", "object_bucket", "jobs_queue", "data_uri"})
        service = common | {f"OPENPEEK_{k.upper()}": v for k, v in own.items()} | {"OPENPEEK_PARTITION_ROWS": str(ROWS)}

        def keep(name: str, role: str, environment: dict[str, str], *options: str) -> networks.Kept:
            return machines[name].keep(["sh", START, role, *options], environment)

        kept = {
            "scheduler": keep(
                "scheduler", "scheduler", common, "--host", machines["scheduler"].address, "--no-dashboard"
            ),
            "service": keep("service", "batch", service),
        }
        for name, slots in SLOTS.items():
            kept[name] = keep(name, "worker", common | {"SLOTS": str(slots)}, "--host", machines[name].address)
        with dask.config.set(as_config(tls)):
            yield Cluster(machines, kept, address, tenant)


@pytest.fixture
def client(cluster: Cluster) -> Iterator[Client]:
    eventually(lambda: reachable(cluster.address), cluster.logs)
    with connected(cluster.address) as client:
        cluster.gathered(client)
        yield client


def reachable(address: str) -> bool:
    try:
        look(address, 1.0)
    except SchedulerUnreachable:
        return False
    return True


def eventually(reached: Callable[[], Any], logs: Callable[[], str], timeout_s: float = 100.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < deadline, logs()
        time.sleep(0.1)


def executed(client: Client) -> dict[str, int]:
    """Tasks that each worker has done, by its address."""
    done: dict[str, int] = client.run(lambda dask_worker: dask_worker.state.executed_count)
    return {address.split("//")[1].split(":")[0]: count for address, count in done.items()}


def test_workers_of_unlike_capacity_get_work_in_proportion(cluster: Cluster, client: Client) -> None:
    before = executed(client)
    collection, batch = cluster.begun(sleep_s=0.6)

    eventually(lambda: client.sync(client.scheduler.adaptive_target) > len(SLOTS), cluster.logs)  # while more waits
    assert cluster.undone(batch)
    cluster.check(collection, batch)

    after = executed(client)
    done = {name: after[m.address] - before[m.address] for name, m in cluster.machines.items() if name in SLOTS}
    assert done["two"] > max(done["one"], done["three"]), done
    assert min(done.values()) >= len(TEXTS) / ROWS / 8, done
    assert all(list((cluster.machines[name].folder).glob("openpeek-plugins-*/*")) for name in SLOTS)


def test_worker_cut_off_and_healed_costs_nothing(cluster: Cluster, client: Client) -> None:
    starts = cluster.kept["two"].starts
    collection, batch = cluster.begun(sleep_s=0.4)

    cluster.machines["two"].cut()
    time.sleep(WORKER_CUT_S)
    cluster.machines["two"].heal()

    cluster.check(collection, batch)
    cluster.gathered(client)
    assert cluster.kept["two"].starts > starts, cluster.logs()


def test_rolling_restart_of_all_workers_under_load(cluster: Cluster, client: Client) -> None:
    load = [cluster.begun(sleep_s=0.6)]

    for name in SLOTS:
        if not cluster.undone(load[-1][1]):
            load.append(cluster.begun(sleep_s=0.6))
        known = set(client.scheduler_info(n_workers=-1)["workers"])
        cluster.kept[name].signal(signal.SIGTERM)
        eventually(lambda known=known: set(client.scheduler_info(n_workers=-1)["workers"]) - known, cluster.logs)

    for collection, batch in load:
        cluster.check(collection, batch)


def test_scheduler_killed_and_started_again(cluster: Cluster, client: Client) -> None:
    collection, batch = cluster.begun(sleep_s=0.8)

    cluster.kept["scheduler"].signal(signal.SIGKILL)

    assert cluster.undone(batch)
    cluster.check(collection, batch)


def test_service_cut_off_from_everything_and_healed(cluster: Cluster, client: Client) -> None:
    collection, batch = cluster.begun(sleep_s=0.6)

    cluster.machines["service"].cut()
    time.sleep(SERVICE_CUT_S)
    assert cluster.undone(batch)
    cluster.machines["service"].heal()

    cluster.check(collection, batch)
