"""A small batch beside a large one, and a large one that is cancelled: `python -m benchmarks.batch.beside [--rounds 5]`.

The large batch is a million rows through three steps. Once its first documents are there, ten rows are triggered in the
same namespace, then it is cancelled. Seconds to the small one's first document, and to the large one's end: both within 5.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.batch.ours import RUNNING, Platform
from benchmarks.batch.workloads import WORKLOADS, write_texts

LARGE = replace(WORKLOADS["three"], name="large", rows=1_000_000, partitions=64)
SMALL = replace(WORKLOADS["three"], name="small", rows=10, partitions=1)
POLL_S = 0.02
TARGET_S = 5.0


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="Rounds to take the median of.")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="openpeek-bench-") as folder, Platform(Path(folder)) as platform:
        buckets = {
            w.name: platform.prepared(w, write_texts(w, Path(folder) / f"{w.name}.parquet")) for w in (LARGE, SMALL)
        }
        taken = [measure(platform, {name: ours.bucket for name, ours in buckets.items()}, n) for n in range(rounds)]
    table = Table("", "median", "slowest", "target", title="Seconds")
    for title, seconds in zip(
        ("first document of 10 rows beside 1M", "cancel of 1M rows"), zip(*taken, strict=True), strict=True
    ):
        table.add_row(title, f"{median(seconds):.2f}", f"{max(seconds):.2f}", f"≤ {TARGET_S:g}")
    Console().print(table)


def measure(platform: Platform, buckets: dict[str, str], number: int) -> tuple[float, float]:
    """Seconds to the small batch's first document, and from the cancel to the end of the large one."""
    api = platform.api
    collections = {name: collection(platform, f"{name}-{number}", bucket) for name, bucket in buckets.items()}

    def started(name: str) -> Any:
        return api.post(f"buckets/{buckets[name]}/batches/trigger", {"collection_ids": [collections[name]]})

    def has_documents(name: str) -> bool:
        return bool(api.post(f"collections/{collections[name]}/documents/list?limit=1")["results"])

    large = started("large")
    until(lambda: has_documents("large"))
    began = time.perf_counter()
    small = started("small")
    until(lambda: has_documents("small"))
    first_s = time.perf_counter() - began
    if api.get(f"tasks/{large['task_id']}")["status"] not in RUNNING:
        raise SystemExit("The large batch ended before the small one began.")
    began = time.perf_counter()
    api.post(f"buckets/{buckets['large']}/batches/{large['batch_id']}/cancel", {})
    until(lambda: not running(platform, buckets["large"], large))
    cancel_s = time.perf_counter() - began
    platform.ended(small["task_id"])
    return first_s, cancel_s


def collection(platform: Platform, name: str, bucket: str) -> str:
    """A new collection of the bucket's rows."""
    asked = {
        "collection_name": name,
        "source": {"type": "bucket", "bucket_ids": [bucket]},
        "feature_extractor": {"feature_extractor_name": LARGE.plugin, "version": "1.0.0"},
    }
    return str(platform.api.post("collections", asked)["collection_id"])


def running(platform: Platform, bucket: str, batch: Any) -> bool:
    """Whether anything of the batch goes on: its task, or the tier that says when it stopped."""
    told = platform.api.get(f"buckets/{bucket}/batches/{batch['batch_id']}")
    task = platform.api.get(f"tasks/{batch['task_id']}")
    return task["status"] in RUNNING or not all(tier.get("completed_at") for tier in told["tier_tasks"])


def until(reached: Callable[[], bool]) -> None:
    """Ask until it is so."""
    while not reached():
        time.sleep(POLL_S)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(Path.cwd()))
    main()
