"""The workloads: the same rows and the same processors for the platform, the bare loop and the peers.

Imports nothing of the platform, so that it loads in the peers' own environment.
"""

import importlib
import io
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PLUGINS = Path(__file__).parent / "plugins"
SENTENCE = "the quick brown fox jumps over a lazy dog while seven old wizards quietly mix liquid jade in boxes"
WORDS = SENTENCE.split()


@dataclass(frozen=True, slots=True)
class Workload:
    """Rows for one plugin of `plugins/`, in `partitions` row groups; `target` is the ratio to the bare loop."""

    name: str
    title: str
    plugin: str
    classes: tuple[str, ...]
    rows: int
    partitions: int
    column: str
    target: float
    batch_rows: int = 1_024
    threads: int = 1
    """Batches that a process of the bare loop works on at once, as the plugin's own step does."""

    def processors(self) -> list[Callable[[Any], Any]]:
        """The plugin's processors, built as a loop of one's own would build them."""
        module = importlib.import_module(f"benchmarks.batch.plugins.{self.plugin}.processors.core")
        if self.plugin == "thumbnails":
            return [module.Thumbnail(read=read_url)]
        return [getattr(module, name)() for name in self.classes]


THREE = ("Clean", "Count", "Hash")
WORKLOADS = {
    w.name: w
    for w in (
        Workload("noop", "no-op, 1M rows", "passing", ("Passing",), 1_000_000, 16, "text", 1.25),
        Workload(
            "noop-1000", "no-op, 1M rows, 1,000 partitions", "passing", ("Passing",), 1_000_000, 1_000, "text", 2.0
        ),
        Workload("three", "three steps, 200k rows", "three_steps", THREE, 200_000, 16, "text", 1.0),
        Workload("api", "API calls of 20 ms, 5,000 rows", "api_calls", ("Call",), 5_000, 16, "text", 1.2, 16, 16),
        Workload("jpegs", "2,000 JPEGs", "thumbnails", ("Thumbnail",), 2_000, 16, "image", 1.2, 32),
        Workload("minilm", "MiniLM, 6,000 sentences", "sentences", ("Embed",), 6_000, 16, "text", 1.05, 64),
    )
}


def scaled(workload: Workload, factor: float) -> Workload:
    """The same with fewer rows, for a quick look."""
    from dataclasses import replace

    return replace(workload, rows=max(workload.partitions, int(workload.rows * factor)))


def write_texts(workload: Workload, path: Path, seed: int = 7) -> Path:
    """Sentences of 8 to 24 words with a number and a score, as one Parquet file."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(8, 25, workload.rows)
    picks = rng.integers(0, len(WORDS), int(lengths.sum()))
    ends = np.cumsum(lengths)
    words = np.asarray(WORDS, dtype=object)[picks]
    texts = [" ".join(words[end - n : end]) for n, end in zip(lengths, ends, strict=True)]
    table = pa.table(
        {"text": texts, "number": pa.array(range(workload.rows)), "score": pa.array(rng.random(workload.rows))}
    )
    return _written(workload, table, path)


def write_urls(workload: Workload, urls: list[str], path: Path) -> Path:
    """One row a picture."""
    table = pa.table({"image": urls, "number": pa.array(range(len(urls))), "score": pa.array([0.5] * len(urls))})
    return _written(workload, table, path)


def jpegs(count: int, seed: int = 7) -> Iterator[bytes]:
    """Pictures of 320 by 240, no two alike."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    for _ in range(count):
        small = rng.integers(0, 255, (12, 16, 3), dtype="uint8")
        out = io.BytesIO()
        Image.fromarray(small).resize((320, 240), Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
        yield out.getvalue()


def read_url(url: str) -> Any:
    """A picture over HTTP, as the loop's and the peers' processors read it."""
    return io.BytesIO(urllib.request.urlopen(url).read())


def _written(workload: Workload, table: pa.Table, path: Path) -> Path:
    pq.write_table(table, path, row_group_size=-(-table.num_rows // workload.partitions))
    return path
