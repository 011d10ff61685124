"""Ports, profile and remembered processes of the local platform."""

import os
import socket
import subprocess
import sys

import pytest

from core.settings import Settings
from infra.local.__main__ import main
from infra.local.environment import base_environment, local_settings, service_environment
from infra.local.home import Home, Profile
from infra.local.ports import PortTaken, require_free
from infra.local.state import PlatformState, Ran, ServiceState


def test_taken_port_names_the_process_and_the_way_out():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        with pytest.raises(PortTaken) as raised:
            require_free(port, "--port", "OPENPEEK_PORT")

    assert f"Port {port} is in use by" in raised.value.problem
    assert f"(pid {os.getpid()})" in raised.value.problem
    assert raised.value.fix == "Stop it, or choose another port with --port or OPENPEEK_PORT."


def test_free_port_passes():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

    require_free(port, "--port", "OPENPEEK_PORT")

    with socket.socket() as again:
        again.bind(("127.0.0.1", port))
        assert again.getsockname()[1] == port


def test_profile_is_for_its_owner_alone(tmp_path):
    home = Home(tmp_path / "home")
    home.keep_profile(Profile("http://127.0.0.1:8000", "sk_secret", "ns_1"))

    assert home.profile() == Profile("http://127.0.0.1:8000", "sk_secret", "ns_1")
    assert home.profile_file.stat().st_mode & 0o777 == 0o600


def test_home_is_where_the_variable_says():
    assert Home.of({"OPENPEEK_HOME": "/srv/peek"}).path.as_posix() == "/srv/peek"
    assert Home.of({}).path.name == ".openpeek"


def test_process_that_ended_is_not_taken_for_a_later_one():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ran = Ran.of(process.pid)
    assert ran is not None
    assert ran.alive
    assert not Ran(ran.pid, ran.created - 60).alive

    process.communicate(b"\n", timeout=100)

    assert not ran.alive


def test_state_is_read_as_it_was_written(tmp_path):
    home = Home(tmp_path)
    services = {"gateway": ServiceState("running", "g.log", Ran(12, 3.5)), "batch": ServiceState("down", "b.log")}
    state = PlatformState(Ran(1, 2.0), "ready", "http://a", "http://b", services=services)

    state.write(home)

    assert PlatformState.read(home) == state


def test_services_see_settings_and_no_credentials():
    given = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "s", "HTTPS_PROXY": "http://p", "OPENPEEK_WORKERS": "3"}
    given |= {"MIXPEEK_NETWORK_RULES": "r", "HF_ENDPOINT": "http://hub"}

    assert base_environment(given) == {
        k: v for k, v in given.items() if k not in ("AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY")
    }
    assert service_environment(Settings(table_name="t"), given)["OPENPEEK_TABLE_NAME"] == "t"


def test_settings_of_the_environment_are_kept_but_for_what_is_local(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENPEEK_WORKERS", "3")
    monkeypatch.setenv("OPENPEEK_SERVING_URL", "http://elsewhere")

    settings = local_settings(Home(tmp_path), 8001, 4567)

    assert settings.workers == 3
    assert settings.serving_url == "http://127.0.0.1:8001"
    assert settings.aws_endpoint_url == "http://127.0.0.1:4567"
    assert settings.data_uri == str(tmp_path / "data")


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["--port", "0"], {}, "mixpeek up: error: argument --port: '0'"),
        (["--port", "8x"], {}, "mixpeek up: error: argument --port: '8x'"),
        ([], {"OPENPEEK_EMULATOR_PORT": "70000"}, "mixpeek up: error: argument --emulator-port: '70000'"),
    ],
)
def test_wrong_port_is_named_by_its_flag(arguments, environment, told, monkeypatch, capsys):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as ended:
        main(["up", *arguments])

    assert ended.value.code == 2
    assert told in capsys.readouterr().err
