"""The platform as a user runs it: `mixpeek up`, a published plugin, an import, a batch, and a search for the last row."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
import psutil

from benchmarks.batch.workloads import PLUGINS, Workload
from infra.local.home import Home
from infra.local.state import PlatformState

RUNNING = {"PENDING", "IN_PROGRESS", "PROCESSING"}
POLL_S = 0.05
SAMPLE_S = 0.5
FILES = "bench-files"


class Platform:
    """A platform in a home of its own, on ports of its own; stopped at the end."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "home"
        os.environ["OPENPEEK_HOME"] = str(self._home)
        os.environ["OPENPEEK_PORT"], os.environ["OPENPEEK_EMULATOR_PORT"] = map(str, free_ports(2))
        os.environ["OPENPEEK_TEND_AFTER_S"] = (
            "3600"  # compaction and indexes come later, and would slow the others' rounds
        )
        self._peak, self._done = 0.0, threading.Event()
        self._published: set[str] = set()

    def __enter__(self) -> "Platform":
        mixpeek("up")
        from plugin_sdk.cli.remote import open_api

        with open_api(None, None, None) as api:
            self.namespace = api.post("namespaces", {"namespace_name": "bench", "feature_extractors": []})[
                "namespace_id"
            ]
        self.api = open_api(None, None, self.namespace)
        endpoint = f"http://127.0.0.1:{os.environ['OPENPEEK_EMULATOR_PORT']}"
        self._s3 = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test")
        self._s3.create_bucket(Bucket=FILES)
        self._endpoint = endpoint
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._done.set()
        mixpeek("down")

    def put_files(self, suffix: str, files: Iterable[bytes]) -> list[str]:
        """Their addresses over HTTP, which every contestant can read."""
        urls = []
        for number, data in enumerate(files):
            key = f"{suffix}/{number:06d}.{suffix}"
            self._s3.put_object(Bucket=FILES, Key=key, Body=data)
            urls.append(f"{self._endpoint}/{FILES}/{key}")
        return urls

    def prepared(self, workload: Workload, source: Path) -> "Ours":
        """The workload's plugin published and its rows imported."""
        if workload.plugin not in self._published:
            mixpeek("plugin", "publish", "--path", str(PLUGINS / workload.plugin), "--namespace", self.namespace)
            self._published.add(workload.plugin)
        self._s3.upload_file(str(source), FILES, f"{workload.name}.parquet")
        kind = "text" if workload.column == "text" else "image"
        schema = {
            "properties": {workload.column: {"type": kind}, "number": {"type": "number"}, "score": {"type": "number"}}
        }
        bucket = self.api.post("buckets", {"bucket_name": workload.name, "bucket_schema": schema})["bucket_id"]
        columns = "text_columns" if kind == "text" else "blob_columns"
        body = {
            "url": f"s3://{FILES}/{workload.name}.parquet",
            columns: [workload.column],
            "metadata_columns": ["number", "score"],
        }
        began = time.perf_counter()
        found = self.api.post(f"buckets/{bucket}/objects/import", body)
        if found.get("task_id"):
            self.ended(found["task_id"])
        return Ours(self, workload, bucket, time.perf_counter() - began)

    def ended(self, task_id: str) -> dict[str, Any]:
        """The task once it has ended well."""
        while (task := self.api.get(f"tasks/{task_id}"))["status"] in RUNNING:
            time.sleep(POLL_S)
        if task["status"] != "COMPLETED":
            raise SystemExit(f"The task ended as {task['status']}: {task.get('error')}")
        return task

    def cpu_s(self) -> float:
        """Processor seconds of the whole platform so far."""
        return cpu_s(self._home)

    def peak_mb(self) -> float:
        """The most that batch service, scheduler and workers held at once, plugin hosts left out."""
        return self._peak

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_S):
            self._peak = max(self._peak, engine_mb(self._home))


