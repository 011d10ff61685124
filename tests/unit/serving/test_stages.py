"""Stages: the spellings that are accepted, the one form that is stored, and the plan that is followed."""

import pytest

from core.errors import InvalidRequest
from core.stages import (
    AttributeFilter,
    FeatureSearch,
    GroupBy,
    Limit,
    SortAttribute,
    fill,
    normalise,
    plan,
    with_defaults,
)

URI = "mixpeek://my_extractor@1.0.0/my_extractor_embedding"
NESTED = {
    "stage_name": "find",
    "config": {
        "stage_id": "feature_search",
        "parameters": {
            "searches": [{"feature_uri": URI, "query": "{{INPUT.query}}", "top_k": 7, "weight": 2}],
            "final_top_k": 5,
            "fusion": "max",
            "group_by": {"field": "source_object_id", "max_per_group": 2},
        },
    },
}
FLAT = {
    "type": "feature_search",
    "feature_extractor": {"type": "text"},
    "query": "a red car",
    "collection_ids": ["col_1"],
    "limit": 3,
}


def test_nested_stage_becomes_a_search_with_its_input_filled():
    (stage,) = plan([NESTED], {"query": "cats"})

    assert isinstance(stage, FeatureSearch)
    (search,) = stage.searches
    assert (search.feature_uri, search.text, search.top_k, search.weight) == (URI, "cats", 7, 2.0)
    assert (stage.name, stage.final_top_k, stage.fusion) == ("find", 5, "max")
    assert stage.group_by == GroupBy("source_object_id", 25, 2)


def test_flat_stage_of_the_high_level_client_searches_the_only_feature():
    (stage,) = plan([FLAT], {})

    (search,) = stage.searches
    assert (search.feature_uri, search.text, search.collections) == (None, "a red car", ("col_1",))
    assert stage.final_top_k == 3


def test_normalising_twice_changes_nothing():
    stages = [FLAT, NESTED, {"stage_id": "limit", "limit": 4}, {"type": "attribute_filter", "conditions": {"a": 1}}]

    once = normalise(stages)

    assert normalise(once) == once
    assert [s["stage_type"] for s in once] == ["filter", "filter", "reduce", "filter"]
    assert once[2]["config"] == {"stage_id": "limit", "parameters": {"limit": 4}}


def test_other_stages_are_planned():
    stages = plan(
        [
            {"type": "attribute_filter", "conditions": {"lang": "de"}},
            {"config": {"stage_id": "sort_attribute", "parameters": {"field": "year", "direction": "asc"}}},
            {"config": {"stage_id": "limit", "parameters": {"limit": 2, "offset": 1}}},
        ],
        {},
    )

    assert isinstance(stages[0], AttributeFilter) and stages[0].filters.matches({"lang": "de"})
    assert stages[1] == SortAttribute("sort_attribute", "year", descending=False)
    assert stages[2] == Limit("limit", 2, 1)


@pytest.mark.parametrize(
    ("query", "text", "vector"),
    [
        ("cats", "cats", None),
        ([1, 2.5], None, (1.0, 2.5)),
        ({"input_mode": "text", "value": "cats"}, "cats", None),
        ({"text": "cats"}, "cats", None),
        ({"input_mode": "vector", "value": [1]}, None, (1.0,)),
        ("{{INPUT.v}}", None, (3.0, 4.0)),
    ],
)
def test_query_is_a_text_or_a_vector(query, text, vector):
    (stage,) = plan([{"type": "feature_search", "searches": [{"feature_uri": URI, "query": query}]}], {"v": [3, 4]})

    assert (stage.searches[0].text, stage.searches[0].vector) == (text, vector)


@pytest.mark.parametrize(
    ("stage", "field"),
    [
        ({"type": "llm_rerank"}, "stages[0].config.stage_id"),
        ("limit", "stages[0]"),
        ({"type": "feature_search"}, "stages[0].config.parameters.searches"),
        ({"type": "feature_search", "searches": []}, "stages[0].config.parameters.searches"),
        ({"type": "feature_search", "query": " "}, "stages[0].config.parameters.searches[0].query"),
        ({"type": "feature_search", "query": [1, True]}, "stages[0].config.parameters.searches[0].query"),
        ({"type": "feature_search", "query": "x", "fusion": "learned"}, "stages[0].config.parameters.fusion"),
        ({"type": "feature_search", "query": "x", "limit": 0}, "stages[0].config.parameters.limit"),
        (
            {"type": "feature_search", "query": {"input_mode": "content", "value": "s3://b/k"}},
            "stages[0].config.parameters.searches[0].query",
        ),
        ({"type": "sort_attribute"}, "stages[0].config.parameters.field"),
        ({"type": "sort_attribute", "field": "a", "direction": "up"}, "stages[0].config.parameters.direction"),
        ({"type": "attribute_filter"}, "stages[0].config.parameters.conditions"),
        ({"type": "feature_search", "query": "{{INPUT.nothing}}"}, "inputs.nothing"),
    ],
)
def test_unusable_stage_names_its_place(stage, field):
    with pytest.raises(InvalidRequest) as caught:
        plan([stage], {})

    assert caught.value.field == field
    assert caught.value.fix


def test_template_alone_keeps_its_type_and_within_text_becomes_text():
    filled = fill({"a": "{{ inputs.n }}", "b": ["n is {{INPUT.n}}"]}, {"n": 3}, "x")

    assert filled == {"a": 3, "b": ["n is 3"]}


def test_schema_gives_defaults_and_demands_what_is_required():
    schema = {"query": {"type": "text", "required": True}, "year": {"type": "integer", "default": 1900}}

    assert with_defaults(schema, {"query": "x"}) == {"query": "x", "year": 1900}
    with pytest.raises(InvalidRequest, match="needs the input 'query'"):
        with_defaults(schema, {})
