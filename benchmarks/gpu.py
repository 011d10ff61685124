"""What the host and the batch engine cost on a GPU: texts and images a second against a bare torch loop over the same rows.

    python -m benchmarks.gpu [--device cuda|cpu] [--rounds 5] [--texts 20000] [--images 4000]

The encoders are of MiniLM's size and of BERT-large's, with random weights, so that nothing is downloaded. Each round runs
the three contestants one after the other; the table has their medians. Without a GPU it refuses; `--device cpu` tries
the code with tiny sizes, and its figures say nothing.
"""

import argparse
import importlib.util
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from batch.gpus import listed
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.host import HostSettings, PluginHost, Zygote

PLUGIN = Path(__file__).parent / "gpu_plugin"
SEED = 7
WORDS = [
    "red",
    "blue",
    "car",
    "house",
    "river",
    "quick",
    "old",
    "bright",
    "stone",
    "garden",
    "music",
    "silent",
    "north",
    "winter",
    "paper",
    "engine",
]
IMAGE_EDGE = 64


class Size(NamedTuple):
    """An encoder's shape and how many rows it gets at once."""

    name: str
    layers: int
    width: int
    heads: int
    batch: int


MINILM, LARGE = Size("MiniLM size", 6, 384, 12, 256), Size("BERT-large size", 24, 1024, 16, 128)
TINY = Size("tiny", 1, 32, 2, 32)


class Contestant(NamedTuple):
    """Whoever runs the rows."""

    name: str
    run: Callable[[], None]


def main() -> None:
    """Measure, and print a table for docs/gpu.md."""
    asked = parsed()
    if asked.device == "cuda" and not usable():
        raise SystemExit(
            "No GPU: torch finds no CUDA device here. Run this on a machine with one, with torch built for CUDA and "
            "openpeek[gpu]; `--device cpu` tries the code with tiny sizes."
        )
    small = asked.device == "cpu"
    sizes = [TINY] if small else [MINILM, LARGE]
    counts = {"texts": 200 if small else asked.texts, "images": 64 if small else asked.images}
    rounds = 2 if small else asked.rounds
    if importlib.util.find_spec("PIL") is None:
        print("Pillow is not installed, so images are left out: pip install pillow")
        del counts["images"]
    table = Table("encoder", "rows", "contestant", "rows/s", "time over bare", "spread")
    for size in sizes:
        for kind, count in counts.items():
            for row in measured(size, kind, count, asked.device, rounds):
                table.add_row(*row)
    print(f"{device_name(asked.device)}, {datetime.now(UTC):%Y-%m-%d}, medians of {rounds} interleaved rounds")
    Console(width=110).print(table)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.gpu")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--images", type=int, default=4_000)
    return parser.parse_args()


def usable() -> bool:
    """Whether torch computes on a GPU of this machine."""
    import torch

    return bool(listed()) and torch.cuda.is_available()


def device_name(device: str) -> str:
    """What the figures are of."""
    import torch

    if device == "cuda":
        return f"{torch.cuda.get_device_name(0)}, torch {torch.__version__}, CUDA {torch.version.cuda}"
    return f"{platform.machine()} CPU, torch {torch.__version__} (to try the code alone)"


def measured(size: Size, kind: str, count: int, device: str, rounds: int) -> Iterator[list[str]]:
    """A line for each contestant."""
    rows = texts(count) if kind == "texts" else images(count)
    with ExitStack() as stack:
        contestants = [
            Contestant("bare torch loop", bare(size, kind, rows, device)),
            Contestant("plugin host", stack.enter_context(in_host(size, kind, rows, device))),
            Contestant("batch engine", stack.enter_context(on_cluster(size, kind, rows, device))),
        ]
        for contestant in contestants:
            contestant.run()  # models are loaded and kernels chosen
        seconds: dict[str, list[float]] = {c.name: [] for c in contestants}
        for _ in range(rounds):
            for contestant in contestants:
                began = time.perf_counter()
                contestant.run()
                seconds[contestant.name].append(time.perf_counter() - began)
    base = median(seconds["bare torch loop"])
    for name, taken in seconds.items():
        spread = f"{min(taken):.3f}–{max(taken):.3f} s"
        middle = median(taken)
        yield [size.name, f"{count} {kind}", name, f"{count / middle:,.0f}", f"{middle / base:.2f}", spread]


