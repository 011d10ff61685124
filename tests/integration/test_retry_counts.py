"""Counts of a retry: objects of several blobs run as a whole, and none of their documents counts twice."""

import pytest

from core.batches import failed_documents
from core.document_counts import document_counts
from core.ids import new_id
from core.objects import Blob, Object
from core.retries import retry_batch
from core.stores.records import Entry
from tests.integration.batches import COMPLETED, WITH_ERRORS, Tenant

pytestmark = pytest.mark.slow


def put(tenant: Tenant, *texts: str) -> str:
    """One object with a blob a text; its id."""
    blobs = [Blob(blob_id=new_id("blob"), property="text", type="text", data=text) for text in texts]
    made = Object(object_id=new_id("obj"), bucket_id=tenant.bucket.bucket_id, blobs=blobs)
    pk = tenant.scope.key("object", tenant.bucket.bucket_id)
    tenant.stores.records.put_many([Entry(pk, made.object_id, made.body())])
    return made.object_id


def mend(tenant: Tenant, object_id: str) -> None:
    """Nothing of the object fails any more."""
    pk = tenant.scope.key("object", tenant.bucket.bucket_id)

    def mended(body: dict) -> dict:
        return body | {"blobs": [blob | {"data": blob["data"].replace("RAISE", "mended")} for blob in body["blobs"]]}

    assert tenant.stores.records.update(pk, object_id, mended)


def test_what_a_retry_writes_again_is_counted_once(tenant: Tenant) -> None:
    tenant.publish()
    collections = [tenant.collect(), tenant.collect()]
    several, bad, good = put(tenant, "one", "two", "RAISE"), put(tenant, "three", "RAISE"), put(tenant, "four")
    batch = tenant.ended(tenant.submit([several, bad, good]))
    assert (batch.status, batch.tier_tasks[0]["documents_written"]) == (WITH_ERRORS, 8)
    mend(tenant, several)

    for _ in range(2):
        retry_batch(tenant.stores, tenant.scope, batch.bucket_id, batch.batch_id, transient_only=False)
        partly = tenant.ended(batch)
        progress = tenant.progress(batch)["additional_data"]

        assert partly.tier_tasks[0]["documents_written"] == 10 == sum(tenant.count(c) for c in collections)
        assert (progress["documents_written"], progress["rows"], progress["rows_done"]) == (10, 12, 12)
        assert len(list(failed_documents(tenant.stores, tenant.scope, batch.batch_id))) == 2
    mend(tenant, bad)
    retry_batch(tenant.stores, tenant.scope, batch.bucket_id, batch.batch_id, transient_only=False)
    whole = tenant.ended(batch)

    assert (whole.status, whole.tier_tasks[0]["documents_written"]) == (COMPLETED, 12)
    ids = [c.collection_id for c in collections]
    assert document_counts(tenant.stores, tenant.scope, ids) == dict.fromkeys(ids, 6)
