"""Random faults at random moments, from a seed: the result is that of a run that nobody disturbed."""

import os
import random
import threading
import time
from collections.abc import Iterator

import pytest
from distributed import Client

from batch.cluster import cluster
from batch.service import Service
from core.settings import Settings
from core.stores import Stores
from core.stores.vectors import Vectors
from tests.integration import faults
from tests.integration.batches import WITH_ERRORS, Tenant

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("OPENPEEK_TEST_SEED", "7"))
DURATION_S = 20.0
TEXTS = [f"text {i}" for i in range(600)]


class Restarted:
    """A batch service that is told to stop, and started anew in its place."""

    def __init__(self, stores: Stores, client: Client) -> None:
        self._stores, self._client = stores, client
        self.start()

    def start(self) -> None:
        self._service = Service(self._stores, Vectors.at(self._stores.settings), self._client)
        self._thread = threading.Thread(target=self._service.run)
        self._thread.start()

    def stop(self) -> None:
        self._service.stop()
        self._thread.join()


@pytest.fixture
def link(module_settings: Settings) -> Iterator[faults.Link]:
    with faults.Link(str(module_settings.aws_endpoint_url)) as link:
        yield link


@pytest.mark.parametrize("source", ["objects", "import"])
def test_random_faults_change_nothing(module_settings: Settings, link: faults.Link, source: str) -> None:
    chance = random.Random(f"{SEED}-{source}")
    through = Stores.open(module_settings.model_copy(update={"aws_endpoint_url": link.url}))
    tenant = Tenant(Stores.open(module_settings))
    tenant.publish()
    bad = ["RAISE", "SEGFAULT", "NONE", "SHORT"]
    put = faults.put_objects if source == "objects" else faults.put_import
    put(tenant, chance.sample([*TEXTS, *bad], len(TEXTS) + len(bad)))
    collection = tenant.collect(sleep_s=0.25, batch_size=8)
    told: list[str] = []

    with cluster(through.settings) as client:
        service = Restarted(through, client)

        def cut() -> None:
            link.cut()
            time.sleep(chance.uniform(0.1, 1.5))
            link.mend()

        def restart() -> None:
            service.stop()
            service.start()

        harms = {
            "worker": lambda: faults.kill_worker(client, chance.randrange(8)),
            "hosts": lambda: faults.kill_hosts(client),
            "zygotes": lambda: faults.kill_zygotes(client),
            "cut": cut,
            "restart": restart,
        }
        try:
            batch = faults.trigger(tenant, collection)
            until = time.monotonic() + DURATION_S / 2
            while time.monotonic() < until and not tenant.current(batch).status.ended:
                time.sleep(chance.uniform(0.2, 2.0))
                told.append(chance.choice(sorted(harms)))
                harms[told[-1]]()
            ended = tenant.ended(batch)

            assert ended.status is WITH_ERRORS, (told, ended.error)
            assert tenant.texts(collection) == sorted(TEXTS), told
            faults.assert_as_undisturbed(tenant, collection, ended)
        finally:
            service.stop()
