"""Deleting what holds a lot: gone from every answer at once, and from every store once the job has run."""

from typing import Any
from unittest.mock import Mock

import pytest

from batch.jobs import Work
from core.ids import new_id
from core.removal import finish_removal
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.stores.queues import Message
from core.stores.records import Entry
from tests.unit.api.conftest import Api

SCHEMA = {"properties": {"text": {"type": "text"}}}
LONG = {"blobs": [{"property": "text", "type": "text", "data": "long " * 20_000}]}


@pytest.fixture
def jobs(moto_stores: Stores, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The jobs that are sent, in place of a queue that shows them only seconds later."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(moto_stores.queues, "send", lambda _queue, body, delay_s=0: sent.append(body))
    return sent


def items(stores: Stores) -> list[dict[str, Any]]:
    """Every item of the table."""
    found: list[dict[str, Any]] = stores.records._client.scan(TableName=stores.settings.table_name)["Items"]
    return found


def files(stores: Stores) -> list[BlobRef]:
    """Every file of both buckets."""
    settings = stores.settings
    return [ref for bucket in (settings.object_bucket, settings.plugin_bucket) for ref in stores.blobs.each(bucket, "")]


def filled(api: Api) -> str:
    """A bucket with an object, a file, an upload and a batch; its id."""
    bucket_id: str = api.ok("POST", "/v1/buckets", {"name": "docs", "bucket_schema": SCHEMA})["bucket_id"]
    made = api.ok("POST", "/v1/buckets/docs/objects", LONG)
    api.ok("POST", "/v1/buckets/docs/uploads", {"filename": "a.txt", "content_type": "text/plain"})
    api.ok("POST", "/v1/buckets/docs/batches", {"object_ids": [made["object_id"]]})
    return bucket_id


def test_bucket_is_gone_at_once_and_what_it_held_by_a_job(
    api: Api, moto_stores: Stores, jobs: list[dict[str, Any]]
) -> None:
    bucket_id = filled(api)

    deleted = api.ok("DELETE", "/v1/buckets/docs")

    assert deleted["status"] == "PENDING"
    for path in (f"/v1/buckets/{bucket_id}", "/v1/buckets/docs"):
        api.fails(404, "GET", path)
    api.fails(404, "POST", f"/v1/buckets/{bucket_id}/objects/list")
    assert api.ok("POST", "/v1/buckets/list")["results"] == []
    assert api.ok("POST", "/v1/buckets", {"name": "docs"})["bucket_id"] != bucket_id
    finish_removal(moto_stores, jobs.pop())
    assert api.ok("GET", f"/v1/tasks/{deleted['task_id']}")["status"] == "COMPLETED"
    assert files(moto_stores) == []
    left = [(i["pk"]["S"], i["sk"]["S"]) for i in items(moto_stores)]
    assert [(pk, sk) for pk, sk in left if pk.endswith(bucket_id) or sk == bucket_id] == []


def test_namespace_is_gone_at_once_and_leaves_no_record_and_no_file(
    api: Api, moto_stores: Stores, jobs: list[dict[str, Any]]
) -> None:
    before = {(i["pk"]["S"], i["sk"]["S"]) for i in items(moto_stores)}
    doomed = api.ok("POST", "/v1/namespaces", {"name": "doomed"})["namespace_id"]
    inside = api.within("doomed")
    filled(inside)
    inside.ok("POST", f"/v1/namespaces/{doomed}/plugins/uploads", {"name": "my_extractor", "version": "1.0.0"})

    deleted = api.ok("DELETE", "/v1/namespaces/doomed")

    api.fails(404, "GET", f"/v1/namespaces/{doomed}")
    inside.fails(404, "GET", "/v1/buckets/docs")
    (job,) = jobs
    finish_removal(moto_stores, job)
    finish_removal(moto_stores, job)  # a job may come twice
    everywhere = Api(api.client, api.secret)
    assert everywhere.ok("GET", f"/v1/tasks/{deleted['task_id']}")["status"] == "COMPLETED"
    assert files(moto_stores) == []
    left = {(i["pk"]["S"], i["sk"]["S"]) for i in items(moto_stores)} - before
    assert [(pk, sk) for pk, sk in left if f"#{doomed}#" in pk or sk == doomed] == []
    assert deleted["task_id"] in {sk for _, sk in left}


def test_namespace_in_which_a_batch_waits_goes_by_force_alone(api: Api, jobs: list[dict[str, Any]]) -> None:
    filled(api)
    source = {"type": "bucket", "bucket_ids": ["docs"]}
    extractor = {"feature_extractor_name": "passthrough_extractor", "version": "v1"}
    api.ok("POST", "/v1/collections", {"collection_name": "words", "source": source, "feature_extractor": extractor})
    batch_id = api.ok("POST", "/v1/buckets/docs/batches/trigger")["batch_id"]

    assert f"batches wait or run: {batch_id}. Cancel them" in api.fails(400, "DELETE", "/v1/namespaces/demo")
    api.ok("GET", "/v1/buckets/docs")
    api.ok("POST", f"/v1/buckets/docs/batches/{batch_id}/cancel")
    api.ok("POST", f"/v1/buckets/docs/batches/{batch_id}/submit")

    api.ok("DELETE", "/v1/namespaces/demo?force=true")
    assert [job["job"] for job in jobs] == ["batch", "batch", "delete_namespace"]
    api.fails(404, "GET", "/v1/buckets/docs")


def test_job_of_a_deletion_that_was_cut_off_takes_nothing_away(
    api: Api, moto_stores: Stores, jobs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(api)
    with monkeypatch.context() as patch:
        patch.setattr("core.removal.delete_bucket_record", None)  # as if the process had ended there
        api.call("DELETE", "/v1/buckets/docs")

    finish_removal(moto_stores, jobs.pop())

    assert len(api.ok("POST", "/v1/buckets/docs/objects/list")["results"]) == 1
    (task,) = [t for t in api.ok("POST", "/v1/tasks/list")["results"] if t["task_type"] == "api_buckets_delete"]
    assert task["status"] == "FAILED"


def test_more_than_one_round_of_records_and_files_goes(
    api: Api, moto_stores: Stores, jobs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.removal.KEYS_AT_ONCE", 30)
    bucket_id = filled(api)
    pk = next(i["pk"]["S"] for i in items(moto_stores) if i["pk"]["S"].endswith(f"#object#{bucket_id}"))
    moto_stores.records.put_many([Entry(pk, new_id("obj"), {"n": n}) for n in range(100)])

    api.ok("DELETE", "/v1/buckets/docs")
    finish_removal(moto_stores, jobs.pop())

    assert [i for i in items(moto_stores) if bucket_id in i["pk"]["S"]] == []


def test_batch_service_does_the_job(api: Api, moto_stores: Stores, jobs: list[dict[str, Any]]) -> None:
    filled(api)
    deleted = api.ok("DELETE", "/v1/buckets/docs")
    work = Work(moto_stores, Mock(), Mock(), Mock(), lambda: False)  # neither Lance nor Dask has a part in it

    work.do(Message(moto_stores.settings.jobs_queue, jobs.pop(), "receipt", 1))

    assert api.ok("GET", f"/v1/tasks/{deleted['task_id']}")["status"] == "COMPLETED"
    assert files(moto_stores) == []


def test_deletion_can_not_be_called_back(api: Api, jobs: list[dict[str, Any]]) -> None:
    filled(api)
    task_id = api.ok("DELETE", "/v1/buckets/docs")["task_id"]

    assert "deletion" in api.fails(400, "DELETE", f"/v1/tasks/{task_id}")
    assert len(jobs) == 1
