"""`up`, `down` and `status` of the platform on this machine."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil

from infra.local.environment import base_environment
from infra.local.home import Home, Profile
from infra.local.ports import require_free
from infra.local.services import answers
from infra.local.state import READY, PlatformState
from plugin_sdk.errors import PlatformError
from plugin_sdk.host.missing import accepted
from plugin_sdk.host.network import NetworkPolicy

ALLOW_MISSING = "OPENPEEK_HOST_ALLOW_MISSING"
SERVICES = ("emulator", "gateway", "batch")
UP_S = 90.0
DOWN_S = 40.0
LOOK_EVERY_S = 0.05

Told = dict[str, Any]


class UpFailed(PlatformError):
    """The platform did not start."""

    code = "up_failed"


def up(home: Home, gateway_port: int, emulator_port: int, tell: Callable[[str], None]) -> Told:
    """Start the platform and wait until it works; one that runs already is left as it is.

    Args:
        tell: is given each step of the start as it begins.

    Returns:
        What `status` returns, with `started` (false: it ran already) and `new_key`.

    Raises:
        PlatformError: it did not start; nothing of it is left running.
    """
    state = PlatformState.read(home)
    running = state is not None and state.supervisor.alive
    begun = None if running else _begin(home, state, gateway_port, emulator_port)
    try:
        state = _wait(home, begun, tell)
    except KeyboardInterrupt:
        down(home)
        raise
    return status(home) | {"started": not running, "new_key": state.new_key and not running}


def down(home: Home) -> bool:
    """Stop the platform and all of its processes; whether there was anything to stop."""
    state = PlatformState.read(home)
    if state is None:
        return False
    ran = state.supervisor.alive
    if ran:
        _terminate(state)
    leftovers = PlatformState.read(home) or state
    leftovers.kill_leftovers()
    home.state_file.unlink(missing_ok=True)
    return ran


def status(home: Home) -> Told:
    """Address, key, namespace, and what each service does now; `problems` says what is wrong and the next step."""
    profile = home.profile() or Profile("", "", "")
    state = PlatformState.read(home)
    if state is None or not state.supervisor.alive:
        gone = [] if state is None else ["The supervisor is gone; run 'mixpeek up' to start the platform again."]
        stopped = dict.fromkeys(SERVICES, "stopped")
        return _told(profile, stopped, gone) | {"running": False}
    services = {name: said.state for name, said in state.services.items()}
    services |= _asked(state, services)
    problems = [f"{name}: {said.note}." for name, said in state.services.items() if said.note]
    if state.error:
        problems.append(f"{state.error['problem']} {state.error['fix']}")
    return _told(profile, services, problems) | {"running": True}


def _told(profile: Profile, services: dict[str, str], problems: list[str]) -> Told:
    return {
        "base_url": profile.base_url,
        "api_key": profile.api_key,
        "namespace": profile.namespace,
        "services": services,
        "problems": problems,
    }


def _asked(state: PlatformState, services: dict[str, str]) -> dict[str, str]:
    """The states as of this moment, for those that can be asked: the supervisor's word may be a second old."""
    addresses = {
        "emulator": f"{state.endpoint_url}/_ministack/ready",
        "gateway": f"{state.base_url}/v1/health/liveness",
    }
    silent = {n: a for n, a in addresses.items() if services.get(n) == "running" and not answers(a)}
    return dict.fromkeys(silent, "unresponsive")


def _begin(
    home: Home, before: PlatformState | None, gateway_port: int, emulator_port: int
) -> "subprocess.Popen[bytes]":
    NetworkPolicy.from_environment(os.environ)
    accepted(os.environ.get(ALLOW_MISSING, ""), ALLOW_MISSING)
    if before is not None:  # its supervisor was killed: its services end by themselves, or here
        before.kill_leftovers()
        home.state_file.unlink(missing_ok=True)
    require_free(gateway_port, "--port", "OPENPEEK_PORT")
    require_free(emulator_port, "--emulator-port", "OPENPEEK_EMULATOR_PORT")
    home.prepare()
    _put_old_logs_aside(home)
    with home.log("supervisor").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "infra.local.supervisor", str(gateway_port), str(emulator_port)],
            env=base_environment() | {"OPENPEEK_HOME": str(home.path)},
            cwd=home.path,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _put_old_logs_aside(home: Home) -> None:
    """Each start begins new log files; those of the start before are kept as `.1`."""
    for log in home.logs.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


def _wait(home: Home, begun: "subprocess.Popen[bytes] | None", tell: Callable[[str], None]) -> PlatformState:
    deadline, told = time.monotonic() + UP_S, ""
    while time.monotonic() < deadline:
        ended = begun is not None and begun.poll() is not None  # asked first: its last word is written by then
        state = PlatformState.read(home)
        if state is not None and state.supervisor.alive:
            if state.step and state.step != told:
                told = state.step
                tell(told)
            if state.phase == READY:
                return state
        elif ended or begun is None:
            home.state_file.unlink(missing_ok=True)
            raise _failed(home, state)
        time.sleep(LOOK_EVERY_S)
    down(home)
    raise UpFailed(f"The platform was not ready after {UP_S:.0f} s.", f"See the logs in {home.logs}.")


def _failed(home: Home, state: PlatformState | None) -> UpFailed:
    if state is not None and state.error:
        return UpFailed(state.error["problem"], state.error["fix"])
    return UpFailed("The platform ended while it started.", f"See {home.log('supervisor')}.")


def _terminate(state: PlatformState) -> None:
    try:
        process = psutil.Process(state.supervisor.pid)
        process.terminate()
        process.wait(DOWN_S)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        process.kill()
