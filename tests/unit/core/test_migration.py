"""Migration and triggers: what runs again when a collection is triggered, or moves to another version."""

import pytest

from core.batches import get_batch, set_status, submit_batch
from core.buckets import create_bucket
from core.collections import create_collection, find_collection
from core.errors import Conflict, InvalidRequest
from core.migration import is_moved, move_collection
from core.status import TaskStatus
from core.stores.records import Entry
from core.triggers import backfill, trigger_bucket, trigger_collection
from plugin_sdk.manifest import Feature
from tests.unit.core.samples import SCOPE, manifest, published

EXTRACTOR = {"feature_extractor_name": "my_extractor", "version": "1.0.0"}


@pytest.fixture
def bucket(moto_stores):
    published(moto_stores)
    made = create_bucket(moto_stores, SCOPE, "prose", bucket_schema={"properties": {"text": {"type": "text"}}})
    blob = {"blob_id": "b", "property": "text", "type": "text", "data": "x"}
    bodies = [
        {"object_id": f"obj_{n}", "blobs": [blob], "metadata": {"lang": "de" if n % 2 else "en", "year": 1900 + n}}
        for n in range(4)
    ]
    moto_stores.records.put_many([Entry(SCOPE.key("object", made.bucket_id), b["object_id"], b) for b in bodies])
    return made


@pytest.fixture
def collection(moto_stores, bucket):
    source = {"type": "bucket", "bucket_ids": [bucket.bucket_id]}
    extractor = EXTRACTOR | {"params": {"threshold": 0.9}}
    return create_collection(moto_stores, SCOPE, "paragraphs", source, extractor).collection


def test_the_first_submission_of_chosen_objects_is_full_and_later_ones_are_not(moto_stores, bucket, collection):
    batch, _ = trigger_bucket(moto_stores, SCOPE, bucket, ids=["obj_1"])
    assert (batch.full, batch.submitted_at is not None) == (False, True)
    set_status(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id, TaskStatus.FAILED)

    again, _ = submit_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id)
    assert again.full is False
    set_status(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id, TaskStatus.FAILED)

    submit_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id, full=True)
    assert get_batch(moto_stores, SCOPE, bucket.bucket_id, batch.batch_id).full is True


def test_a_filter_limits_a_trigger_to_the_objects_that_pass(moto_stores, bucket, collection):
    filters = {"AND": [{"field": "lang", "operator": "eq", "value": "de"}]}

    ((batch, _),) = trigger_collection(moto_stores, SCOPE, collection, filters=filters, full=True)

    assert (batch.object_count, batch.full) == (2, True)
    by_text, _ = trigger_bucket(moto_stores, SCOPE, bucket, filters={"text": "x", "metadata.year": {"gte": 1902}})
    assert by_text.object_count == 2
    one, _ = trigger_bucket(moto_stores, SCOPE, bucket, filters={"object_id": "obj_3"}, ids=["obj_2", "obj_3"])
    assert one.object_count == 1
    with pytest.raises(InvalidRequest, match="No object of prose passes the filter"):
        trigger_collection(moto_stores, SCOPE, collection, filters={"lang": "fr"})
    with pytest.raises(InvalidRequest) as caught:
        trigger_collection(moto_stores, SCOPE, collection, filters={"AND": "de"})
    assert caught.value.field == "source_filters.AND[0]"


def test_a_collection_moves_to_another_version_and_keeps_what_is_not_named(moto_stores, collection):
    published(moto_stores, version="1.1.0")

    moved, warnings = move_collection(moto_stores, SCOPE, collection, {"version": "1.1.0"})

    assert warnings == []
    assert moved.feature_extractor.plugin_id == "my_extractor_1_1_0"
    assert moved.feature_extractor.params == {"threshold": 0.9}
    assert moved.schema_version == 2 and is_moved(collection, moved)
    assert moved.vector_indexes[0]["feature_uri"].startswith("mixpeek://my_extractor@1.1.0/")
    assert find_collection(moto_stores, SCOPE, "paragraphs") == moved
    ((batch, task),) = backfill(moto_stores, SCOPE, moved)
    assert (batch.object_count, batch.full, batch.task_id) == (4, False, task.task_id)
    assert not is_moved(moved, move_collection(moto_stores, SCOPE, moved, {"params": {"threshold": 0.9}}).collection)


def test_a_feature_that_changes_its_vector_is_refused_with_the_ways_out(moto_stores, collection):
    (feature,) = manifest().features
    other = Feature(feature_name=feature.feature_name, embedding_dim=feature.embedding_dim + 1)
    published(moto_stores, version="2.0.0", features=[other])
    renamed = Feature(feature_name="my_extractor_wide", embedding_dim=feature.embedding_dim + 1)
    published(moto_stores, version="2.1.0", features=[renamed])

    with pytest.raises(Conflict) as caught:
        move_collection(moto_stores, SCOPE, collection, {"version": "2.0.0"})

    assert f"has {feature.embedding_dim + 1} numbers" in caught.value.problem
    assert "another name" in caught.value.fix and "new collection" in caught.value.fix
    assert move_collection(moto_stores, SCOPE, collection, {"version": "2.1.0"}).collection.vector_indexes[0][
        "name"
    ] == ("my_extractor_wide")


def test_another_extractor_or_a_field_of_another_type_is_refused(moto_stores, collection):
    schema = {"properties": {**manifest().output_schema["properties"], "label": {"type": "integer"}}}
    published(moto_stores, version="3.0.0", output_schema=schema)

    with pytest.raises(Conflict, match=r"'label' is integer in version 3\.0\.0, and string"):
        move_collection(moto_stores, SCOPE, collection, {"version": "3.0.0"})
    with pytest.raises(Conflict, match="are made by 'my_extractor'"):
        move_collection(moto_stores, SCOPE, collection, {"feature_extractor_name": "other"})
    with pytest.raises(InvalidRequest, match=r"has no version '9\.0\.0'"):
        move_collection(moto_stores, SCOPE, collection, {"version": "9.0.0"})
    with pytest.raises(InvalidRequest, match="threshold"):
        move_collection(moto_stores, SCOPE, collection, {"params": {"threshold": "high"}})
