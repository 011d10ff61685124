"""Batch service: from a submitted batch to documents that can be searched, on real workers and real plugin hosts."""

import os
import signal
import time
from io import BytesIO

import numpy as np
import pytest
from distributed import Client
from safetensors.numpy import save

from batch.cluster import gpus
from core.batches import cancel_batch, failed_documents, logs
from core.buckets import change_bucket
from core.collections import delete_collection
from core.document_counts import document_counts
from core.errors import InvalidRequest, NotFound
from core.models import upload_model
from core.objects import Blob, Object
from core.retries import retry_batch
from core.secrets import create_secret
from core.settings import Settings
from core.status import TaskStatus
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.stores.records import Entry
from core.tenancy import Principal
from tests.integration.batches import COMPLETED, FAILED, WITH_ERRORS, Tenant, serving

pytestmark = pytest.mark.slow


def test_texts_become_documents_that_can_be_searched(tenant: Tenant) -> None:
    tenant.publish()
    collection = tenant.collect()
    ids = tenant.put(*(f"aeio {'a' * (i % 7)} {i}" for i in range(100)))

    batch = tenant.ended(tenant.submit(ids))

    assert (batch.status, batch.error) == (COMPLETED, None)
    table = tenant.table(collection)
    assert table.count() == 100
    assert document_counts(tenant.stores, tenant.scope, [collection.collection_id])[collection.collection_id] == 100
    (best,) = table.search([7.0, 1.0, 1.0, 1.0], "batch_words_embedding", 1)
    assert best["text"].startswith("aeio aaaaaa ")
    assert best["length"] == len(best["text"])
    assert best["shout"] == best["text"].upper()
    assert best["object_id"] in ids


def test_task_and_tier_tell_what_was_done(tenant: Tenant) -> None:
    tenant.publish()
    collection = tenant.collect()

    batch = tenant.ended(tenant.submit(tenant.put("a", "b", "c")))

    task = tenant.progress(batch)
    assert task["status"] == "COMPLETED"
    assert {k: task["additional_data"][k] for k in ("rows", "rows_done", "documents_written", "rows_failed")} == {
        "rows": 3,
        "rows_done": 3,
        "documents_written": 3,
        "rows_failed": 0,
    }
    assert "Words" in task["additional_data"]["step_seconds"]
    (tier,) = batch.tier_tasks
    assert tier["collection_ids"] == [collection.collection_id]
    assert (tier["status"], tier["documents_written"], tier["task_id"]) == ("COMPLETED", 3, batch.task_id)
    assert tier["duration_ms"] > 0
    assert "batch of 3" in logs(tenant.stores, tenant.scope, batch.batch_id)[0]


def test_models_and_secrets_of_the_tenant_reach_its_steps(tenant: Tenant) -> None:
    stores, scope = tenant.stores, tenant.scope
    announced = {"name": "weights", "version": "1.0.0", "model_format": "safetensors"}
    upload_model(stores, scope, announced, BytesIO(save({"w": np.full(3, 14.0, np.float32)})))
    create_secret(stores, Principal(scope.org_id, "usr_1", "key_1"), "TOKEN", "a-secret-of-theirs")
    tenant.publish()
    collection = tenant.collect(model="weights_1_0_0")

    batch = tenant.ended(tenant.submit(tenant.put("a", "b")))

    assert (batch.status, batch.error) == (COMPLETED, None)
    assert [d["length"] for d in tenant.table(collection).list().documents] == [42, 42]
    text = str(logs(stores, scope, batch.batch_id))
    assert "key ***" in text
    assert "a-secret-of-theirs" not in text


def test_bad_rows_and_only_they_fail(tenant: Tenant) -> None:
    tenant.publish()
    collection = tenant.collect()
    good = [f"good {i}" for i in range(30)]
    ids = tenant.put(*good[:10], "RAISE", *good[10:20], "NONE", "SHORT", *good[20:])

    batch = tenant.ended(tenant.submit(ids))

    assert batch.status is WITH_ERRORS
    assert "3 of 33 rows failed" in (batch.error or "")
    assert tenant.texts(collection) == sorted(good)
    failed = {f["object_id"]: f for f in failed_documents(tenant.stores, tenant.scope, batch.batch_id)}
    assert sorted(failed) == sorted([ids[10], ids[21], ids[22]])
    assert "asked to raise" in failed[ids[10]]["message"] and failed[ids[10]]["step"] == "Words"
    assert "asked to raise" in failed[ids[10]]["traceback"]
    assert "batch_words_embedding" in failed[ids[21]]["message"]
    assert "2" in failed[ids[22]]["message"] and "4" in failed[ids[22]]["message"]
    assert sum((batch.error_summary or {}).values()) == 3


