"""What the plugin host costs: a child ready, a batch over the same work in process, a realtime hop, an idle child;
and what of that the walls cost, against children with some of them or none.

    python -m benchmarks.host

Wall time is the median of calls that take turns, and CPU time that of this process and the child together. What is
compared takes turns call by call: the median of the differences is given, with the bounds between which that lies with
95 % certainty. Of two kinds of children it is taken over several of each, with the bounds of the middle half of them.
"""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.pairs import Call, Middle, Pair, paired, seconds
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.frames import to_frame
from plugin_sdk.host import HostSettings, PluginHost, Zygote
from plugin_sdk.host.missing import WALLS
from plugin_sdk.host.walls import Site
from plugin_sdk.manifest import Manifest
from plugin_sdk.pipeline import StepDefinition
from plugin_sdk.step import open_steps
from plugin_sdk.steps import run_steps

DIM = 384
CHILDREN = 8
"""Pairs of children over which the walls' cost is taken, for where memory lies makes each a little slower or faster."""

ECHO = """
import socket, sys
other = socket.socket(fileno=int(sys.argv[1]))
while data := other.recv(65536):
    other.send(data)
"""
FILES = {
    "manifest.py": f"""
from pydantic import BaseModel

class Output(BaseModel):
    embedding: list[float]

metadata = {{"feature_extractor_name": "bench", "version": "1.0.0", "description": "x", "category": "text"}}
output_schema = Output
features = [{{"feature_name": "bench_embedding", "feature_type": "embedding", "embedding_dim": {DIM},
             "distance_metric": "cosine"}}]
""",
    "pipeline.py": """
from engine.plugins.extractors.pipeline import StepDefinition
from .processor import embed

def build_steps(extractor_request, **kwargs):
    return {"steps": [StepDefinition(embed, batch_size=1_000_000)]}
""",
    "processor.py": f"""
import numpy as np

def embed(batch):
    texts = batch["data"].fillna("").tolist()
    batch["bench_embedding"] = list(np.full((len(texts), {DIM}), len(texts[0]), np.float32))
    return batch
""",
    "realtime.py": f"""
class RealtimeHandler:
    def predict(self, request):
        return {{"embedding": [0.5] * {DIM}}} if request.get("text") else {{}}
""",
}


def main() -> None:
    """Measure everything and print the table."""
    table = Table("measure", "wall time", "CPU time", "over", "target")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, text in FILES.items():
            (folder / name).write_text(text, encoding="utf-8")
        began = time.perf_counter()
        with Zygote(HostSettings()) as zygote, Without("namespaces", "uid") as some, Without(*WALLS) as bare:
            table.add_row("zygotes, each", f"{(time.perf_counter() - began) / 3:.2f} s")
            _starts({"all walls": zygote, "no namespaces": some, "no walls": bare}, folder, table)
            with zygote.start(folder, name="bench") as host:
                table.add_row("idle child, private", f"{_private_mib(host.pid):.1f} MiB", "", "", "8 MiB")
                _open(host)
                _batches(host, host.inspect(), table)
                _realtime(host, table)
            _walls(zygote, bare, folder, table)
    Console(width=140).print(table)


class Without(Zygote):
    """A zygote whose hosts lack walls, to be measured against; run nothing of value in them."""

    def __init__(self, *walls: str) -> None:
        super().__init__(HostSettings())
        self._walls = walls

    def _site(self, without: tuple[str, ...]) -> Site:
        return super()._site((*without, *self._walls))


def _open(host: PluginHost) -> None:
    """Have everything loaded, and each kind of call made."""
    host.open_pipeline(ExtractorRequest.of("bench", "1.0.0"))
    host.open_realtime()
    for _ in range(20):
        host.run(_rows(64))
        host.predict({"text": "x"})


def _starts(zygotes: dict[str, Zygote], folder: Path, table: Table) -> None:
    taken: dict[str, list[float]] = {name: [] for name in zygotes}
    for _ in range(30):
        for name, zygote in zygotes.items():
            began = time.perf_counter()
            host = zygote.start(folder, name="bench")
            taken[name].append(time.perf_counter() - began)
            host.close()
    for name, target in zip(zygotes, ("20 ms", "10 ms", ""), strict=True):
        table.add_row(f"fork to ready, {name}", _ms(taken[name]), "", "", target)


def _batches(host: PluginHost, manifest: Manifest, table: Table) -> None:
    """The processor called by itself, the same steps run in this process, and in the host."""
    steps = open_steps([StepDefinition(_embed, batch_size=1_000_000)])
    for rows in (1, 64, 512, 4096):
        sent, name = _rows(rows), f"batch of {rows}"
        frame = to_frame(sent)
        calls: list[Call] = [
            lambda frame=frame: _embed(frame.copy(deep=False)),  # type: ignore[misc]
            lambda sent=sent: run_steps(to_frame(sent), steps, manifest),  # type: ignore[misc]
            lambda sent=sent: host.run(sent),  # type: ignore[misc]
        ]
        alone = [seconds(calls[0]) for _ in range(100)]
        pair = paired(calls[2], calls[1], 400 if rows <= 512 else 100)
        alone_cpu, process_cpu, host_cpu = (_cpu(call, 100, host.pid) for call in calls)
        over = _shown(pair.difference.times(1e3), "ms", 2)
        table.add_row(f"{name}, processor alone", _ms(alone), f"{alone_cpu * 1e3:.2f} ms")
        table.add_row(f"{name}, steps in process", _ms(pair.second), f"{process_cpu * 1e3:.2f} ms")
        target = "+1 ms" if rows <= 512 else ""
        table.add_row(f"{name}, in the host", _ms(pair.first), f"{host_cpu * 1e3:.2f} ms", over, target)


