"""What a scan costs: the usual plugin, 10,000 lines, the worst of many hostile inputs, and the memory of each.

    python -m benchmarks.scanner

Medians and the fastest of several rounds, in wall time; the median in processor time too, which says more on a machine
that does other work. Memory is the peak of a process that does nothing else. Hostile inputs are judged once each, large
sources in the child process that the scanner starts for them; processor time counts its start in.
"""

import json
import resource
import subprocess
import sys
import time
from statistics import median

from rich.console import Console
from rich.table import Table

from plugin_sdk.scanner import scan_files
from plugin_sdk.scanner.scan import CHILD, ROOT
from tests.unit.scanner.hostile import DATA, HOSTILE

FILE = '''"""Processor number {number}."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

log = logging.getLogger(__name__)
LABELS = {{"positive": 1, "negative": -1, "neutral": 0}}


@dataclass
class Config{number}:
    threshold: float = 0.5
    names: list[str] = field(default_factory=list)
    text_column: str = "data"
    output_column: str = "embedding_{number}"


class Net{number}(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.first = nn.Linear(size, size)
        self.second = nn.Linear(size, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.second(torch.relu(self.first(x))))


class Processor{number}:
    def __init__(self, config: Config{number}, progress_actor: Any = None) -> None:
        self.config = config
        self.progress = progress_actor
        self._net: Net{number} | None = None
        self._counts: dict[str, int] = {{}}

    def _load(self) -> Net{number}:
        if self._net is None:
            self._net = Net{number}(32).eval()
            log.info("loaded %s", type(self._net).__name__)
        return self._net

    def _vector(self, text: str) -> np.ndarray:
        numbers = np.frombuffer(text.encode().ljust(32)[:32], np.uint8).astype(np.float32)
        return numbers / max(float(np.linalg.norm(numbers)), 1e-6)

    def _label(self, score: float) -> str:
        for name, sign in sorted(LABELS.items()):
            if sign * (score - self.config.threshold) > 0:
                return name
        return "neutral"

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        net = self._load()
        texts = batch[self.config.text_column].fillna("").astype(str).tolist()
        vectors = [self._vector(text) for text in texts]
        with torch.no_grad():
            scores = net(torch.from_numpy(np.stack(vectors))).squeeze(1).tolist()
        batch[self.config.output_column] = [vector.tolist() for vector in vectors]
        batch["label"] = [self._label(score) for score in scores]
        batch["details"] = [json.dumps({{"score": score, "length": len(text)}}) for score, text in zip(scores, texts)]
        for label in batch["label"]:
            self._counts[label] = self._counts.get(label, 0) + 1
        if self.progress is not None:
            self.progress.report(len(batch))
        return batch[batch["label"] != "neutral"].reset_index(drop=True)


def summary(processors: list[Processor{number}]) -> dict[str, float]:
    totals: dict[str, float] = {{}}
    for processor in processors:
        for label, count in processor._counts.items():
            totals[label] = totals.get(label, 0.0) + count
    whole = sum(totals.values()) or 1.0
    return {{label: round(count / whole, 3) for label, count in totals.items()}}


def report(processors: list[Processor{number}]) -> str:
    lines = [f"{{label:>10}}: {{share:.1%}}" for label, share in sorted(summary(processors).items())]
    try:
        best = max(summary(processors).items(), key=lambda pair: pair[1])
    except ValueError as error:
        raise RuntimeError("no rows were seen") from error
    return "\\n".join([*lines, f"mostly {{best[0]}}"])
'''


def main() -> None:
    """Measure everything and print the table."""
    table = Table("measure", "median", "fastest", "processor", "target")
    for name, count, rounds, target in (("usual plugin", 10, 30, "50 ms"), ("10,000 lines", 100, 5, "1 s")):
        files = plugin(count)
        if not scan_files(files).passed:
            raise RuntimeError(f"{name}: the benchmark's plugin was refused")
        lines = sum(content.count(b"\n") for content in files.values())
        wall, processor = zip(*(_timed(files) for _ in range(rounds)), strict=True)
        figures = map(_ms, (median(wall), min(wall), median(processor)))
        table.add_row(f"{name}: {count} files, {lines} lines", *figures, target)
        table.add_row(f"{name}: peak memory", f"{_peak_mb(files):.0f} MB", "", "", "150 MB")
    spent = {name: _timed(files)[1] for name, files in hostile().items()}
    slowest = max(spent, key=lambda name: spent[name])
    table.add_row(f"slowest of {len(spent)} hostile inputs: {slowest}", "", "", _ms(spent[slowest]), "5 s")
    weighed = {name: _peak_mb({"core.py": code}) for name, code in HOSTILE.items()}
    largest = max(weighed, key=lambda name: weighed[name])
    table.add_row(
        f"largest of {len(weighed)} hostile sources: {largest}", f"{weighed[largest]:.0f} MB", "", "", "150 MB"
    )
    Console().print(table)


def hostile() -> dict[str, dict[str, bytes]]:
    """Plugins that are meant to wear the scanner out."""
    return {name: {"core.py": code} for name, code in HOSTILE.items()} | DATA


def plugin(count: int) -> dict[str, bytes]:
    """Files as an author would write them, about a hundred lines each."""
    return {f"processors/p{number}.py": FILE.format(number=number).encode() for number in range(count)}


def _timed(files: dict[str, bytes]) -> tuple[float, float]:
    """Wall time and processor time of one scan, in seconds."""
    began, spent = time.perf_counter(), _spent_s()
    scan_files(files)
    return time.perf_counter() - began, _spent_s() - spent


def _spent_s() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak_mb(files: dict[str, bytes]) -> float:
    code = CHILD.format(root=str(ROOT))
    weigh = (
        "import resource, subprocess, sys; subprocess.run([sys.executable, '-I', '-S', '-c', sys.argv[1]],"
        "stdin=sys.stdin, capture_output=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    message = json.dumps({name: content.decode() for name, content in files.items()}).encode()
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", weigh, code], input=message, capture_output=True, check=True
    )
    return int(done.stdout) / 1024


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms"


if __name__ == "__main__":
    main()