def test_a_retry_runs_the_failed_objects_alone_and_keeps_the_rest(tenant: Tenant) -> None:
    tenant.publish()
    collection = tenant.collect()
    ids = tenant.put("good 1", "RAISE", "SHORT", "RAISE", "good 2")
    batch = tenant.ended(tenant.submit(ids))
    place = (tenant.stores, tenant.scope, tenant.bucket.bucket_id, batch.batch_id)
    for object_id, text in ((ids[1], "mended 1"), (ids[0], "RAISE"), (ids[2], "mended 2")):
        tenant.change(object_id, text)

    with pytest.raises(InvalidRequest, match=r"None of the 3 failed rows .*retry_mode"):
        retry_batch(*place)
    _, _, rows = retry_batch(*place, transient_only=False)
    partly = tenant.ended(batch)
    (failed,) = failed_documents(tenant.stores, tenant.scope, batch.batch_id)
    tenant.change(ids[3], "mended 3")
    retry_batch(*place, transient_only=False)
    whole = tenant.ended(batch)

    assert rows == 3
    assert (partly.status, whole.status) == (WITH_ERRORS, TaskStatus.COMPLETED)
    assert "1 of 5 rows failed" in (partly.error or "")
    assert (failed["object_id"], failed["retry_count"]) == (ids[3], 1)
    assert tenant.texts(collection) == ["good 1", "good 2", "mended 1", "mended 2", "mended 3"]
    assert not list(failed_documents(tenant.stores, tenant.scope, batch.batch_id))
    assert whole.tier_tasks[0]["documents_written"] == 5


def test_a_retry_with_a_limit_leaves_other_failures_as_they_are(tenant: Tenant) -> None:
    tenant.publish()
    tenant.collect()
    ids = tenant.put("good", "RAISE", "NONE")
    batch = tenant.ended(tenant.submit(ids))
    place = (tenant.stores, tenant.scope, tenant.bucket.bucket_id, batch.batch_id)
    retry_batch(*place, transient_only=False)
    again = tenant.ended(batch)

    with pytest.raises(InvalidRequest, match="max_retry_count"):
        retry_batch(*place, transient_only=False, max_retries=1)

    assert sum((again.error_summary or {}).values()) == 2
    assert {f["retry_count"] for f in failed_documents(tenant.stores, tenant.scope, batch.batch_id)} == {1}


def test_a_row_that_kills_the_host_stands_alone_in_the_failures(tenant: Tenant) -> None:
    tenant.publish()
    collection = tenant.collect()
    good = [f"good {i}" for i in range(40)]
    ids = tenant.put(*good[:17], "SEGFAULT", *good[17:])

    batch = tenant.ended(tenant.submit(ids))

    assert batch.status is WITH_ERRORS
    assert tenant.texts(collection) == sorted(good)
    (failed,) = failed_documents(tenant.stores, tenant.scope, batch.batch_id)
    assert failed["object_id"] == ids[17]
    assert "died: signal 11" in failed["message"]


def test_a_row_that_hangs_is_ended_at_the_time_limit(module_settings: Settings, client: Client) -> None:
    stores = Stores.open(module_settings.model_copy(update={"step_timeout_s": 2.0}))
    tenant = Tenant(stores)
    tenant.publish()
    collection = tenant.collect(batch_size=2)
    ids = tenant.put("good 1", "HANG", "good 2", "good 3")

    with serving(stores, client):
        batch = tenant.ended(tenant.submit(ids))

    assert batch.status is WITH_ERRORS
    assert tenant.texts(collection) == ["good 1", "good 2", "good 3"]
    (failed,) = failed_documents(stores, tenant.scope, batch.batch_id)
    assert (failed["object_id"], failed["step"]) == (ids[1], "Words")
    assert "killed: time limit" in failed["message"]


def test_gpu_steps_run_on_the_cpu_with_a_warning_where_there_is_no_gpu(tenant: Tenant, client: Client) -> None:
    if gpus(client):
        pytest.skip("this machine has a GPU")
    tenant.publish()
    tenant.collect(gpu=True)

    batch = tenant.ended(tenant.submit(tenant.put("a")))

    assert batch.status is COMPLETED
    assert "warning: no worker has a GPU" in logs(tenant.stores, tenant.scope, batch.batch_id)[0]


