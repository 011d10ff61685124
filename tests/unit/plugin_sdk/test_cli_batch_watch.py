"""What `batch run --watch` shows: progress, output as it comes, and where the time went."""

import io
from typing import Any

from rich.console import Console

from plugin_sdk.cli.batch_watch import Watch, report
from plugin_sdk.cli.client import Api

BATCH = {"batch_id": "btch_1", "bucket_id": "bkt_1"}
PERFORMANCE = {
    "step_seconds": {"Embed": 3.5},
    "plugin_s": 3.5,
    "framework_s": 0.5,
    "idle_s": 0.25,
    "wall_s": 2.25,
    "rows_per_s": 444.4,
    "partitions": 12,
    "host_restarts": 1,
    "bytes_in": 2_500_000,
    "bytes_out": 7_000_000,
    "host_peak_mb": {"tls://a": 120.0, "tls://b": 310.4},
}


def task(status: str, **data: Any) -> dict[str, Any]:
    return {"status": status, "additional_data": data}


class Answering(Api):
    """The platform, of which only the logs are asked."""

    def __init__(self) -> None:
        super().__init__("http://platform", "key")
        self.text = ""

    def get(self, path: str, **params: Any) -> Any:
        assert path == "buckets/bkt_1/batches/btch_1/logs"
        return {"tiers": [{"tier_num": 0, "logs": self.text}] if self.text else []}


def test_progress_dashboard_and_new_output_are_shown(monkeypatch: Any) -> None:
    monkeypatch.setattr("plugin_sdk.cli.batch_watch.LOGS_EVERY_S", 0.0)
    out = io.StringIO()
    api = Answering()
    now = {"rows": 100, "rows_done": 40, "rows_per_s": 20.0, "eta_s": 3.0, "rows_failed": 2, "dashboard": "http://dask"}

    with Watch(api, BATCH, Console(file=out, width=120, force_terminal=True)) as watch:
        api.text = "loading weights\n"
        watch.show(task("PROCESSING", steps_running={"Embed": 2}, **now))
        api.text += "first batch\n"
        watch.show(task("COMPLETED", **now))

    shown = out.getvalue()
    assert shown.count("Dask dashboard: http://dask") == 1
    assert shown.count("loading weights") == shown.count("first batch") == 1
    assert "40/100" in shown and "20 rows/s, 3 s left" in shown
    assert "PROCESSING (Embed), 2 failed" in shown


def test_progress_is_told_in_lines_where_nothing_can_be_redrawn(monkeypatch: Any) -> None:
    monkeypatch.setattr("plugin_sdk.cli.batch_watch.LINES_EVERY_S", 0.0)
    out = io.StringIO()

    with Watch(Answering(), BATCH, Console(file=out, width=40)) as watch:
        watch.show(task("PENDING"))
        for done in (40, 40, 80):
            watch.show(task("PROCESSING", rows=1000, rows_done=done, rows_per_s=20.0, eta_s=3.0))
        watch.show(task("COMPLETED", rows=1000, rows_done=1000))

    assert out.getvalue().splitlines() == [
        "PENDING",
        "PROCESSING, 40 of 1,000 rows, 20 rows/s, 3 s left",
        "PROCESSING, 80 of 1,000 rows, 20 rows/s, 3 s left",
        "COMPLETED, 1,000 of 1,000 rows",
    ]


def test_the_report_says_where_the_time_went_and_why_rows_failed() -> None:
    failures = [{"category": "runtime", "step": "Embed", "reason": "Step Embed raised ValueError.", "rows": 3}]

    text = report(task("COMPLETED_WITH_ERRORS", performance=PERFORMANCE, failures=failures))

    lines = {line.split("  ")[0].strip(): line for line in text.splitlines()}
    assert "3.50 s" in lines["step Embed"] and "0.50 s" in lines["framework"]
    assert "444 rows/s" in lines["in all"]
    assert "12, 1 hosts restarted" in lines["partitions"]
    assert "2.5 MB in, 7.0 MB out" in lines["data"]
    assert "310 MB at most, of 2 workers" in lines["host memory"]
    assert "Step Embed raised ValueError." in lines["3 failed"]


def test_a_batch_that_ran_nothing_has_no_report() -> None:
    assert report(task("FAILED")) == ""
