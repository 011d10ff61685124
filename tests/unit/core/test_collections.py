"""Collections: what is refused when they are created, and what they know afterwards."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from core.buckets import create_bucket
from core.collections import (
    change_collection,
    collections_of_bucket,
    collections_using,
    create_collection,
    delete_collection,
    find_collection,
    list_collections,
)
from core.errors import AlreadyExists, InvalidRequest, NotFound
from core.tenancy import Scope
from tests.contract.schemas import assert_is
from tests.unit.core.samples import SCOPE, published

EXTRACTOR = {"feature_extractor_name": "my_extractor", "version": "1.0.0"}


@pytest.fixture
def bucket(moto_stores):
    published(moto_stores)
    return create_bucket(
        moto_stores,
        SCOPE,
        "prose",
        bucket_schema={"properties": {"text": {"type": "text"}, "title": {"type": "string"}}},
    )


def create(stores, bucket, name="paragraphs", **extractor):
    source = {"type": "bucket", "bucket_ids": [bucket.bucket_id]}
    return create_collection(stores, SCOPE, name, source, EXTRACTOR | extractor)


def test_collection_has_its_extractors_schemas_and_vector_indexes(moto_stores, bucket):
    collection, warnings = create(moto_stores, bucket, parameters={"threshold": 0.7})

    assert warnings == []
    assert collection.feature_extractor.plugin_id == "my_extractor_1_0_0"
    assert collection.feature_extractor.params == {"threshold": 0.7}
    assert list(collection.output_schema["properties"]) == ["embedding", "label"]
    assert list(collection.input_schema["properties"]) == ["text", "title"]
    assert_is("VectorIndexDefinition", collection.vector_indexes[0])


def test_missing_parameters_get_their_defaults(moto_stores, bucket):
    assert create(moto_stores, bucket).collection.feature_extractor.params == {"threshold": 0.5}


def test_params_win_over_parameters(moto_stores, bucket):
    collection, _ = create(moto_stores, bucket, parameters={"threshold": 0.7}, params={"threshold": 0.9})

    assert collection.feature_extractor.params == {"threshold": 0.9}


def test_parameters_of_another_builtin_are_dropped_with_a_warning(moto_stores, bucket):
    mangled = {"extractor_type": "text_extractor", "split_by": "none"}

    collection, warnings = create(moto_stores, bucket, parameters=mangled, params={"threshold": 0.9})

    assert collection.feature_extractor.params == {"threshold": 0.9}
    assert "extractor_type is 'text_extractor'" in warnings[0]


@pytest.mark.parametrize("value", [1.5, "high", None])
def test_parameter_that_breaks_its_schema_is_named(moto_stores, bucket, value):
    with pytest.raises(InvalidRequest, match="threshold") as caught:
        create(moto_stores, bucket, parameters={"threshold": value})

    assert caught.value.field == "feature_extractor.parameters.threshold"
    assert list_collections(moto_stores, SCOPE) == []


def test_bucket_may_be_named_and_its_id_is_stored(moto_stores, bucket):
    source = {"type": "bucket", "bucket_ids": ["prose", bucket.bucket_id]}

    collection, _ = create_collection(moto_stores, SCOPE, "paragraphs", source, EXTRACTOR)

    assert collection.bucket_ids == [bucket.bucket_id]
    assert collections_of_bucket(moto_stores, SCOPE, bucket.bucket_id) == [collection]


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({"type": "bucket", "bucket_ids": ["nothing"]}, "source.bucket_ids[0]"),
        ({"type": "bucket", "bucket_ids": []}, "source.bucket_ids"),
        ({"type": "collection", "collection_id": "col_1"}, "source.type"),
        ({"type": "bucket", "bucket_ids": ["prose"], "collection_ids": ["col_1"]}, "source.collection_ids"),
        ({"type": "bucket", "bucket_ids": ["prose"], "source_namespace_id": "ns_2"}, "source.source_namespace_id"),
        ({"type": "bucket", "bucket_ids": ["prose"], "source_filters": {"AND": 5}}, "source.source_filters.AND[0]"),
    ],
)
def test_source_that_cannot_be_used_is_refused_by_its_field(moto_stores, bucket, source, field):
    with pytest.raises(InvalidRequest) as caught:
        create_collection(moto_stores, SCOPE, "paragraphs", source, EXTRACTOR)

    assert caught.value.field == field


@pytest.mark.parametrize(
    "mappings",
    [{"text": "title"}, [{"input_key": "text", "source_type": "payload", "path": "title"}]],
)
def test_input_mappings_come_as_dict_or_list(moto_stores, bucket, mappings):
    collection, _ = create(moto_stores, bucket, input_mappings=mappings)

    assert collection.feature_extractor.input_mappings == {"text": "title"}


@pytest.mark.parametrize(
    ("mappings", "message"),
    [
        ({"txt": "title"}, "input schema of 'my_extractor' has no 'txt'.*It has text"),
        ({"text": "body"}, "no source bucket has a property 'body'.*text, title"),
        ([{"input_key": "text", "source_type": "literal", "override": "x"}], "source_type 'literal'"),
        ([{"input_key": "text"}], "has no path"),
    ],
)
def test_mapping_of_what_does_not_exist_is_refused(moto_stores, bucket, mappings, message):
    with pytest.raises(InvalidRequest, match=message):
        create(moto_stores, bucket, input_mappings=mappings)


@pytest.mark.parametrize(
    ("passed", "field"),
    [
        ({"source_path": "body"}, "source_path"),
        ({"source_path": "title", "target_path": "object_id"}, "target_path"),
        ({"source_path": "title", "target_path": "created_at"}, "target_path"),
        ({"source_path": "title", "target_path": "_hidden"}, "target_path"),
        ({"source_path": "title", "target_path": "my_extractor_embedding"}, "target_path"),
    ],
)
def test_passthrough_that_cannot_be_is_refused_by_its_part(moto_stores, bucket, passed, field):
    with pytest.raises(InvalidRequest) as caught:
        create(moto_stores, bucket, field_passthrough=[passed])

    assert caught.value.field == f"feature_extractor.field_passthrough[0].{field}"


def test_builtin_that_cannot_run_here_is_refused_when_the_collection_is_created(moto_stores, bucket):
    with pytest.raises(InvalidRequest, match=r"'text_extractor' can't process.*passthrough_extractor"):
        create(moto_stores, bucket, feature_extractor_name="text_extractor", version="v1")


def test_passthrough_keeps_the_buckets_properties(moto_stores, bucket):
    collection, _ = create(moto_stores, bucket, feature_extractor_name="passthrough_extractor", version="v1")

    assert collection.feature_extractor.extractor_id == "passthrough_extractor_v1"
    assert list(collection.output_schema["properties"]) == ["text", "title"]
    assert collection.vector_indexes == []


def test_name_is_taken_once_and_free_again_after_a_rename(moto_stores, bucket):
    collection, _ = create(moto_stores, bucket)
    with pytest.raises(AlreadyExists, match="has a collection 'paragraphs'"):
        create(moto_stores, bucket)

    change_collection(moto_stores, SCOPE, collection, collection_name="sentences")

    assert find_collection(moto_stores, SCOPE, "sentences").collection_id == collection.collection_id
    assert create(moto_stores, bucket).collection.collection_name == "paragraphs"


def test_collection_is_invisible_to_another_organization(moto_stores, bucket):
    collection, _ = create(moto_stores, bucket)

    for identifier in (collection.collection_id, "paragraphs"):
        with pytest.raises(NotFound):
            find_collection(moto_stores, Scope("org_2", "ns_1"), identifier)


def test_disabled_collection_takes_nothing_from_its_bucket(moto_stores, bucket):
    collection, _ = create(moto_stores, bucket)

    change_collection(moto_stores, SCOPE, collection, enabled=False)

    assert collections_of_bucket(moto_stores, SCOPE, bucket.bucket_id) == []


def test_delete_sends_a_job_for_the_documents_and_frees_the_name(moto_stores, bucket):
    collection, _ = create(moto_stores, bucket)
    assert collections_using(moto_stores, SCOPE, "my_extractor_1_0_0") == [collection]

    delete_collection(moto_stores, SCOPE, collection)

    (message,) = moto_stores.queues.receive(moto_stores.settings.jobs_queue, wait_s=3)
    assert message.body == {
        "job": "delete_collection",
        "org_id": "org_1",
        "namespace_id": "ns_1",
        "collection_id": collection.collection_id,
    }
    with pytest.raises(NotFound):
        find_collection(moto_stores, SCOPE, "paragraphs")
    assert create(moto_stores, bucket).collection.collection_id != collection.collection_id


def test_renames_at_once_leave_one_name_and_free_the_others(moto_stores, bucket):
    collection, _ = create(moto_stores, bucket)
    names = [f"renamed_{n}" for n in range(8)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: change_collection(moto_stores, SCOPE, collection, collection_name=n), names))

    (kept,) = list_collections(moto_stores, SCOPE)
    assert list(moto_stores.records.sort_keys(SCOPE.key("collection_name"))) == [kept.collection_name]
    assert find_collection(moto_stores, SCOPE, kept.collection_name) == kept
