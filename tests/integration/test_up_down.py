"""The platform on one machine: up, down, status, and what becomes of it when a part of it dies."""

import json
import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.integration.platforms import Platform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def eventually(holds, timeout_s: float = 100.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.2)
    return False


def family(pids: "dict[str, int]") -> list[psutil.Process]:
    roots = [psutil.Process(pid) for pid in pids.values()]
    return [p for root in roots for p in (root, *root.children(recursive=True))]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that runs; every test leaves it running."""
    platform = Platform(tmp_path_factory.mktemp("platform") / "home")
    platform.up()
    yield platform
    platform.run("down")


def test_up_gives_a_key_and_a_namespace_that_work(platform):
    namespaces = platform.get("/v1/namespaces").json()

    profile = json.loads((platform.home / "profile.json").read_text())
    assert profile["base_url"] == f"http://127.0.0.1:{platform.port}"
    assert profile["namespace"] in json.dumps(namespaces)


def test_status_tells_address_key_namespace_and_services(platform):
    told = platform.told("status")

    profile = json.loads((platform.home / "profile.json").read_text())
    assert {k: told[k] for k in profile} == profile
    assert told["services"] == {"emulator": "running", "gateway": "running", "batch": "running"}
    assert platform.run("status").returncode == 0


def test_second_up_says_that_it_runs_and_starts_nothing(platform):
    before = platform.processes()

    done = platform.run("up")

    assert done.returncode == 0
    assert "running already" in done.stdout
    assert platform.processes() == before


def test_up_where_a_port_is_taken_names_the_process_and_what_to_do(platform, tmp_path):
    second = Platform(tmp_path / "home")
    second.port = platform.port

    done = second.run("up")

    gateway = platform.processes()["gateway"]
    assert done.returncode == 1
    assert f"Port {platform.port} is in use by" in done.stderr
    assert f"(pid {gateway})" in done.stderr
    assert "--port or OPENPEEK_PORT" in done.stderr


def test_key_is_told_whole_at_the_first_up_only(platform):
    key = json.loads((platform.home / "profile.json").read_text())["api_key"]

    again = platform.run("up")

    assert key not in again.stdout
    assert key[:7] in again.stdout


def test_processes_get_no_credentials_of_the_caller(platform):
    for process in family(platform.processes()):
        assert "AWS_SECRET_ACCESS_KEY=a-real-secret" not in [f"{k}={v}" for k, v in process.environ().items()]


def test_killed_emulator_is_started_again_and_keeps_its_state(platform):
    before = platform.get("/v1/namespaces").json()
    time.sleep(5)  # what came in the last seconds may be lost
    killed = platform.processes()["emulator"]

    os.kill(killed, signal.SIGKILL)
    during = platform.get("/v1/namespaces")

    assert during.status_code in (200, 503)
    if during.status_code == 503:
        assert "mixpeek status" in during.text
    assert eventually(lambda: platform.processes().get("emulator") not in (None, killed))
    assert eventually(lambda: platform.get("/v1/namespaces").status_code == 200)
    assert platform.get("/v1/namespaces").json() == before
    assert eventually(lambda: set(platform.told("status")["services"].values()) == {"running"})


@pytest.mark.parametrize("service", ["gateway", "batch"])
def test_killed_service_is_started_again(platform, service):
    killed = platform.processes()[service]

    os.kill(killed, signal.SIGKILL)

    assert eventually(lambda: platform.processes().get(service) not in (None, killed))
    assert eventually(lambda: set(platform.told("status")["services"].values()) == {"running"})


def test_down_ends_every_process_and_up_finds_the_state_again(platform):
    before = platform.get("/v1/namespaces").json()
    processes = family(platform.processes())

    done = platform.run("down")

    assert "stopped" in done.stdout
    assert psutil.wait_procs(processes, timeout=100)[1] == []
    assert platform.told("status")["services"] == {"emulator": "stopped", "gateway": "stopped", "batch": "stopped"}
    assert platform.run("down").stdout == "OpenPeek was not running.\n"
    platform.up()
    assert platform.get("/v1/namespaces").json() == before


def test_killed_supervisor_takes_its_services_along_and_up_starts_anew(platform):
    processes = family(platform.processes())

    os.kill(platform.processes()["supervisor"], signal.SIGKILL)

    assert psutil.wait_procs(processes, timeout=100)[1] == []
    assert "run 'mixpeek up'" in platform.run("status").stdout
    assert platform.up()["started"]
