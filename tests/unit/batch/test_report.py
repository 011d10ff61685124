"""Report: records are written by time, however many partitions finish meanwhile."""

import time
from collections.abc import Callable
from typing import Any

from batch.partitions import Failure, Outcome
from batch.report import Report
from core.batches import create_batch, failed_documents, logs
from core.buckets import create_bucket
from core.ids import new_id
from core.stores import Stores
from core.tasks import create_task, get_task
from core.tenancy import Scope


def counted(call: Callable[..., Any], calls: list[str]) -> Callable[..., Any]:
    """`call` as a method, noted each time."""

    def noted(_: Any, *args: Any) -> Any:
        calls.append(call.__name__)
        return call(*args)

    return noted


def test_partitions_cost_no_record_each(moto_stores: Stores, monkeypatch: Any) -> None:
    scope = Scope(new_id("org"), new_id("ns"))
    bucket = create_bucket(moto_stores, scope, "texts", bucket_schema={"properties": {"text": {"type": "text"}}})
    task = create_task(moto_stores, scope, "api_buckets_batches_process", [])
    batch = create_batch(moto_stores, scope, bucket, ["obj"], checked=True).changed(task_id=task.task_id)
    report = Report(moto_stores, scope, batch, ["col"], 600)
    writes: list[str] = []
    for name in ("put_many", "update"):
        call = getattr(moto_stores.records, name)
        monkeypatch.setattr(type(moto_stores.records), name, counted(call, writes))

    report.begin()
    began = time.monotonic()
    for index in range(300):
        failed = [Failure(f"doc_{index}", f"obj_{index}", "Words", None, "asked to raise")] if index % 50 == 0 else []
        report.add("col", Outcome(index, rows=2, written=2 - len(failed), failures=failed, log=f"line {index}\n"))
    elapsed_s = time.monotonic() - began
    report.hear({"partition": 300, "rows": 0, "step": "Words", "log": "still running\n"})
    report._flush()
    report._publish(task.status)

    assert len(writes) <= 5 + 4 * elapsed_s
    assert len(list(failed_documents(moto_stores, scope, batch.batch_id))) == 6
    text = logs(moto_stores, scope, batch.batch_id)[0]
    assert text.splitlines() == [*(f"line {n}" for n in range(300)), "still running"]
    now = get_task(moto_stores, scope.org_id, task.task_id)
    assert now.additional_data["rows_done"] == 600
    assert now.additional_data["failures"] == [
        {"category": "validation", "step": "Words", "reason": "asked to raise", "rows": 6}
    ]
    assert now.additional_data["steps_running"] == {"Words": 1}
