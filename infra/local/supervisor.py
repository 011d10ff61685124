"""The supervisor: starts the platform's processes at once, readies AWS, and starts again what dies.

Run as `python -m infra.local.supervisor <gateway port> <emulator port>` by `up`; it lives in the background and ends,
with everything it started, at SIGTERM.
"""

import fcntl
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from core.log import configure
from core.settings import Settings
from core.stores import Stores
from infra.emulator import Emulator
from infra.emulator.stack import deploy
from infra.local.environment import local_settings, service_environment
from infra.local.first_run import ensure_profile
from infra.local.home import Home
from infra.local.models import build_cache
from infra.local.services import EmulatorService, ModuleService, Service
from infra.local.state import FAILED, READY, STARTING, STOPPING, PlatformState, Ran, ServiceState
from plugin_sdk.errors import PlatformError

log = logging.getLogger("openpeek.supervisor")

LOOK_EVERY_S = 0.5
START_S = 45.0
STOP_S = 12.0
BACKOFF_S = (0.2, 1.0, 3.0, 10.0, 30.0)
STABLE_S = 60.0
"""A service that lived this long starts again at once when it dies."""


class StartFailed(PlatformError):
    """A part of the platform did not come up."""

    code = "start_failed"


class Watched:
    """A service, what is told of it, and when it may be started again."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.told = ServiceState("starting", str(service.log))
        self._deaths = 0
        self._started = self._next_try = 0.0

    def spawn(self) -> None:
        """Start it."""
        self._started = time.monotonic()
        self.told.state = "starting"
        self.service.spawn()
        self.told.process = Ran.of(self.service.pid) if self.service.pid else None

    def look(self) -> bool:
        """Note how it is; whether it is dead and its time to start again has come."""
        if self.service.pid is not None:
            up = self.service.ready()
            self.told.state = "running" if up else ("starting" if self._age() < START_S else "unresponsive")
            if up:
                self.told.note = ""
            return False
        if self.told.state != "down":
            self._bury()
        return time.monotonic() >= self._next_try

    def _bury(self) -> None:
        self._deaths = 0 if self._age() > STABLE_S else self._deaths
        wait_s = BACKOFF_S[min(self._deaths, len(BACKOFF_S) - 1)]
        self._deaths += 1
        self._next_try = time.monotonic() + wait_s
        self.told.state, self.told.process = "down", None
        self.told.restarts += 1
        self.told.note = f"it ended and is started again; see {self.service.log}"
        log.warning("service ended", extra={"service": self.service.name, "again_in_s": wait_s})

    def _age(self) -> float:
        return time.monotonic() - self._started


class Supervisor:
    """One platform under one home."""

    def __init__(self, home: Home, settings: Settings, gateway_port: int, emulator_port: int) -> None:
        base_url = f"http://127.0.0.1:{gateway_port}"
        environment = service_environment(settings) | {"OPENPEEK_PORT": str(gateway_port)}
        health = f"{base_url}/v1/health/liveness"
        emulator = Emulator(home.emulator, emulator_port, home.log("emulator"))
        services: list[Service] = [
            EmulatorService(emulator),
            ModuleService("gateway", "infra.local.gateway", home.log("gateway"), environment, health),
            ModuleService("batch", "infra.local.batch", home.log("batch"), environment),
        ]
        self._home, self._settings = home, settings
        self._watched = [Watched(s) for s in services]
        self._emulator = emulator
        self._stop = threading.Event()
        supervisor = Ran.of(os.getpid())
        assert supervisor is not None
        told = {w.service.name: w.told for w in self._watched}
        self._state = PlatformState(supervisor, STARTING, base_url, emulator.endpoint_url, services=told)

    def run(self) -> int:
        """Start, look after, stop; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        try:
            self._start()
            self._look_after()
        except PlatformError as error:
            log.error("start failed", extra={"error": str(error)})
            self._state.error = {"problem": error.problem, "fix": error.fix}
        except Exception as error:
            log.exception("start failed")
            problem = f"The platform did not start: {type(error).__name__}: {error}."
            self._state.error = {"problem": problem, "fix": f"See {self._home.log('supervisor')}."}
        finally:
            self._end()
        return 1 if self._state.error else 0

    def _start(self) -> None:
        self._step("starting the processes")
        for watched in self._watched:
            watched.spawn()
        build_cache(self._home.models)
        self._step("waiting for the local AWS")
        self._emulator.wait_ready(START_S)
        self._step("deploying the stack")
        self._ready_aws()
        for watched in self._watched:
            watched.service.release()
        self._step("waiting for the gateway")
        self._wait_until_all_work()
        self._state.phase = READY
        self._step("")

    def _ready_aws(self) -> None:
        changed = deploy(self._settings)
        stores = Stores.open(self._settings)
        self._state.new_key = ensure_profile(self._home, stores, self._state.base_url)
        profile = self._home.profile()
        self._state.namespace = profile.namespace if profile else None
        log.info("aws is ready", extra={"deployed": changed})

    def _wait_until_all_work(self) -> None:
        deadline = time.monotonic() + START_S
        while not self._stop.is_set():
            for watched in self._watched:
                watched.look()
            waiting = [w for w in self._watched if w.told.state != "running"]
            if not waiting:
                return
            dead = [w for w in waiting if w.told.state == "down"]
            if dead or time.monotonic() > deadline:
                raise _not_started((dead or waiting)[0].service)
            self._stop.wait(0.05)

    def _look_after(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            for watched in self._watched:
                if watched.look():
                    self._start_again(watched)
            self._state.write(self._home)

    def _start_again(self, watched: Watched) -> None:
        name = watched.service.name
        try:
            watched.spawn()
            if name == "emulator":
                self._emulator.wait_ready(START_S)
                self._ready_aws()
            watched.service.release()
            log.info("service started again", extra={"service": name})
        except Exception as error:  # the platform lives on with what it has; the next turn tries again
            log.exception("service could not be started again", extra={"service": name})
            watched.told.note = f"it ended and could not be started again: {error}"

    def _step(self, text: str) -> None:
        self._state.step = text
        self._state.write(self._home)

    def _end(self) -> None:
        """The emulator goes last: the others may still write."""
        self._state.phase = FAILED if self._state.error else STOPPING
        self._state.write(self._home)
        emulator, *others = (w.service for w in self._watched)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda service: service.stop(STOP_S), others))
        emulator.stop(STOP_S)
        if not self._state.error:
            self._home.state_file.unlink(missing_ok=True)


def _not_started(service: Service) -> StartFailed:
    last = service.log.read_text(errors="replace").strip().splitlines()[-1:] if service.log.exists() else []
    said = f" Its last words: {last[0][:300]}" if last else ""
    return StartFailed(f"The {service.name} did not start.{said}", f"See {service.log}.")


@contextmanager
def only_one(home: Home) -> Iterator[bool]:
    """Hold the home's lock; False when another supervisor has it."""
    home.lock.parent.mkdir(parents=True, exist_ok=True)
    with home.lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def main() -> None:
    """Run until SIGTERM."""
    configure()
    gateway_port, emulator_port = int(sys.argv[1]), int(sys.argv[2])
    home = Home.of()
    with only_one(home) as alone:
        if not alone:
            raise SystemExit("Another supervisor runs under this home.")
        settings = local_settings(home, gateway_port, emulator_port)
        raise SystemExit(Supervisor(home, settings, gateway_port, emulator_port).run())


if __name__ == "__main__":
    main()
