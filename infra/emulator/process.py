"""The emulator's process, seen from its parent: start, wait until ready, stop with everything it started."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.emulator.environment import emulator_environment
from plugin_sdk.errors import PlatformError

HOST = "127.0.0.1"


class EmulatorFailed(PlatformError):
    """The emulator did not start."""

    code = "emulator_failed"


class Emulator:
    """MiniStack on 127.0.0.1, in a session of its own; it ends when this process does, however that ends.

    Args:
        state_dir: holds all of its state, and is read again at the next start.
        port: 0 takes a free one.
        log: file for its output; None uses `emulator.log` in `state_dir`.
    """

    def __init__(self, state_dir: Path | str, port: int = 0, log: Path | None = None) -> None:
        self.state_dir = Path(state_dir).absolute()
        self.port = port
        self.log = log or self.state_dir / "emulator.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint_url(self) -> str:
        """What AWS clients take as `endpoint_url`; known from `start` on."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The running process, or None."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, timeout_s: float = 30.0) -> Self:
        """Start it and wait until it answers.

        Raises:
            EmulatorFailed: it ended, or did not answer in time.
            OSError: the port is taken.
        """
        self.spawn()
        self.wait_ready(timeout_s)
        return self

    def spawn(self) -> None:
        """Start it without waiting. The listening socket is bound here, so that no one else can take the port."""
        for folder in (self.state_dir, self.state_dir / "tmp", self.log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with _bound(self.port) as listener, self.log.open("ab") as log:
            self.port = listener.getsockname()[1]
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "infra.emulator.launch", str(listener.fileno())],
                env=emulator_environment(self.state_dir, self.port),
                cwd=self.state_dir,
                stdin=subprocess.PIPE,  # its end of file tells the emulator that we are gone
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(listener.fileno(),),
                start_new_session=True,
            )

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Wait until it answers that its saved state is loaded.

        Raises:
            EmulatorFailed: it ended, or did not answer in time.
        """
        deadline = time.monotonic() + timeout_s
        while not self.ready():
            if self.pid is None:
                raise EmulatorFailed("The AWS emulator ended while it started.", f"See {self.log}.")
            if time.monotonic() > deadline:
                self.stop()
                raise EmulatorFailed(f"The AWS emulator was not ready after {timeout_s:.0f} s.", f"See {self.log}.")
            time.sleep(0.03)

    def ready(self) -> bool:
        """Whether it answers now."""
        try:
            with urllib.request.urlopen(f"{self.endpoint_url}/_ministack/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, timeout_s: float = 15.0) -> None:
        """Let it save its state, then end it and every Lambda it runs."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        self.kill()

    def kill(self) -> None:
        """End its whole process group at once; what it has not saved is lost."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    return listener
