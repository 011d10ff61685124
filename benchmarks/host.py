"""What the plugin host costs: a child ready, a batch over the same work in process, a realtime hop, an idle child;
and what of that the walls cost, against children with some of them or none.

    python -m benchmarks.host

Medians of interleaved rounds, in wall time; what other work of the machine adds shows in the fastest round beside.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pyarrow as pa
from rich.console import Console
from rich.table import Table

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
    table = Table("measure", "median", "fastest", "target")
    with tempfile.TemporaryDirectory() as place:
        for name, text in FILES.items():
            Path(place, name).write_text(text, encoding="utf-8")
        began = time.perf_counter()
        with Zygote(HostSettings()) as zygote, Without("namespaces", "uid") as some, Without(*WALLS) as bare:
            table.add_row("zygotes, each", f"{(time.perf_counter() - began) / 3:.2f} s", "", "")
            _starts({"all walls": zygote, "no namespaces": some, "no walls": bare}, Path(place), table)
            with zygote.start(Path(place), name="bench") as host:
                table.add_row("idle child, private", f"{_private_mib(host.pid):.1f} MiB", "", "8 MiB")
                host.open_pipeline(ExtractorRequest.of("bench", "1.0.0"))
                host.open_realtime()
                _batches(host, host.inspect(), table)
                _realtime(host, table)
                with bare.start(Path(place), name="bench") as bare_host:
                    _walls(host, bare_host, table)
    Console().print(table)


class Without(Zygote):
    """A zygote whose hosts lack walls, to be measured against; run nothing of value in them."""

    def __init__(self, *walls: str) -> None:
        super().__init__(HostSettings())
        self._walls = walls

    def _site(self, without: tuple[str, ...]) -> Site:
        return super()._site((*without, *self._walls))


def _starts(zygotes: dict[str, Zygote], folder: Path, table: Table) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in zygotes}
    for _ in range(30):
        for name, zygote in zygotes.items():
            began = time.perf_counter()
            host = zygote.start(folder, name="bench")
            seconds[name].append(time.perf_counter() - began)
            host.close()
    for name, target in zip(zygotes, ("20 ms", "10 ms", ""), strict=True):
        table.add_row(f"fork to ready, {name}", *_ms(seconds[name]), target)


def _walls(walled: PluginHost, bare: PluginHost, table: Table) -> None:
    """The same calls to both, in turn."""
    bare.open_pipeline(ExtractorRequest.of("bench", "1.0.0"))
    bare.open_realtime()
    for rows in (64, 512):
        sent = _rows(rows)
        _compare(f"batch of {rows}", lambda host, sent=sent: host.run(sent), walled, bare, 200, table)  # type: ignore[misc]
    _compare(f"realtime, {DIM} floats", lambda host: host.predict({"text": "x"}), walled, bare, 3000, table)


def _compare(
    name: str, call: Callable[[PluginHost], object], walled: PluginHost, bare: PluginHost, times: int, table: Table
) -> None:
    inside: list[float] = []
    outside: list[float] = []
    for _ in range(times):
        inside.append(_timed(lambda: call(walled)))
        outside.append(_timed(lambda: call(bare)))
    percent = [(f(inside) / f(outside) - 1) * 100 for f in (median, min)]
    table.add_row(f"walls over none, {name}", *(f"{p:+.1f} %" for p in percent), "2 %")


def _batches(host: PluginHost, manifest: Manifest, table: Table) -> None:
    """The processor called by itself, the same steps run in this process, and in the host."""
    steps = open_steps([StepDefinition(_embed, batch_size=1_000_000)])
    for rows in (1, 64, 512, 4096):
        sent = _rows(rows)
        frame = to_frame(sent)
        calls: dict[str, Callable[[], object]] = {
            "processor alone": lambda frame=frame: _embed(frame.copy(deep=False)),  # type: ignore[misc]
            "steps in process": lambda sent=sent: run_steps(to_frame(sent), steps, manifest),  # type: ignore[misc]
            "in the host": lambda sent=sent: host.run(sent),  # type: ignore[misc]
        }
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(100):
            for name, call in calls.items():
                seconds[name].append(_timed(call))
        for name, taken in seconds.items():
            over = f"+{(median(taken) - median(seconds['steps in process'])) * 1e3:.2f} of +1 ms"
            table.add_row(
                f"batch of {rows}, {name}", *_ms(taken), over if rows <= 512 and name == "in the host" else ""
            )


def _realtime(host: PluginHost, table: Table) -> None:
    empty: list[float] = []
    full: list[float] = []
    for _ in range(3000):
        empty.append(_timed(lambda: host.predict({})))
        full.append(_timed(lambda: host.predict({"text": "x"})))
    table.add_row("realtime, empty", *_us(empty), "60 µs")
    table.add_row(f"realtime, {DIM} floats", *_us(full), "110 µs")


def _embed(batch: pd.DataFrame) -> pd.DataFrame:
    texts = batch["data"].fillna("").tolist()
    batch["bench_embedding"] = list(np.full((len(texts), DIM), len(texts[0]), np.float32))
    return batch


def _rows(count: int) -> pa.Table:
    names = ("document_id", "object_id", "blob_id")
    columns = {name: [f"{name}_{i}" for i in range(count)] for name in names}
    texts = ["some words of a text " * 5] * count
    return pa.table(columns | {"data": texts, "mime_type": ["text/plain"] * count, "size_bytes": list(range(count))})


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _ms(seconds: list[float]) -> tuple[str, str]:
    return f"{median(seconds) * 1e3:.2f} ms", f"{min(seconds) * 1e3:.2f} ms"


def _us(seconds: list[float]) -> tuple[str, str]:
    return f"{median(seconds) * 1e6:.0f} µs", f"{min(seconds) * 1e6:.0f} µs"


def _private_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty:")) / 1024


if __name__ == "__main__":
    main()
