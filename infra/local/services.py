"""The platform's processes as the supervisor sees them: the emulator, and Python modules that serve."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from infra.emulator import Emulator


class Service(Protocol):
    """A process that is started, looked after, and stopped."""

    name: str
    log: Path

    @property
    def pid(self) -> int | None:
        """The running process, or None."""

    def spawn(self) -> None:
        """Start the process; what it needs of others may not be there yet."""

    def release(self) -> None:
        """What it needs is there: begin to work."""

    def ready(self) -> bool:
        """Whether it does its work now."""

    def stop(self, timeout_s: float) -> None:
        """End it in good order within `timeout_s`, then by force with all that it started."""


class EmulatorService:
    """The local AWS."""

    name = "emulator"

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.log = emulator.log

    @property
    def pid(self) -> int | None:
        return self._emulator.pid

    def spawn(self) -> None:
        self._emulator.kill()
        self._emulator.spawn()

    def release(self) -> None:
        """It needs no one."""

    def ready(self) -> bool:
        return self._emulator.pid is not None and self._emulator.ready()

    def stop(self, timeout_s: float) -> None:
        self._emulator.stop(timeout_s)


class ModuleService:
    """`python -m module` in a session of its own, with a lifeline as its standard input.

    Args:
        health_url: answers 200 once it works; None takes a living process for a working one.
    """

    def __init__(
        self, name: str, module: str, log: Path, environment: Mapping[str, str], health_url: str | None = None
    ) -> None:
        self.name, self.log = name, log
        self._module, self._environment, self._health_url = module, dict(environment), health_url
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    def spawn(self) -> None:
        self._end_group()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", self._module],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def release(self) -> None:
        if self._process and self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(b"start\n")
                self._process.stdin.flush()

    def ready(self) -> bool:
        return self.pid is not None and (self._health_url is None or answers(self._health_url))

    def stop(self, timeout_s: float) -> None:
        if self._process is None:
            return
        deadline = time.monotonic() + timeout_s
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.1, deadline - time.monotonic()))
        self._end_group()

    def _end_group(self) -> None:
        """End what is left of its session: a dead service must not leave workers behind."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process = None


def answers(url: str, timeout_s: float = 2.0) -> bool:
    """Whether a GET of `url` is answered with 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout_s) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
