"""A serving node in a process of its own: it says whether it lives and is ready, answers data routes, and ends in order."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from batch.serving.health import Readiness
from batch.serving.node import Node
from core.settings import Settings
from core.stores import Stores

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture
def node(settings: Settings, tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A running node and its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = {f"OPENPEEK_{k.upper()}": str(v) for k, v in settings.model_dump().items() if v is not None}
    command = [sys.executable, "-m", "batch.serving", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | own, stderr=log)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def answered(url: str, timeout_s: float = 60.0) -> httpx.Response:
    """The first answer of a node that starts."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return httpx.get(url)
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_node_is_alive_and_ready_and_asks_for_a_key_and_ends_in_order(
    node: tuple["subprocess.Popen[bytes]", str],
) -> None:
    process, url = node

    alive = answered(f"{url}/v1/health/liveness")
    ready = httpx.get(f"{url}/v1/health/readiness")
    keyless = httpx.post(f"{url}/inference/words", json={})
    process.send_signal(signal.SIGTERM)

    assert (alive.status_code, alive.json()) == (200, {"status": "OK"})
    assert (ready.status_code, ready.json()) == (200, {"status": "OK", "reason": None})
    assert keyless.status_code == 401
    assert process.wait(100) in (0, -signal.SIGTERM)


def test_node_without_its_records_is_not_ready_until_it_has_seen_them(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    away = Stores.open(settings.model_copy(update={"aws_endpoint_url": nobody}))
    here = Stores.open(settings)

    lost = Readiness(away, Node(away, starter=None))  # type: ignore[arg-type]
    found = Readiness(here, Node(here, starter=None))  # type: ignore[arg-type]

    assert "does not answer" in str(lost.missing())
    assert found.missing() is None
