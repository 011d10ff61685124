"""Batch service under failure: killed, told to stop, or cut off from its stores, and the documents are the same."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from batch.cluster import cluster
from core.settings import Settings
from core.status import TaskStatus
from core.stores import Stores
from tests.integration.batches import COMPLETED, Tenant, serving

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TEXTS = [f"text {i}" for i in range(200)]


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
        batch = tenant.submit(tenant.put(*TEXTS))
        tenant.until(batch, lambda b: b.status is TaskStatus.PROCESSING)
        tenant.until(batch, lambda b: tenant.count(collection) > 0)
        first.kill()
        first.wait()

    with ending(started(settings, log)):
        ended = tenant.ended(batch)

    assert ended.status is COMPLETED, log.read_text()[-3000:]
    assert tenant.texts(collection) == sorted(TEXTS)


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


def test_stores_that_are_away_for_a_while_cost_nothing(settings: Settings) -> None:
    direct = Tenant(Stores.open(settings))
    direct.publish()
    collection = direct.collect(sleep_s=0.2, batch_size=16)
    with Link(str(settings.aws_endpoint_url)) as link:
        through = settings.model_copy(update={"aws_endpoint_url": link.url})
        with cluster(through) as client, serving(Stores.open(through), client):
            batch = direct.submit(direct.put(*TEXTS))
            direct.until(batch, lambda b: b.status is TaskStatus.PROCESSING)
            time.sleep(0.5)
            link.cut()
            time.sleep(6.0)
            link.mend()
            ended = direct.ended(batch)
            later = direct.ended(direct.submit(direct.put("afterwards")))

    assert (ended.status, later.status) == (COMPLETED, COMPLETED)
    assert direct.texts(collection) == sorted([*TEXTS, "afterwards"])


class Link:
    """A TCP connection to the emulator that can be cut: what is open breaks, what is new is refused."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 0)
        self._listener: socket.socket | None = None
        self._port = 0
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> "Link":
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def mend(self) -> None:
        listener = socket.create_server(("127.0.0.1", self._port), backlog=128)
        self._port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        self._open.add(source)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        source.close()
        self._open.discard(source)
