"""A peer in a process of its own, in the environment that `make bench-tools` builds for the peers."""

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType

from benchmarks.batch.workloads import Workload

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PEERS = ("daft", "ray", "dask")


def peers_installed() -> bool:
    """Whether the peers' environment is there."""
    return PYTHON.exists()


class PeerProcess:
    """Started, and ready, before its first round."""

    def __init__(self, peer: str, workload: Workload, source: Path, out: Path) -> None:
        command = [str(PYTHON), "-m", "benchmarks.batch.peers", peer, workload.name, str(source), str(out)]
        log = (source.parent / f"{peer}.log").open("w")
        self._log = Path(log.name)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=os.environ
        )
        self._answer("ready")

    def run(self) -> float:
        """Seconds of one round."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(json.loads(self._answer()))

    def __enter__(self) -> "PeerProcess":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _answer(self, awaited: str | None = None) -> str:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.strip() == awaited or (awaited is None and line.strip().replace(".", "").isdigit()):
                return line
        raise SystemExit(f"The peer ended early:\n{self._log.read_text()[-2000:]}")
