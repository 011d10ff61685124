"""What a function's container pays before its first event: its handler imported by a new interpreter.

    python -m benchmarks.cold_import

Times of the import alone, in this environment, with compiled files there; the interpreter's own start is not in them.
The processor's time tells what the import costs, the wall's what other work of the machine adds.
"""

import json
import subprocess
import sys
from statistics import median

from rich.console import Console
from rich.table import Table

from infra.lambdas import ROOT

ROUNDS = 9
HANDLERS = {
    "api": ("functions.api.app", 700),
    "scan": ("functions.scan.handler", 250),
    "uploads": ("functions.uploads.handler", None),
    "inspect": ("functions.inspect.handler", None),
    "janitor": ("functions.janitor.handler", None),
}
"""Each function's module, and the milliseconds that its import may take."""

MEASURE = """
import importlib, json, sys, time
wall, cpu = time.perf_counter(), time.process_time()
importlib.import_module(sys.argv[1])
print(json.dumps([(time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000]))
"""


def import_ms(module: str) -> tuple[float, float]:
    """Milliseconds of the wall's and of the processor's time that one import takes."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, module], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    wall, cpu = json.loads(done.stdout)
    return wall, cpu


def measure(rounds: int = ROUNDS) -> dict[str, tuple[list[float], list[float]]]:
    """Wall and processor times of each function, interleaved, after a first round that compiles."""
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in HANDLERS}
    for turn in range(rounds + 1):
        for name, (module, _) in HANDLERS.items():
            wall, cpu = import_ms(module)
            if turn:
                times[name][0].append(wall)
                times[name][1].append(cpu)
    return times


def main() -> None:
    """Print the table."""
    table = Table("function", "wall: median (best)", "processor: median (best)", "may take", title="Cold import, ms")
    for name, (wall, cpu) in measure().items():
        most = HANDLERS[name][1]
        row = [f"{median(values):.0f} ({min(values):.0f})" for values in (wall, cpu)]
        table.add_row(name, *row, f"{most}" if most else "")
    Console().print(table)


if __name__ == "__main__":
    main()
