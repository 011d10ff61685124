"""One peer, one workload, a number of rounds: run by the Python that has the peer installed; prints seconds as JSON.

    PYTHONPATH=. .venv-peers/bin/python -m benchmarks.batch.peers daft noop /path/to/source.parquet /path/to/out

It starts, says "ready", and does a round for every line on its input, so that rounds can be interleaved.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.batch.bare import process
from benchmarks.batch.workloads import WORKLOADS, Workload

SLOTS = 2
KEPT = ("number", "score")


class Step:
    """The workload's processors, loaded once a worker; a frame in, a frame out."""

    def __init__(self, name: str) -> None:
        self.workload = WORKLOADS[name]
        self.processors: list[Any] = []

    def __call__(self, frame: Any) -> Any:
        if not self.processors:
            self.processors = self.workload.processors()
        return process(self.workload, self.processors, frame)


def ray_data(workload: Workload, source: str) -> Callable[[str], None]:
    """Ray Data with two actors, and room beside them for its reads and writes."""
    import ray

    ray.init(num_cpus=2 * SLOTS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False

    def run(out: str) -> None:
        data = ray.data.read_parquet(source, override_num_blocks=workload.partitions)
        data.map_batches(
            Step, fn_constructor_args=(workload.name,), concurrency=SLOTS, batch_format="pandas", batch_size=None
        ).write_parquet(out)

    return run


def daft(workload: Workload, source: str) -> Callable[[str], None]:
    """Daft's own runner with a class function over whole partitions."""
    import daft as engine
    import pandas as pd
    import pyarrow as pa

    probe = process(workload, workload.processors(), pd.read_parquet(source).head(2))
    made = pa.Table.from_pandas(probe, preserve_index=False).schema
    fields = {f.name: engine.DataType.from_arrow_type(f.type) for f in made if f.name not in KEPT}
    returned = engine.DataType.struct(fields) if len(fields) > 1 else next(iter(fields.values()))

    @engine.cls(max_concurrency=SLOTS, use_process=True)
    class Mapped:
        def __init__(self) -> None:
            self.step = Step(workload.name)

        @engine.method.batch(return_dtype=returned)
        def run(self, values: Any) -> Any:
            done = self.step(pa.table({workload.column: values.to_arrow()}).to_pandas())
            columns = pa.Table.from_pandas(done, preserve_index=False).select(list(fields)).combine_chunks()
            if len(fields) == 1:
                return engine.Series.from_arrow(columns.column(0))
            return engine.Series.from_arrow(columns.to_struct_array())

    def run(out: str) -> None:
        data = engine.read_parquet(source)
        made = Mapped().run(data[workload.column])
        if len(fields) == 1:
            columns = [made.alias(next(iter(fields)))]
        else:
            data = data.with_column("made", made)
            columns = [engine.col("made").get(name).alias(name) for name in fields]
        data.select(*KEPT, *columns).write_parquet(out)

    return run


def dask(workload: Workload, source: str) -> Callable[[str], None]:
    """Dask dataframes on two processes."""
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=SLOTS, threads_per_worker=1, dashboard_address=None)
    client = Client(cluster)

    def run(out: str) -> None:
        frame = dd.read_parquet(source, split_row_groups=True)
        probe = process(workload, workload.processors(), frame.head(2))
        frame.map_partitions(_on_worker, workload.name, meta=probe.iloc[:0]).to_parquet(out)

    run.client = client  # type: ignore[attr-defined]  # kept alive with the function
    return run


_steps: dict[str, Step] = {}


def _on_worker(frame: Any, name: str) -> Any:
    step = _steps.setdefault(name, Step(name))
    return step(frame)


PEERS = {"ray": ray_data, "daft": daft, "dask": dask}


def main() -> None:
    """A round for every line of the input."""
    peer, name, source, out = sys.argv[1:5]
    run = PEERS[peer](WORKLOADS[name], source)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        run(out)
        print(json.dumps(time.perf_counter() - began), flush=True)
        shutil.rmtree(Path(out), ignore_errors=True)


if __name__ == "__main__":
    main()
