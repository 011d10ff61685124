"""The bare loop: two processes that read row groups, call the processors, and write Parquet. No retries, no checks."""

import os
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.batch.workloads import WORKLOADS, Workload

PROCESSES = 2
_processors: list[Any] = []


class Bare:
    """A pool that is up, its processors loaded, before the clock starts."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._pool = ProcessPoolExecutor(PROCESSES, get_context("spawn"), _load, (workload.name,))
        for future in [self._pool.submit(_ready) for _ in range(PROCESSES * 2)]:
            future.result()

    def run(self, source: Path, out: Path) -> float:
        """Seconds from the first row group to the last file."""
        out.mkdir()
        groups = pq.ParquetFile(source).num_row_groups
        began = time.perf_counter()
        rows = sum(self._pool.map(_part, [(self._workload.name, str(source), g, str(out)) for g in range(groups)]))
        seconds = time.perf_counter() - began
        assert rows == pq.ParquetFile(source).metadata.num_rows
        return seconds

    def cpu_s(self) -> float:
        """Processor seconds that the processes have used so far."""
        import psutil  # only here: the peers load this module too, and have no psutil

        return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in self._pool._processes)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


def process(workload: Workload, processors: list[Any], frame: pd.DataFrame) -> pd.DataFrame:
    """The processors over a frame, in batches of the plugin's own size."""
    starts = range(0, len(frame), workload.batch_rows)
    batches = [frame.iloc[s : s + workload.batch_rows].reset_index(drop=True) for s in starts]
    if workload.threads > 1:
        with ThreadPoolExecutor(workload.threads) as pool:
            done = list(pool.map(lambda batch: _through(processors, batch), batches))
    else:
        done = [_through(processors, batch) for batch in batches]
    return done[0] if len(done) == 1 else pd.concat(done, ignore_index=True)


def _through(processors: list[Any], batch: pd.DataFrame) -> pd.DataFrame:
    for processor in processors:
        batch = processor(batch)
    return batch


def _load(name: str) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    if "torch" in _modules(name):
        import torch

        torch.set_num_threads(1)
    _processors[:] = WORKLOADS[name].processors()


def _modules(name: str) -> tuple[str, ...]:
    return ("torch",) if name == "minilm" else ()


def _ready() -> bool:
    time.sleep(0.05)  # long enough that every process takes one
    return bool(_processors)


def _part(job: tuple[str, str, int, str]) -> int:
    name, source, group, out = job
    frame = pq.ParquetFile(source).read_row_group(group).to_pandas()
    done = process(WORKLOADS[name], _processors, frame)
    pq.write_table(pa.Table.from_pandas(done, preserve_index=False), f"{out}/{group:05d}.parquet")
    return len(done)