class Ours:
    """One workload on the platform; each round makes a collection of its own."""

    def __init__(self, platform: Platform, workload: Workload, bucket: str, import_s: float) -> None:
        self._platform, self._workload, self.bucket, self._import_s = platform, workload, bucket, import_s
        self._rounds, self._last = 0, {}  # type: ignore[var-annotated]

    def run(self) -> float:
        """Seconds from the request to the moment when every document can be found."""
        api, workload = self._platform.api, self._workload
        self._rounds += 1
        collection = api.post(
            "collections",
            {
                "collection_name": f"{workload.name}-{self._rounds}",
                "source": {"type": "bucket", "bucket_ids": [self.bucket]},
                "feature_extractor": {"feature_extractor_name": workload.plugin, "version": "1.0.0"},
            },
        )["collection_id"]
        began = time.perf_counter()
        batch = api.post(f"buckets/{self.bucket}/batches/trigger", {"collection_ids": [collection]})
        first = None
        while (task := api.get(f"tasks/{batch['task_id']}"))["status"] in RUNNING:
            if first is None and (task.get("additional_data") or {}).get("documents_written"):
                first = time.perf_counter() - began
            time.sleep(POLL_S)
        found = api.post(f"collections/{collection}/documents/list?limit=1")
        seconds = time.perf_counter() - began
        written = (task.get("additional_data") or {}).get("documents_written")
        if task["status"] != "COMPLETED" or written != workload.rows or not found["results"]:
            raise SystemExit(f"The batch is {task['status']} with {written} documents: {task.get('error')}")
        self._last = (task.get("additional_data") or {}) | {"first_document_s": first, "seconds": seconds}
        return seconds

    def where(self) -> dict[str, float]:
        """Seconds of the last round by what they went to: of the workers together, and of the driver meanwhile."""
        found = self._last["performance"]
        worker, driver = found["seconds"], found["driver_seconds"]
        known = {name: worker.get(name, 0.0) for name in ("read", "host", "check", "write")}
        return {
            "import": self._import_s,
            "first document": self._last["first_document_s"] or self._last["seconds"],
            "open": driver["open"],
            "plan": driver["plan"],
            "commit": driver["commit"],
            "records": driver["records"],
            "ask and list": self._last["seconds"] - found["wall_s"],
            "read": known["read"],
            "transport, convert": max(known["host"] - found["plugin_s"], 0.0),
            "plugin": found["plugin_s"],
            "check": known["check"],
            "write": known["write"],
            "other": max(worker["total"] - sum(known.values()), 0.0),
            "idle": found["idle_s"],
            "partitions": found["partitions"],
        }


def family(home: Path) -> list[psutil.Process]:
    """All processes of the platform in this home."""
    state = PlatformState.read(Home(home))
    if state is None:
        return []
    started = [state.supervisor, *(service.process for service in state.services.values())]
    roots = {ran.pid for ran in started if ran}
    found = {pid: psutil.Process(pid) for pid in roots if psutil.pid_exists(pid)}
    return list({p.pid: p for root in found.values() for p in (root, *root.children(recursive=True))}.values())


def engine_mb(home: Path) -> float:
    """Memory (PSS: what several share is counted once) of the batch service with its scheduler, and of its workers; plugin hosts left out."""
    total = 0.0
    for process in family(home):
        try:
            if "infra.local.batch" in (words := " ".join(process.cmdline())) or "multiprocessing" in words:
                total += process.memory_full_info().pss / 2**20
        except psutil.Error:
            continue
    return total


def cpu_s(home: Path) -> float:
    """Processor seconds of all of the platform's processes, emulator and plugin hosts included."""
    total = 0.0
    for process in family(home):
        try:
            times = process.cpu_times()
            total += times.user + times.system
        except psutil.Error:
            continue
    return total


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def mixpeek(*words: str) -> None:
    """Run a command of the CLI; what it prints is left out."""
    done = subprocess.run([sys.executable, "-m", "plugin_sdk.cli.app", *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"mixpeek {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
