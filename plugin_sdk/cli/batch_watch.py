"""What `mixpeek batch run --watch` shows: progress and the plugins' output while a batch runs, a report at its end."""

import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from plugin_sdk.cli.client import Api

POLL_S = 0.5
LOGS_EVERY_S = 2.0
LINES_EVERY_S = 2.0
SHOWN_LOG = 2_000
ENDED = {"COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELED"}


def follow(api: Api, batch: dict[str, Any], task_id: str, *, quiet: bool = False) -> dict[str, Any]:
    """Show a batch's progress until its task ends; the ended task."""
    if quiet:
        while (task := _task(api, task_id))["status"] not in ENDED:
            time.sleep(POLL_S)
        return task
    with Watch(api, batch) as watch:
        while True:
            task = _task(api, task_id)
            watch.show(task)
            if task["status"] in ENDED:
                return task
            time.sleep(POLL_S)


class Watch:
    """The live view of one batch on a terminal; lines on anything else."""

    def __init__(self, api: Api, batch: dict[str, Any], console: Console | None = None) -> None:
        self._api, self._batch = api, batch
        self._console = console or Console()
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(), console=self._console,
        )  # fmt: skip
        self._bar: TaskID = self._progress.add_task("PENDING", total=None, speed="")
        self._live = Live(self._progress, console=self._console, refresh_per_second=4)
        self._logged, self._asked, self._told_dashboard = 0, float("-inf"), False
        self._line, self._said = "", float("-inf")

    def __enter__(self) -> "Watch":
        if self._console.is_terminal:
            self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._console.is_terminal:
            self._live.__exit__(*error)

    def show(self, task: dict[str, Any]) -> None:
        """What the task says now."""
        now = task.get("additional_data") or {}
        if now.get("dashboard") and not self._told_dashboard:
            self._told_dashboard = True
            self._console.print(f"Dask dashboard: {now['dashboard']}", markup=False, highlight=False)
        total, done = now.get("rows") or None, now.get("rows_done") or 0
        self._progress.update(self._bar, description=_steps(task, now), total=total, completed=done, speed=_speed(now))
        if time.monotonic() - self._asked >= LOGS_EVERY_S or task["status"] in ENDED:
            self._asked = time.monotonic()
            self._show_log()
        if not self._console.is_terminal:
            self._say(task, now, total, done)

    def _say(self, task: dict[str, Any], now: dict[str, Any], total: int | None, done: int) -> None:
        """A line of progress, where nothing can be redrawn: when it is another, every few seconds, and at the end."""
        parts = [_steps(task, now), f"{done:,} of {total:,} rows" if total else "", _speed(now)]
        line = ", ".join(part for part in parts if part)
        is_due = time.monotonic() - self._said >= LINES_EVERY_S or task["status"] in ENDED
        if line != self._line and is_due:
            self._line, self._said = line, time.monotonic()
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _show_log(self) -> None:
        path = f"buckets/{self._batch['bucket_id']}/batches/{self._batch['batch_id']}/logs"
        text = "".join(tier["logs"] for tier in self._api.get(path)["tiers"])
        fresh, self._logged = text[self._logged :], len(text)
        if fresh.strip():
            self._console.print(fresh[-SHOWN_LOG:].rstrip(), markup=False, highlight=False)


def report(task: dict[str, Any]) -> str:
    """Where a finished batch's time and memory went; empty where nothing was measured."""
    now = task.get("additional_data") or {}
    found = now.get("performance") or {}
    if not found.get("partitions"):
        return ""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, text in _lines(now, found):
        table.add_row(name, text)
    console = Console(width=100)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())


def _lines(now: dict[str, Any], found: dict[str, Any]) -> list[tuple[str, str]]:
    peaks = found.get("host_peak_mb") or {}
    lines = [(f"step {label}", f"{seconds:.2f} s") for label, seconds in found["step_seconds"].items()]
    lines += [
        ("plugin", f"{found['plugin_s']:.2f} s"),
        ("framework", f"{found['framework_s']:.2f} s"),
        ("idle", f"{found.get('idle_s', 0.0):.2f} s"),
        ("in all", f"{found['wall_s']:.2f} s, {found['rows_per_s'] or 0:,.0f} rows/s"),
        ("partitions", f"{found['partitions']}, {found['host_restarts']} hosts restarted"),
        ("data", f"{_megabytes(found['bytes_in'])} in, {_megabytes(found['bytes_out'])} out"),
    ]
    if peaks:
        lines.append(("host memory", f"{max(peaks.values()):,.0f} MB at most, of {len(peaks)} workers"))
    lines += [
        (f"{f['rows']} failed", f"{f['step'] or f['category']}: {f['reason']}") for f in now.get("failures") or ()
    ]
    return lines


def _task(api: Api, task_id: str) -> dict[str, Any]:
    task: dict[str, Any] = api.get(f"tasks/{task_id}")
    return task


def _steps(task: dict[str, Any], now: dict[str, Any]) -> str:
    running = ", ".join(now.get("steps_running") or ())
    failed = f", {now['rows_failed']:,} failed" if now.get("rows_failed") else ""
    return f"{task['status']}{f' ({running})' if running else ''}{failed}"


def _speed(now: dict[str, Any]) -> str:
    rate, eta_s = now.get("rows_per_s"), now.get("eta_s")
    return f"{rate:,.0f} rows/s{f', {eta_s:,.0f} s left' if eta_s else ''}" if rate else ""


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
