"""Incremental: a batch processes what is new, changed, failed before or made otherwise, and leaves all else as it is."""

import time
from typing import Any

import pytest

from batch.tending import tend
from core.batches import Batch
from core.collections import Collection, change_collection, find_collection
from core.document_counts import document_counts
from core.migration import move_collection
from core.triggers import backfill, trigger_collection
from tests.integration.batches import COMPLETED, WITH_ERRORS, WORDS_MANIFEST, Tenant

pytestmark = pytest.mark.slow


def trigger(tenant: Tenant, collection: Collection, **asked: Any) -> Batch:
    """The collection triggered, and its batch ended."""
    current = find_collection(tenant.stores, tenant.scope, collection.collection_id)
    ((batch, _),) = trigger_collection(tenant.stores, tenant.scope, current, **asked)
    return tenant.ended(batch)


def told(tenant: Tenant, batch: Batch) -> tuple[int, int, int]:
    """Documents written, objects skipped, rows failed."""
    data = tenant.progress(batch)["additional_data"]
    return data["documents_written"], data["rows_skipped"], data["rows_failed"]


def rows(tenant: Tenant, collection: Collection) -> dict[str, dict[str, Any]]:
    """Every document with all its columns, by id."""
    return {d["document_id"]: d for d in tenant.table(collection).list(limit=1000, vectors=True).documents}


def test_triggering_again_processes_only_what_is_not_up_to_date(tenant: Tenant) -> None:
    tenant.publish()
    collection = tenant.collect()
    ids = tenant.put(*(f"text {i}" for i in range(30)), "RAISE it")
    first = trigger(tenant, collection)
    assert (first.status, told(tenant, first)) == (WITH_ERRORS, (30, 0, 1))
    before = rows(tenant, collection)

    tenant.change(ids[-1], "repaired")
    tenant.change(ids[0], "changed")
    (new,) = tenant.put("new")
    second = trigger(tenant, collection)

    assert (second.status, told(tenant, second)) == (COMPLETED, (3, 29, 0))
    after = rows(tenant, collection)
    touched = {d for d, row in after.items() if row["object_id"] in (ids[0], ids[-1], new)}
    assert len(after) == 32 and len(touched) == 3
    assert {d: after[d] for d in after if d not in touched} == {d: before[d] for d in before if d not in touched}
    assert {after[d]["text"] for d in touched} == {"repaired", "changed", "new"}

    version = tenant.table(collection).version
    third = trigger(tenant, collection)
    again = tenant.ended(tenant.resubmit(second))

    assert (third.status, told(tenant, third)) == (COMPLETED, (0, 32, 0))
    assert again.status is COMPLETED
    assert (rows(tenant, collection), tenant.table(collection).version) == (after, version)

    full = trigger(tenant, collection, full=True, filters={"text": {"in": ["new", "changed"]}})
    assert (full.object_count, told(tenant, full)) == (2, (2, 0, 0))
    redone = rows(tenant, collection)
    assert set(redone) == set(after)
    counts = document_counts(tenant.stores, tenant.scope, [collection.collection_id])
    assert counts[collection.collection_id] == 32


def test_rows_that_a_pipeline_drops_are_not_asked_again(tenant: Tenant) -> None:
    tenant.publish()
    collection = tenant.collect()
    tenant.put("kept")
    trigger(tenant, collection)
    dropping = change_collection(
        tenant.stores,
        tenant.scope,
        collection,
        feature_extractor=collection.feature_extractor.model_copy(update={"params": {"drop_all": True}}),
    )

    first, second = trigger(tenant, dropping), trigger(tenant, dropping)

    assert told(tenant, first)[1] == 0
    assert (second.status, told(tenant, second)) == (COMPLETED, (0, 1, 0))
    assert tenant.table(collection).count() == 0


def test_a_new_version_is_backfilled_while_the_old_documents_are_read(tenant: Tenant) -> None:
    tenant.publish()
    tenant.publish(manifest=WORDS_MANIFEST.model_copy(update={"version": "1.1.0"}))
    collection = tenant.collect(sleep_s=0.05, batch_size=4)
    ids = tenant.put(*(f"text {i}" for i in range(60)))
    trigger(tenant, collection)

    moved, _ = move_collection(tenant.stores, tenant.scope, collection, {"version": "1.1.0"})
    ((batch, _),) = backfill(tenant.stores, tenant.scope, moved)
    seen: list[int] = []
    while not tenant.current(batch).status.ended:
        seen.append(tenant.table(collection).count())
        time.sleep(0.05)

    assert set(seen) == {60}
    assert tenant.ended(batch).status is COMPLETED
    documents = rows(tenant, collection).values()
    assert {d["feature_extractor_id"] for d in documents} == {"batch_words_1_1_0"}
    assert {d["object_id"] for d in documents} == set(ids)


def test_tending_between_commits_of_a_batch_loses_and_doubles_nothing(tenant: Tenant) -> None:
    tenant.publish()
    collection = tenant.collect(sleep_s=0.02, batch_size=4)
    texts = [f"text {i}" for i in range(120)]
    ids = tenant.put(*texts)
    trigger(tenant, collection)

    batch = tenant.submit(ids, [collection])
    while not tenant.current(batch).status.ended:
        tend(tenant.stores, tenant.vectors, tenant.scope, collection.collection_id)

    assert tenant.ended(batch).status is COMPLETED
    assert tenant.texts(collection) == sorted(texts)
    assert {d["batch_id"] for d in rows(tenant, collection).values()} == {batch.batch_id}
