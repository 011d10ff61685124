"""A whole platform of a test's own: a home, free ports, and the command line."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx


class Platform:
    """A home of its own, and the command line."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port, self.emulator_port = free_port(), free_port()

    def run(self, command: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._start("infra.local", command, *arguments)

    def mixpeek(self, *words: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """A command as a user types it."""
        return self._start("plugin_sdk.cli.app", *words, cwd=cwd)

    def ask(self, *words: str) -> Any:
        """The JSON answer of a command that must succeed."""
        done = self.mixpeek(*words, "--format", "json")
        assert done.returncode == 0, f"mixpeek {' '.join(words)}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def _start(self, module: str, *words: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        given = {k: v for k, v in os.environ.items() if not k.startswith(("OPENPEEK_", "MIXPEEK_"))}
        variables = {
            "OPENPEEK_HOME": str(self.home),
            "OPENPEEK_PORT": str(self.port),
            "OPENPEEK_EMULATOR_PORT": str(self.emulator_port),
            "AWS_SECRET_ACCESS_KEY": "a-real-secret",
        }
        return subprocess.run(
            [sys.executable, "-m", module, *map(str, words)],
            env=given | variables,
            cwd=cwd or self.home.parent,
            capture_output=True,
            text=True,
            timeout=170,
        )

    def told(self, command: str) -> dict:
        done = self.run(command, "--format", "json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def up(self) -> dict:
        done = self.run("up", "--format", "json")
        assert done.returncode == 0, done.stderr + self.logs()
        return json.loads(done.stdout)

    def logs(self) -> str:
        return "\n".join(f"{p.name}: {p.read_text(errors='replace')[-2000:]}" for p in self.home.glob("logs/*.log"))

    def processes(self) -> dict[str, int]:
        state = json.loads((self.home / "run" / "platform.json").read_text())
        return {name: said["process"]["pid"] for name, said in state["services"].items() if said["process"]} | {
            "supervisor": state["supervisor"]["pid"]
        }

    @property
    def profile(self) -> dict[str, str]:
        return json.loads((self.home / "profile.json").read_text())

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def request(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.profile['api_key']}"} | request.pop("headers", {})
        return httpx.request(method, f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=90, **request)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
