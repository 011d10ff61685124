"""Extractors: built-ins and plugins under one roof."""

import pytest

from core.errors import InvalidRequest, NotFound
from core.extractors import bucket_schema_of, get_extractor, list_extractors, resolve, vector_indexes
from tests.contract.schemas import assert_is
from tests.unit.core.samples import SCOPE, manifest, published


def test_list_has_builtins_and_plugins_and_can_be_narrowed(moto_stores):
    published(moto_stores)

    everything = [e.extractor_id for e in list_extractors(moto_stores, SCOPE)]

    assert everything[-1] == "my_extractor_1_0_0"
    assert "passthrough_extractor_v1" in everything
    assert [e.extractor_id for e in list_extractors(moto_stores, SCOPE, "custom")] == ["my_extractor_1_0_0"]
    assert all(e.plugin is None for e in list_extractors(moto_stores, SCOPE, "builtin"))


@pytest.mark.parametrize("version", ["1.0.0", "v1", "1.0"])
def test_plugin_is_found_by_every_spelling_of_its_version(moto_stores, version):
    published(moto_stores)

    assert resolve(moto_stores, SCOPE, "my_extractor", version).extractor_id == "my_extractor_1_0_0"


def test_builtin_is_found_by_its_version(moto_stores):
    assert resolve(moto_stores, SCOPE, "passthrough_extractor", "v1").runs


def test_unknown_version_lists_the_known_ones(moto_stores):
    published(moto_stores)
    published(moto_stores, version="1.1.0")

    with pytest.raises(InvalidRequest, match=r"no version '2.0.0'.*1\.0\.0, 1\.1\.0"):
        resolve(moto_stores, SCOPE, "my_extractor", "2.0.0")


def test_unknown_name_lists_what_there_is(moto_stores):
    with pytest.raises(InvalidRequest, match=r"no feature extractor 'mine'.*passthrough_extractor"):
        resolve(moto_stores, SCOPE, "mine", "1.0.0")


def test_get_by_unknown_id_lists_what_there_is(moto_stores):
    with pytest.raises(NotFound, match="text_extractor_v1"):
        get_extractor(moto_stores, SCOPE, "nothing_1_0_0")


def test_vector_index_is_what_the_contract_says():
    (index,) = vector_indexes(manifest())

    assert_is("VectorIndexDefinition", index)
    assert index["feature_uri"] == "mixpeek://my_extractor@1.0.0/my_extractor_embedding"
    assert (index["index"]["dimensions"], index["index"]["distance"]) == (4, "cosine")


def test_json_schema_becomes_a_bucket_schema():
    schema = {
        "properties": {
            "label": {"type": "string", "description": "Which"},
            "score": {"anyOf": [{"type": "number"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "box": {"$ref": "#/$defs/Box"},
            "any": {},
        },
        "required": ["label"],
        "$defs": {"Box": {"type": "object", "properties": {}}},
    }

    found = bucket_schema_of(schema)

    assert_is("BucketSchema", found)
    assert found["properties"] == {
        "label": {"type": "string", "description": "Which", "required": True},
        "score": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "box": {"type": "object"},
        "any": {"type": "object"},
    }
