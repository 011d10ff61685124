"""Where `make deploy-local` lets data routes lead, and what it leaves for `make test-deployed`."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra import deploy as subject
from infra.deploy import KEY, SERVING, emulator_of, leave, left, serving_place
from infra.local.home import Home
from infra.local.state import READY, PlatformState, Ran

HERE, GATEWAY = "http://127.0.0.1:4566", "http://127.0.0.1:8000"


def running(home: Home, supervisor: Ran) -> None:
    PlatformState(supervisor, READY, base_url=GATEWAY, endpoint_url=HERE).write(home)


def test_data_routes_lead_to_the_platform_that_runs_on_the_same_emulator(tmp_path: Path) -> None:
    home, me = Home(tmp_path), Ran.of(os.getpid())
    assert me is not None
    running(home, me)

    assert serving_place(HERE, home, "http://127.0.0.1:1") == GATEWAY
    assert serving_place("http://127.0.0.1:4567", home, "http://127.0.0.1:1") == "http://127.0.0.1:1"


def test_the_emulator_is_that_of_the_platform_that_runs(tmp_path: Path) -> None:
    home, me = Home(tmp_path), Ran.of(os.getpid())
    assert me is not None
    running(home, me)

    assert emulator_of(home) == HERE


def test_without_a_platform_it_is_what_answers_in_the_usual_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(subject, "DEFAULT_ENDPOINT", place)

        assert emulator_of(Home(tmp_path)) == place
        server.shutdown()


@pytest.mark.parametrize("before", [None, "http://127.0.0.1:1"])
def test_data_routes_lead_to_a_place_of_their_own_where_no_platform_runs(tmp_path: Path, before: str | None) -> None:
    home = Home(tmp_path)
    running(home, Ran(os.getpid(), created=0.0))  # a supervisor that is gone, its number taken by another

    place = serving_place(HERE, home, before)

    assert place == before if before else (urlsplit(place).port or 0) > 0


def test_what_was_left_is_found_again_and_closed_to_others(tmp_path: Path) -> None:
    place = tmp_path / "build" / "deployed.env"

    leave(place, {KEY: "sk_1", SERVING: ""})

    assert left(place) == {KEY: "sk_1", SERVING: ""}
    assert place.stat().st_mode & 0o077 == 0
    assert left(tmp_path / "none") == {}