def test_the_scheduler_refuses_whoever_has_no_certificate(client: Client) -> None:
    address = client.scheduler_info()["address"]

    assert address.startswith("tls://127.0.0.1:")
    for told in (address, address.replace("tls", "tcp")):
        with pytest.raises((OSError, TypeError)):
            Client(told, timeout=2, set_as_default=False)


def test_nothing_written_is_failed_with_the_reason(tenant: Tenant) -> None:
    tenant.publish()
    raising, dropping, broken = tenant.collect(), tenant.collect(drop_all=True), tenant.collect(broken=True)
    ids = tenant.put("RAISE 1", "RAISE 2")

    raised = tenant.ended(tenant.submit(ids, [raising]))
    dropped = tenant.ended(tenant.submit(tenant.put("a", "b"), [dropping]))
    unbuilt = tenant.ended(tenant.submit(ids, [broken]))

    assert (raised.status, dropped.status, unbuilt.status) == (FAILED, FAILED, FAILED)
    assert "No document was written." in (raised.error or "") and "asked to raise" in (raised.error or "")
    assert "The pipeline dropped all 2 rows." in (dropped.error or "")
    assert "this pipeline can't be built" in (unbuilt.error or "")
    assert tenant.progress(raised)["status"] == "FAILED"
    assert tenant.progress(raised)["error"] == raised.error


def test_a_second_run_replaces_and_never_duplicates(tenant: Tenant) -> None:
    tenant.publish()
    collection = tenant.collect()
    ids = tenant.put(*(f"text {i}" for i in range(50)))
    batch = tenant.ended(tenant.submit(ids))
    before = {d["document_id"] for d in tenant.table(collection).list(limit=100).documents}

    again = tenant.ended(tenant.resubmit(batch))

    assert again.status is COMPLETED
    after = {d["document_id"] for d in tenant.table(collection).list(limit=100).documents}
    assert after == before and len(after) == 50
    assert tenant.table(collection).count() == 50
    assert document_counts(tenant.stores, tenant.scope, [collection.collection_id])[collection.collection_id] == 50


def test_a_killed_worker_costs_no_document_and_adds_none(tenant: Tenant, client: Client) -> None:
    tenant.publish()
    collection = tenant.collect(sleep_s=0.3, batch_size=16)
    texts = [f"text {i}" for i in range(200)]

    batch = tenant.submit(tenant.put(*texts))
    tenant.until(batch, lambda b: b.status is TaskStatus.PROCESSING)
    time.sleep(1.0)
    victim = next(iter(client.run(os.getpid).values()))
    os.kill(victim, signal.SIGKILL)
    ended = tenant.ended(batch)

    assert ended.status is COMPLETED
    assert tenant.texts(collection) == sorted(texts)


def test_cancel_stops_within_seconds_and_keeps_what_was_written(tenant: Tenant) -> None:
    tenant.publish()
    collection = tenant.collect(sleep_s=10.0, batch_size=16)
    batch = tenant.submit(tenant.put(*(f"text {i}" for i in range(300))))
    tenant.until(batch, lambda b: b.status is TaskStatus.PROCESSING)
    time.sleep(0.5)

    cancel_batch(tenant.stores, tenant.scope, batch.bucket_id, batch.batch_id)
    started = time.monotonic()
    following = tenant.ended(tenant.submit(tenant.put("after"), [tenant.collect()]))

    assert following.status is COMPLETED
    assert time.monotonic() - started < 60.0  # all of it takes 95
    assert tenant.current(batch).status is TaskStatus.CANCELED
    assert tenant.table(collection).count() < 300


def test_passthrough_keeps_the_source_as_documents(tenant: Tenant) -> None:
    change_bucket(
        tenant.stores,
        tenant.scope,
        tenant.bucket,
        bucket_schema={"properties": {"text": {"type": "text"}, "year": {"type": "integer"}}},
    )
    collection = tenant.collect("passthrough_extractor", "v1")
    settings = tenant.stores.settings
    ref = BlobRef(settings.object_bucket, f"{tenant.scope.prefix}/{tenant.bucket.bucket_id}/upl/a.txt")
    tenant.stores.blobs.put(ref, b"from a file", "text/plain")
    thing = Object(
        object_id="obj_file",
        bucket_id=tenant.bucket.bucket_id,
        blobs=[Blob(blob_id="blob_file", property="text", type="text", url=ref.url, mime_type="text/plain")],
        metadata={"year": 1913},
    )
    tenant.stores.records.create(
        Entry(tenant.scope.key("object", tenant.bucket.bucket_id), thing.object_id, thing.body())
    )

    batch = tenant.ended(tenant.submit(["obj_file", *tenant.put("inline")]))

    assert batch.status is COMPLETED
    found = {d["text"]: d for d in tenant.table(collection).list().documents}
    assert sorted(found) == ["from a file", "inline"]
    assert found["from a file"]["year"] == 1913
    assert found["from a file"]["blob_url"] == ref.url


