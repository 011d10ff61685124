"""Batch service under failure: killed, told to stop, or cut off from its stores, and the documents are the same."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.cluster import cluster
from core.batches import set_status
from core.settings import Settings
from core.status import TaskStatus
from core.stores import Stores
from infra.emulator import Emulator
from tests.integration import faults
from tests.integration.batches import COMPLETED, WITH_ERRORS, Tenant, serving

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TEXTS = [f"text {i}" for i in range(200)]
OUTAGE_S = float(os.environ.get("OPENPEEK_TEST_OUTAGE_S", "6"))
"""The stores are waited for two minutes; so short an outage is over before, and longer ones take the tests longer."""


def started(settings: Settings, log: Path) -> "subprocess.Popen[bytes]":
    """The service in a process of its own, as an operator starts it."""
    own = {f"OPENPEEK_{k.upper()}": str(v) for k, v in settings.model_dump().items() if v is not None}
    with log.open("ab") as out:
        return subprocess.Popen([sys.executable, "-m", "batch.service"], cwd=ROOT, env=os.environ | own, stderr=out)


@contextlib.contextmanager
def ending(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_a_killed_service_goes_on_where_it_was_and_doubles_nothing(settings: Settings, tmp_path: Path) -> None:
    tenant = Tenant(Stores.open(settings))
    tenant.publish()
    collection = tenant.collect(sleep_s=0.2, batch_size=16)
    log = tmp_path / "service.log"
    first = started(settings, log)
    with ending(first):
        batch = tenant.submit(tenant.put(*TEXTS[:90], "RAISE", *TEXTS[90:]))
        tenant.until(batch, lambda b: tenant.count(collection) > 0)
        first.kill()
        first.wait()

    with ending(started(settings, log)):
        ended = tenant.ended(batch)
        assert ended.status is WITH_ERRORS, log.read_text()[-3000:]
        faults.assert_as_undisturbed(tenant, collection, ended)

    assert tenant.texts(collection) == sorted(TEXTS)


def test_a_batch_whose_service_died_before_its_last_words_gets_them(settings: Settings, tmp_path: Path) -> None:
    tenant = Tenant(Stores.open(settings))
    tenant.publish()
    tenant.collect()
    batch = tenant.submit(tenant.put("a"))
    set_status(tenant.stores, tenant.scope, batch.bucket_id, batch.batch_id, TaskStatus.PROCESSING)
    set_status(tenant.stores, tenant.scope, batch.bucket_id, batch.batch_id, TaskStatus.FAILED, error="for a reason")

    with ending(started(settings, tmp_path / "service.log")):
        tenant.ended(batch)

    task = tenant.progress(batch)
    assert (task["status"], task["error"]) == ("FAILED", "for a reason")


def test_a_service_told_to_stop_gives_its_job_back(settings: Settings, tmp_path: Path) -> None:
    tenant = Tenant(Stores.open(settings))
    tenant.publish()
    collection = tenant.collect(sleep_s=0.2, batch_size=16)
    log = tmp_path / "service.log"
    first = started(settings, log)
    with ending(first):
        batch = tenant.submit(tenant.put(*TEXTS))
        tenant.until(batch, lambda b: b.status is TaskStatus.PROCESSING)
        time.sleep(1.0)
        first.send_signal(signal.SIGTERM)
        assert first.wait(60) == 0, log.read_text()[-3000:]
    (job,) = tenant.stores.queues.receive(settings.jobs_queue, wait_s=2)
    assert job.body["batch_id"] == batch.batch_id
    tenant.stores.queues.extend(job, 0)

    with ending(started(settings, log)):
        ended = tenant.ended(batch)

    assert ended.status is COMPLETED, log.read_text()[-3000:]
    assert tenant.texts(collection) == sorted(TEXTS)


@pytest.mark.parametrize("data", ["on this disk", "in S3"])
def test_stores_that_are_away_for_a_while_cost_nothing(settings: Settings, data: str) -> None:
    if data == "in S3":
        settings = settings.model_copy(update={"data_uri": f"s3://{settings.object_bucket}/data"})
    direct = Tenant(Stores.open(settings))
    direct.publish()
    collection = direct.collect(sleep_s=0.2, batch_size=16)
    with faults.Link(str(settings.aws_endpoint_url)) as link:
        through = settings.model_copy(update={"aws_endpoint_url": link.url})
        with cluster(through) as client, serving(Stores.open(through), client):
            batch = direct.submit(direct.put(*TEXTS))
            direct.until(batch, lambda b: b.status is TaskStatus.PROCESSING)
            time.sleep(0.5)
            link.cut()
            time.sleep(OUTAGE_S)
            link.mend()
            ended = direct.ended(batch)
            faults.assert_as_undisturbed(direct, collection, ended)
            later = direct.ended(direct.submit(direct.put("afterwards"), [collection]))

    assert (ended.status, later.status) == (COMPLETED, COMPLETED)
    assert direct.texts(collection) == sorted([*TEXTS, "afterwards"])


def test_stopped_emulator_costs_nothing(settings: Settings, emulator: Emulator) -> None:
    tenant = Tenant(Stores.open(settings))
    tenant.publish()
    collection = tenant.collect(sleep_s=0.1, batch_size=16)
    with cluster(settings) as client, serving(tenant.stores, client):
        batch = tenant.submit(tenant.put(*TEXTS))
        tenant.until(batch, lambda b: tenant.count(collection) > 0)
        pid = emulator.pid or 0
        with faults.calling(lambda: os.killpg(pid, signal.SIGSTOP), lambda: os.killpg(pid, signal.SIGCONT)):
            time.sleep(OUTAGE_S / 2)
        ended = tenant.ended(batch)

        assert ended.status is COMPLETED, ended.error
        faults.assert_as_undisturbed(tenant, collection, ended)
