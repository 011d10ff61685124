"""The batch engine's table: `make bench-batch`.

    python -m benchmarks.batch [noop noop-1000 three api jpegs minilm] [--rounds 5] [--scale 1.0] [--no-peers]

One run measures everything, a round of each contestant after the other, so that a slow minute of the machine meets all
of them. Every contestant is up and has its model loaded before the clock starts. The bare loop and the peers end with
Parquet files; ours ends when the last document can be found.
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.batch.bare import Bare
from benchmarks.batch.ours import Platform
from benchmarks.batch.peer_process import PEERS, PeerProcess, peers_installed
from benchmarks.batch.workloads import WORKLOADS, Workload, jpegs, scaled, write_texts, write_urls

Round = Callable[[], float]


def main() -> None:
    """Measure what is asked for, and print the table and where our time goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", choices=[[], *WORKLOADS], default=[], help="All, if none is named.")
    parser.add_argument("--rounds", type=int, default=5, help="Rounds to take the median of.")
    parser.add_argument("--scale", type=float, default=1.0, help="Rows, as a part of the full number.")
    parser.add_argument("--no-peers", action="store_true", help="Leave Daft, Ray Data and Dask out.")
    arguments = parser.parse_args()
    console = Console()
    peers = PEERS if not arguments.no_peers and peers_installed() else ()
    table = Table("workload", "bare loop", "openpeek", "target", *peers, title="Seconds, and ratios to the bare loop")
    spent: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="openpeek-bench-") as folder, Platform(Path(folder)) as platform:
        for name in arguments.workloads or WORKLOADS:
            workload = scaled(WORKLOADS[name], arguments.scale)
            console.print(f"{workload.title} …")
            seconds, cpu, spent[workload.title] = measure(
                workload, platform, Path(folder) / name, arguments.rounds, peers
            )
            table.add_row(workload.title, *cells(seconds, workload.target, peers))
            console.print(f"  processor time: {cpu}")
        console.print(f"memory of driver, scheduler and workers, at most: {platform.peak_mb():.0f} MB")
    console.print(table)
    console.print(where_it_goes(spent))


def measure(
    workload: Workload, platform: Platform, folder: Path, rounds: int, peers: tuple[str, ...]
) -> tuple[dict[str, float], str, dict[str, float]]:
    """Median seconds of each contestant, their processor time, and where ours went: the median of each part."""
    folder.mkdir()
    with ExitStack() as stack:
        source = inputs(workload, platform, folder)
        bare = Bare(workload)
        stack.callback(bare.close)
        ours = platform.prepared(workload, source)
        contestants: dict[str, Round] = {
            "bare": lambda: bare.run(source, fresh(folder / "bare")),
            "ours": ours.run,
        }
        for peer in peers:
            process = stack.enter_context(PeerProcess(peer, workload, source, folder / peer))
            contestants[peer] = process.run
        meters = {"bare": bare.cpu_s, "ours": platform.cpu_s}
        taken: dict[str, list[float]] = {name: [] for name in contestants}
        used: dict[str, list[float]] = {name: [] for name in meters}
        parts: list[dict[str, float]] = []
        for _ in range(rounds):
            for name, run in contestants.items():
                before = meters[name]() if name in meters else 0.0
                taken[name].append(run())
                if name in meters:
                    used[name].append(meters[name]() - before)
            parts.append(ours.where())
    cpu = ", ".join(f"{name} {median(seconds):.2f} s" for name, seconds in used.items())
    where = {name: median(part[name] for part in parts) for name in parts[0]}
    return {name: median(seconds) for name, seconds in taken.items()}, cpu, where


def where_it_goes(spent: dict[str, dict[str, float]]) -> Table:
    """Our time by what it went to, a column a workload.

    Workers' seconds are those of both together, and the driver's go by while they work, but for what opens and ends a
    batch.
    """
    table = Table("", *spent, title="Where our time goes, medians: driver, then workers")
    for name in next(iter(spent.values())):
        table.add_row(
            name,
            *(f"{parts[name]:.0f}" if name == "partitions" else f"{parts[name]:.2f} s" for parts in spent.values()),
        )
    return table


def inputs(workload: Workload, platform: Platform, folder: Path) -> Path:
    """The rows as a Parquet file; pictures lie in the platform's object bucket, where every contestant reads them."""
    source = folder / "rows.parquet"
    if workload.column == "text":
        return write_texts(workload, source)
    return write_urls(workload, platform.put_files("jpg", jpegs(workload.rows)), source)


def cells(seconds: dict[str, float], target: float, peers: tuple[str, ...]) -> list[str]:
    """A row of the table."""
    bare = seconds["bare"]
    ratio = seconds["ours"] / bare
    verdict = "" if ratio <= target else " !"
    ours = f"{seconds['ours']:.2f} s = {ratio:.2f}{verdict}"
    return [f"{bare:.2f} s", ours, f"≤ {target}", *(f"{seconds[p]:.2f} s = {seconds[p] / bare:.2f}" for p in peers)]


def fresh(folder: Path) -> Path:
    """`folder`, not there any more."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(Path.cwd()))
    main()