def test_a_deleted_collection_loses_its_dataset(tenant: Tenant) -> None:
    tenant.publish()
    collection = tenant.collect()
    tenant.ended(tenant.submit(tenant.put("a")))
    assert tenant.table(collection).count() == 1

    delete_collection(tenant.stores, tenant.scope, collection)

    deadline = time.monotonic() + 60
    while tenant.count(collection) and time.monotonic() < deadline:
        time.sleep(0.1)
    with pytest.raises(NotFound):
        tenant.table(collection)


def test_objects_that_are_gone_by_now_fail_the_batch_with_that_reason(tenant: Tenant) -> None:
    tenant.publish()
    tenant.collect()
    ids = tenant.put("a")
    tenant.stores.records.delete(tenant.scope.key("object", tenant.bucket.bucket_id), ids[0])

    batch = tenant.ended(tenant.submit(ids))

    assert batch.status is FAILED
    assert "do not exist any more" in (batch.error or "")


def test_an_archive_that_was_changed_after_the_scan_is_never_run(tenant: Tenant) -> None:
    plugin = tenant.publish()
    tenant.stores.blobs.put(BlobRef(tenant.stores.settings.plugin_bucket, plugin.archive_key), b"PK something else")
    tenant.stores.records.update(tenant.scope.key("plugin"), plugin.plugin_id, lambda body: body | {"sha256": "f" * 64})
    tenant.collect()

    batch = tenant.ended(tenant.submit(tenant.put("a")))

    assert batch.status is FAILED
    assert "the scanned one has ffff" in (batch.error or "")


def test_progress_and_output_show_while_a_partition_runs(tenant: Tenant) -> None:
    tenant.publish()
    tenant.collect(sleep_s=1.0, batch_size=2)
    batch = tenant.submit(tenant.put(*(f"text {i}" for i in range(16))))
    tenant.until(batch, lambda b: (tenant.progress(b)["additional_data"].get("rows_done") or 0) > 0)

    now = tenant.progress(batch)["additional_data"]
    printed = tenant.until(batch, lambda _: bool(logs(tenant.stores, tenant.scope, batch.batch_id)))

    assert 0 < now["rows_done"] < now["rows"] == 16
    assert now["documents_written"] == 0
    assert now["steps_running"] == {"Words": 1}
    assert now["dashboard"].startswith("http")
    assert not printed.status.ended
    ended = tenant.ended(batch)
    assert logs(tenant.stores, tenant.scope, ended.batch_id)[0].count("batch of 2") == 8


def test_a_finished_batch_keeps_a_report_of_time_memory_and_failures(tenant: Tenant) -> None:
    tenant.publish()
    tenant.collect(sleep_s=0.1)

    batch = tenant.ended(tenant.submit(tenant.put("a", "RAISE", "SEGFAULT", "b")))

    found = batch.tier_tasks[0]["performance"]
    assert found["step_seconds"]["Words"] > 0
    assert found["plugin_s"] + found["framework_s"] == pytest.approx(found["seconds"]["total"], abs=0.01)
    assert found["seconds"]["host"] > found["plugin_s"]
    driver = found["driver_seconds"]
    assert 0 < driver["plan"] + driver["commit"] <= driver["open"] + driver["run"] <= found["wall_s"] + 0.01
    assert found["idle_s"] >= 0
    assert found["bytes_in"] > 0 and found["bytes_out"] > 0
    assert found["host_restarts"] >= 1
    assert all(peak_mb > 10 for peak_mb in found["host_peak_mb"].values()) and found["host_peak_mb"]
    task = tenant.progress(batch)["additional_data"]
    assert task["performance"]["partitions"] == found["partitions"] == 1
    assert {f["rows"] for f in task["failures"]} == {1}
    assert any("asked to raise" in f["reason"] and f["step"] == "Words" for f in task["failures"])
