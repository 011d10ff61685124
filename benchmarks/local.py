"""What the local platform costs: start to ready, reads, a no-op batch of 10,000 stored texts, search, inference.

    python -m benchmarks.local [--texts 10000] [--rounds 3]

Runs in a home of its own and stops what it started. Medians; every figure is wall time as a client sees it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

NOOP = Path(__file__).parent / "noop"
PLUGIN_ID = "noop_1_0_0"


def main() -> None:
    """Measure everything once, in one run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=10_000, help="Stored texts of the batch.")
    parser.add_argument("--rounds", type=int, default=3, help="Batches to take the median of.")
    arguments = parser.parse_args()
    table = Table("measure", "value", "target")
    with tempfile.TemporaryDirectory(prefix="openpeek-bench-", ignore_cleanup_errors=True) as home:
        os.environ["OPENPEEK_HOME"] = home
        mixpeek("up")  # the first one builds the model cache and deploys the stack
        mixpeek("down")
        table.add_row("mixpeek up to ready, installed", f"{timed(lambda: mixpeek('up')):.2f} s", "< 10 s")
        try:
            measure(table, arguments.texts, arguments.rounds)
        finally:
            mixpeek("down")
    Console().print(table)


def measure(table: Table, texts: int, rounds: int) -> None:
    """The rows that need a running platform."""
    from plugin_sdk.cli.plugin_deploy import wait_for
    from plugin_sdk.cli.remote import open_api

    with open_api(None, None, None) as api:
        namespace = api.post("namespaces", {"namespace_name": "bench", "feature_extractors": []})["namespace_id"]
    with open_api(None, None, namespace) as api:
        mixpeek("plugin", "publish", "--path", str(NOOP), "--namespace", namespace)
        api.post(f"namespaces/{namespace}/plugins/{PLUGIN_ID}/deploy")
        schema = {"properties": {"text": {"type": "text"}}}
        bucket = api.post("buckets", {"bucket_name": "texts", "bucket_schema": schema})["bucket_id"]
        seconds = timed(lambda: create_objects(api, bucket, texts))
        table.add_row(f"create {texts:,} objects", f"{seconds:.2f} s", "")
        extractor = {"feature_extractor_name": "noop", "version": "1.0.0"}
        source = {"type": "bucket", "bucket_ids": [bucket]}
        runs = []
        for i in range(rounds):
            body = {"collection_name": f"noop{i}", "source": source, "feature_extractor": extractor}
            collection = api.post("collections", body)["collection_id"]
            runs.append(timed(lambda c=collection: run_batch(api, bucket, c, texts)))
        table.add_row(f"batch of {texts:,}, submit to searchable", f"{median(runs):.2f} s", "≤ 5 s")
        wait_for(api, PLUGIN_ID)
        client = httpx.Client(base_url=api.base_url, headers={"Authorization": f"Bearer {api.api_key}"}, timeout=30)
        headers = {"X-Namespace": namespace}
        reads: dict[str, Callable[[], Any]] = {
            "GET namespace": lambda: client.get(f"/v1/namespaces/{namespace}"),
            "GET bucket": lambda: client.get(f"/v1/buckets/{bucket}", headers=headers),
            "GET plugin status": lambda: client.get(f"/v1/namespaces/{namespace}/plugins/{PLUGIN_ID}/status"),
        }
        for name, call in reads.items():
            table.add_row(f"{name}, p50", f"{1000 * p50(call):.1f} ms", "< 10 ms")
        table.add_row("GET bucket, 64 clients", f"{throughput(api, bucket, namespace):.0f} requests/s", "")
        search = {"collection_ids": [collection], "query": "a text", "page_size": 10}
        found = lambda: client.post("/v1/documents/search", json=search, headers=headers)  # noqa: E731
        table.add_row("search, p50", f"{1000 * p50(found, 50):.1f} ms", "")
        route = f"/inference/custom_plugin_{namespace}_{PLUGIN_ID}"
        infer = lambda: client.post(route, json={"text": "hello"})  # noqa: E731
        table.add_row("POST inference, p50", f"{1000 * p50(infer):.1f} ms", "")


def create_objects(api: Any, bucket: str, count: int) -> None:
    """Texts as objects, 1,000 a call."""
    for start in range(0, count, 1000):
        texts = [f"text number {i} of the benchmark" for i in range(start, min(start + 1000, count))]
        objects = [{"blobs": [{"property": "text", "type": "text", "data": t}]} for t in texts]
        api.post(f"buckets/{bucket}/objects/batch", {"objects": objects})


def run_batch(api: Any, bucket: str, collection: str, count: int) -> None:
    """Submit, and wait until the last document can be found."""
    batch = api.post(f"buckets/{bucket}/batches/trigger", {"collection_ids": [collection]})
    while (task := api.get(f"tasks/{batch['task_id']}"))["status"] in {"PENDING", "IN_PROGRESS", "PROCESSING"}:
        time.sleep(0.05)
    answer = api.post("documents/search", {"collection_ids": [collection], "query": "a text", "page_size": 10})
    written = task["additional_data"]["documents_written"]
    if task["status"] != "COMPLETED" or written != count or not answer["results"]:
        raise SystemExit(f"The batch is {task['status']} with {written} documents: {task.get('error')}")


def throughput(api: Any, bucket: str, namespace: str, clients: int = 64, requests: int = 1280) -> float:
    """Requests a second that `clients` get at once."""
    headers = {"Authorization": f"Bearer {api.api_key}", "X-Namespace": namespace}
    limits = httpx.Limits(max_connections=clients)
    with httpx.Client(base_url=api.base_url, headers=headers, limits=limits, timeout=60) as client:
        with ThreadPoolExecutor(clients) as pool:
            began = time.perf_counter()
            for answer in pool.map(lambda _: client.get(f"/v1/buckets/{bucket}"), range(requests)):
                answer.raise_for_status()
            return requests / (time.perf_counter() - began)


def p50(call: Callable[[], httpx.Response], rounds: int = 200) -> float:
    """Median seconds of `call`, after a few to warm up; every answer must be a 2xx."""
    for _ in range(10):
        call().raise_for_status()
    return median(timed(lambda: call().raise_for_status()) for _ in range(rounds))


def timed(call: Callable[[], Any]) -> float:
    """Seconds that `call` takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def mixpeek(*words: str) -> None:
    """Run a command of the CLI; what it prints is left out."""
    command = [sys.executable, "-m", "plugin_sdk.cli.app", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"mixpeek {' '.join(words)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
