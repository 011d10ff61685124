"""Imports in batches: rows of files in S3 become documents on real workers, each with the id of its own row."""

import io
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch.bulk.local import LocalBulk
from core.batches import Batch, failed_documents
from core.imports import Import, ask_import, delete_import, get_import
from core.row_ids import row_id
from core.status import TaskStatus
from core.stores.blobs import BlobRef
from core.triggers import trigger_bucket
from tests.integration.batches import COMPLETED, FAILED, WITH_ERRORS, Tenant

pytestmark = pytest.mark.slow
ROWS = 100_000


def put(tenant: Tenant, name: str, data: bytes | pa.Table, group_rows: int = 40_000) -> BlobRef:
    if isinstance(data, pa.Table):
        out = io.BytesIO()
        pq.write_table(data, out, row_group_size=group_rows)
        data = out.getvalue()
    ref = BlobRef(tenant.stores.settings.object_bucket, f"{tenant.scope.prefix}/{name}")
    tenant.stores.blobs.put(ref, data)
    return ref


def imported(tenant: Tenant, ref: BlobRef, **asked: Any) -> Import:
    made, _ = ask_import(tenant.stores, tenant.scope, tenant.bucket, {"url": ref.url, **asked}, LocalBulk())
    return made


def test_a_hundred_thousand_rows_become_documents_with_their_lineage(tenant: Tenant) -> None:
    collection = tenant.collect("passthrough_extractor", "v1")
    table = pa.table({"text": [f"text number {i}" for i in range(ROWS)], "unused": ["x" * 50] * ROWS})
    made = imported(tenant, put(tenant, "rows.parquet", table))
    (one,) = tenant.put("an object among the rows")

    batch, _ = trigger_bucket(tenant.stores, tenant.scope, tenant.bucket)
    assert batch.object_count == ROWS + 1
    batch = tenant.ended(batch)

    assert (batch.status, batch.error) == (COMPLETED, None)
    found = tenant.table(collection)
    assert found.count() == ROWS + 1
    for row in (0, 39_999, 40_000, ROWS - 1):
        (document,) = found.list({"field": "object_id", "operator": "eq", "value": row_id(made.base, row)}).documents
        assert document["text"] == f"text number {row}"
        assert document["blob_property"] == "text"
    assert [d["object_id"] for d in found.list({"field": "text", "value": "an object among the rows"}).documents] == [
        one
    ]

    again = tenant.ended(tenant.resubmit(batch))
    assert again.status is COMPLETED
    assert tenant.table(collection).count() == ROWS + 1


def test_a_batch_of_some_rows_gives_those_alone(tenant: Tenant) -> None:
    collection = tenant.collect("passthrough_extractor", "v1")
    made = imported(tenant, put(tenant, "rows.csv", b"text\n" + b"".join(b"row %d\n" % i for i in range(1_000))))

    batch = tenant.ended(tenant.submit([row_id(made.base, i) for i in (999, 0, 500)]))

    assert batch.object_count == 3
    assert tenant.texts(collection) == ["row 0", "row 500", "row 999"]


def test_a_file_that_changed_since_its_import_fails_the_batch_and_says_so(tenant: Tenant) -> None:
    tenant.collect("passthrough_extractor", "v1")
    imported(tenant, put(tenant, "changing.parquet", pa.table({"text": ["a", "b"]})))
    put(tenant, "changing.parquet", pa.table({"text": ["a", "c"]}))

    batch = tenant.ended(trigger_bucket(tenant.stores, tenant.scope, tenant.bucket)[0])

    assert batch.status is FAILED
    failed = list(failed_documents(tenant.stores, tenant.scope, batch.batch_id))
    assert len(failed) == 2
    assert "changing.parquet is gone, or has been written again since it was imported" in failed[0]["message"]


def test_rows_with_ids_of_their_own_are_left_out_until_their_content_changes(tenant: Tenant) -> None:
    tenant.publish()
    collection = tenant.collect()
    texts = [f"text {i}" for i in range(200)] + ["RAISE it"]
    table = pa.table({"sku": [f"a{i}" for i in range(201)], "text": texts})
    made = imported(tenant, put(tenant, "own.parquet", table), id_column="sku")
    first = tenant.ended(trigger_bucket(tenant.stores, tenant.scope, tenant.bucket)[0])
    before = tenant.table(collection)
    version, documents = before.version, {d["document_id"]: d for d in before.list(limit=1000).documents}

    second = tenant.ended(trigger_bucket(tenant.stores, tenant.scope, tenant.bucket)[0])

    assert told(tenant, first) == (WITH_ERRORS, 200, 0, 1)
    assert told(tenant, second) == (WITH_ERRORS, 0, 200, 1)
    assert tenant.table(collection).version == version

    delete_import(tenant.stores, tenant.scope, made)
    texts[3], texts[200] = "changed", "repaired"
    imported(tenant, put(tenant, "newer.parquet", table.set_column(1, "text", pa.array(texts))), id_column="sku")
    third = tenant.ended(trigger_bucket(tenant.stores, tenant.scope, tenant.bucket)[0])

    assert told(tenant, third) == (COMPLETED, 2, 199, 0)
    after = {d["document_id"]: d for d in tenant.table(collection).list(limit=1000).documents}
    assert len(after) == 201
    assert sorted(d["text"] for i, d in after.items() if d != documents.get(i)) == ["changed", "repaired"]

    whole = tenant.ended(trigger_bucket(tenant.stores, tenant.scope, tenant.bucket, full=True)[0])
    assert told(tenant, whole) == (COMPLETED, 201, 0, 0)
    assert tenant.count(collection) == 201


def told(tenant: Tenant, batch: Batch) -> tuple[TaskStatus, int, int, int]:
    """How the batch ended: documents written, objects skipped, rows failed."""
    data = tenant.progress(batch)["additional_data"]
    return batch.status, data["documents_written"], data["rows_skipped"], data["rows_failed"]


def test_the_service_imports_what_is_too_large_for_a_request(tenant: Tenant) -> None:
    collection = tenant.collect("passthrough_extractor", "v1")
    ref = put(tenant, "rows.jsonl", b'{"text": "x"}\n' * 1_000)

    made, task = ask_import(tenant.stores, tenant.scope, tenant.bucket, {"url": ref.url})

    assert task is not None
    record = ended(tenant, made)
    assert (record.status, record.rows) == (TaskStatus.COMPLETED, 1_000)
    tenant.ended(trigger_bucket(tenant.stores, tenant.scope, tenant.bucket)[0])
    assert tenant.count(collection) == 1_000


def ended(tenant: Tenant, made: Import) -> Import:
    """The import once its job is done."""
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        found = get_import(tenant.stores, tenant.scope, tenant.bucket.bucket_id, made.import_id)
        if found.status.ended:
            return found
        time.sleep(0.1)
    raise TimeoutError(found.status)
