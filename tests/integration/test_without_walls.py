"""`mixpeek plugin test` where there are no walls: on a system that is not Linux, as far as one can be had here."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugin_sdk.folders import write_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="it takes Linux's part away"),
]

MACOS = """
import asyncio, ctypes, fcntl, mmap, os, resource, select, signal, socket, sys, tempfile, urllib.request
import msgpack, numpy, pandas, psutil, pyarrow.compute, pydantic
sys.platform = "darwin"
sys.modules["pyseccomp"] = None
for module, names in {
    fcntl: "F_ADD_SEALS F_SEAL_SEAL F_SEAL_SHRINK F_SEAL_GROW",
    mmap: "MAP_POPULATE",
    os: "memfd_create MFD_CLOEXEC MFD_ALLOW_SEALING pidfd_open setresuid setresgid sched_getaffinity O_PATH eventfd",
    resource: "RLIMIT_MSGQUEUE RLIMIT_SIGPENDING prlimit",
    select: "epoll",
    signal: "pidfd_send_signal",
    socket: "MSG_CMSG_CLOEXEC SO_PASSCRED",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096))
def set_limit(kind, limits, original=resource.setrlimit):
    if kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        raise ValueError("current limit exceeds maximum limit")
    original(kind, limits)
resource.setrlimit = set_limit
"""
"""Few descriptors, no sealed memory, no process handles, no prctl, and calls of the system by number mean others."""

COMMAND = f"""
MACOS = {MACOS!r}
exec(MACOS)
from plugin_sdk.host import kernel, zygote
zygote.BOOT = f"exec({{MACOS!r}}); " + zygote.BOOT
class Libc:
    def __getattr__(self, name): raise AttributeError(name)
kernel._libc = Libc()
from plugin_sdk.cli.app import main
main()
"""
MANIFEST = """
    metadata = {"feature_extractor_name": "small", "version": "1.0.0"}
    output_schema = {"type": "object", "properties": {"embedding": {"type": "array"}}}
    supported_input_types = ["text"]
    features = [{"feature_name": "small_embedding", "feature_type": "embedding", "embedding_dim": 2}]
"""
PIPELINE = """
    import time
    from engine.plugins.extractors.pipeline import StepDefinition

    def embed(batch):
        print("at work")
        while "forever" in set(batch["data"]):
            time.sleep(0.1)
        batch["small_embedding"] = [[1.0, 0.0]] * len(batch)
        return batch

    def build_steps(extractor_request, **kwargs):
        return {"steps": [StepDefinition(embed)]}
"""


def report_of(folder: Path, *texts: str, **env: str) -> dict[str, Any]:
    """What the command says of a plugin that is given these texts."""
    sample = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    write_files(folder, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "tests/sample.jsonl": sample})
    ran = subprocess.run(
        [sys.executable, "-c", COMMAND, "plugin", "test", "--path", str(folder), "--format", "json"],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        timeout=200,
        check=False,
    )
    assert ran.stdout.startswith("{"), ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_a_plugin_runs_without_walls_and_the_report_says_so(tmp_path: Path) -> None:
    report = report_of(tmp_path, "one", "two")

    assert report["passed"], report
    assert [row["small_embedding"] for row in report["documents"]] == [[1.0, 0.0]] * 2
    assert "at work" in report["logs"]
    said = " ".join(check["message"] for check in report["checks"])
    assert "it runs without kernel walls, this system lacks namespaces, landlock, seccomp" in said


def test_a_plugin_that_hangs_is_killed_there_too(tmp_path: Path) -> None:
    report = report_of(tmp_path, "forever", MIXPEEK_HOST_TIMEOUT_S="2")

    assert not report["passed"]
    assert report["error"] == "killed: time limit"