def _realtime(host: PluginHost, table: Table) -> None:
    """A request with an answer of numbers over one with none, and that over a bare hop between two processes."""
    calls: list[Call] = [lambda: host.predict({"text": "x"}), lambda: host.predict({})]
    with _echo() as (hop, pid):
        empty = paired(calls[1], hop, 5000)
        table.add_row("hop between processes", _us(empty.second), f"{_cpu(hop, 3000, pid) * 1e6:.0f} µs")
    full = paired(calls[0], calls[1], 5000)
    full_cpu, empty_cpu = (f"{_cpu(call, 3000, host.pid) * 1e6:.0f} µs" for call in calls)
    table.add_row("realtime, empty", _us(empty.first), empty_cpu, _shown(empty.difference.times(1e6), "µs"))
    over = _shown(full.difference.times(1e6), "µs")
    table.add_row(f"realtime, {DIM} floats", _us(full.first), full_cpu, over, "110 µs, +60 µs")


def _walls(walled: Zygote, bare: Zygote, folder: Path, table: Table) -> None:
    """The same calls to a child with all walls and to one with none, in turn; then in rows of 20, for their CPU time."""
    walls: dict[str, list[Middle]] = {}
    cpus: dict[str, list[Middle]] = {}
    for _ in range(CHILDREN):
        with walled.start(folder, name="bench") as inside, bare.start(folder, name="bench") as outside:
            _open(inside)
            _open(outside)
            for name, call, rounds in _wall_calls():
                inner, outer = partial(call, inside), partial(call, outside)
                walls.setdefault(name, []).append(paired(inner, outer, rounds).percent)
                spent = [(_cpu(inner, 20, inside.pid), _cpu(outer, 20, outside.pid)) for _ in range(rounds // 20)]
                cpus.setdefault(name, []).append(Pair(*map(list, zip(*spent, strict=True))).percent)
    for name in walls:
        table.add_row(f"walls over none, {name}", "", _over_children(cpus[name]), _over_children(walls[name]), "2 %")


def _wall_calls() -> Iterator[tuple[str, Callable[[PluginHost], object], int]]:
    """What is asked of both kinds of children, and how often."""
    for rows, rounds in ((64, 400), (512, 240)):
        sent = _rows(rows)
        yield f"batch of {rows}", lambda host, sent=sent: host.run(sent), rounds  # type: ignore[misc]
    yield f"realtime, {DIM} floats", lambda host: host.predict({"text": "x"}), 4000


def _over_children(percents: list[Middle]) -> str:
    """The median of all pairs of children, and that between which half of them lie."""
    values = sorted(percent.value for percent in percents)
    quarter = len(values) // 4
    return f"{median(values):+.1f} % ({values[quarter]:+.1f} to {values[-1 - quarter]:+.1f})"


@contextmanager
def _echo() -> Iterator[tuple[Call, int]]:
    """A call that another process answers with what it got, and that process."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", ECHO, str(theirs.fileno())]
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
    theirs.close()
    with ours:
        yield lambda: (ours.send(b"x" * 16), ours.recv(65536)), process.pid
    process.wait()


def _cpu(call: Call, times: int, child: int) -> float:
    """CPU seconds of one call, in this process and in a child."""
    before = time.process_time() + _cpu_of(child)
    for _ in range(times):
        call()
    return (time.process_time() + _cpu_of(child) - before) / times


def _cpu_of(pid: int) -> float:
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text(encoding="ascii").split()[0]) for file in files) / 1e9


def _embed(batch: pd.DataFrame) -> pd.DataFrame:
    texts = batch["data"].fillna("").tolist()
    batch["bench_embedding"] = list(np.full((len(texts), DIM), len(texts[0]), np.float32))
    return batch


def _rows(count: int) -> pa.Table:
    names = ("document_id", "object_id", "blob_id")
    columns = {name: [f"{name}_{i}" for i in range(count)] for name in names}
    texts = ["some words of a text " * 5] * count
    return pa.table(columns | {"data": texts, "mime_type": ["text/plain"] * count, "size_bytes": list(range(count))})


def _shown(middle: Middle, unit: str, digits: int = 0) -> str:
    value, low, high = (f"{number:+.{digits}f}" for number in (middle.value, middle.low, middle.high))
    return f"{value} {unit} ({low} to {high})"


def _ms(taken: list[float]) -> str:
    return f"{median(taken) * 1e3:.2f} ms"


def _us(taken: list[float]) -> str:
    return f"{median(taken) * 1e6:.0f} µs"


def _private_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty:")) / 1024


if __name__ == "__main__":
    main()