def texts(count: int) -> pa.Table:
    """Sentences of 8 to 24 words."""
    random = np.random.default_rng(SEED)
    data = [" ".join(random.choice(WORDS, random.integers(8, 25))) for _ in range(count)]
    return frame(data, "text/plain")


def images(count: int) -> pa.Table:
    """JPEG files."""
    import io

    from PIL import Image

    random = np.random.default_rng(SEED)
    data = []
    for pixels in random.integers(0, 255, (count, IMAGE_EDGE, IMAGE_EDGE, 3), dtype=np.uint8):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG")
        data.append(file.getvalue())
    return frame(data, "image/jpeg")


def frame(data: list[Any], mime_type: str) -> pa.Table:
    """Rows as a host gets them."""
    names = [f"doc_{n:06d}" for n in range(len(data))]
    columns = dict.fromkeys(("document_id", "object_id", "blob_id"), names)
    return pa.table(columns | {"data": data, "mime_type": [mime_type] * len(data)})


def parameters(size: Size, kind: str, device: str) -> dict[str, Any]:
    """What the plugin is told."""
    return {"kind": kind, "device": device, **size._asdict()}


def bare(size: Size, kind: str, rows: pa.Table, device: str) -> Callable[[], None]:
    """The plugin's own two steps in a loop of this process."""
    from benchmarks.gpu_plugin.steps import Decode, Encode

    config = parameters(size, kind, device)
    decode, encode = Decode(config), Encode(config)

    def run() -> None:
        for begin in range(0, rows.num_rows, size.batch):
            encode(decode(pd.DataFrame(rows.slice(begin, size.batch).to_pydict())))

    return run


@contextmanager
def in_host(size: Size, kind: str, rows: pa.Table, device: str) -> Iterator[Callable[[], None]]:
    """One plugin host, behind all walls, that gets 4,096 rows at once."""
    with Zygote(host_settings(device)) as zygote, opened(zygote, size, kind, device) as host:

        def run() -> None:
            for begin in range(0, rows.num_rows, 4096):
                result = host.run(rows.slice(begin, 4096).combine_chunks())
                assert not result.failures, result.failures[0]

        yield run


def host_settings(device: str) -> HostSettings:
    """A host with the first GPU, or with none."""
    env = {"OMP_NUM_THREADS": str(os.cpu_count() or 1)}
    return HostSettings(
        memory_mb=16_384, env=env | ({"CUDA_VISIBLE_DEVICES": listed()[0].name} if device == "cuda" else {})
    )


def opened(zygote: Zygote, size: Size, kind: str, device: str) -> PluginHost:
    """A host with the pipeline open."""
    host = zygote.start(PLUGIN, name="gpu_bench")
    host.open_pipeline(ExtractorRequest.of("gpu_bench", "1.0.0", parameters(size, kind, device), {}))
    return host


@contextmanager
def on_cluster(size: Size, kind: str, rows: pa.Table, device: str) -> Iterator[Callable[[], None]]:
    """The platform: emulator, batch service and its cluster; every row an object, until the batch has ended."""
    from batch.cluster import cluster
    from benchmarks.gpu_platform import Bench

    with tempfile.TemporaryDirectory() as folder, Bench(Path(folder), PLUGIN, kind, rows) as bench:
        with cluster(bench.settings) as client, bench.serving(client):
            yield lambda: bench.run(parameters(size, kind, device))


if __name__ == "__main__":
    main()
