"""Conditions: what they accept, which documents they keep, and how they are spelled again for the store."""

import pytest

from core.conditions import Condition, Group, field_of, join, parse
from core.errors import InvalidRequest

DOCUMENT = {"title": "Red Car", "year": 1913, "tags": ["prose", "german"], "nested": {"depth": 2}, "object_id": "obj_1"}


@pytest.mark.parametrize(
    ("spelled", "kept"),
    [
        ({"field": "year", "operator": "eq", "value": 1913}, True),
        ({"field": "year", "value": 1914}, False),
        ({"field": "year", "operator": "gte", "value": 1913}, True),
        ({"field": "year", "operator": "gt", "value": "1900"}, False),
        ({"field": "title", "operator": "eq", "value": "red car"}, False),
        ({"field": "title", "operator": "contains", "value": "red"}, True),
        ({"field": "title", "operator": "contains", "value": "red", "case_sensitive": True}, False),
        ({"field": "title", "operator": "starts_with", "value": "RED"}, True),
        ({"field": "title", "operator": "ends_with", "value": "car"}, True),
        ({"field": "title", "operator": "regex", "value": "^red\\s"}, True),
        ({"field": "title", "operator": "text", "value": "car red"}, True),
        ({"field": "tags", "operator": "contains", "value": "prose"}, True),
        ({"field": "tags", "operator": "in", "value": ["french", "german"]}, True),
        ({"field": "tags", "operator": "nin", "value": ["french"]}, True),
        ({"field": "absent", "operator": "ne", "value": 1}, True),
        ({"field": "absent", "operator": "exists", "value": False}, True),
        ({"field": "absent", "operator": "is_null"}, True),
        ({"field": "absent", "operator": "lt", "value": 1}, False),
        ({"field": "nested.depth", "operator": "eq", "value": 2}, True),
        ({"field": "metadata.year", "operator": "eq", "value": 1913}, True),
        ({"field": "source_object_id", "operator": "eq", "value": "obj_1"}, True),
        ({"field": "year", "operator": "ne", "value": None}, True),
        ({"AND": [{"field": "year", "value": 1913}, {"NOT": [{"field": "title", "value": "x"}]}]}, True),
        ({"OR": [{"field": "year", "value": 1}, {"field": "year", "value": 2}]}, False),
        ({"NOT": [{"field": "year", "value": 1}, {"field": "year", "value": 1913}]}, False),
        ({"year": [1912, 1913], "title": "Red Car"}, True),
        ({"year": {"gte": 1900, "lt": 1913}}, False),
    ],
)
def test_filter_keeps_what_it_says(spelled, kept):
    assert parse(spelled).matches(DOCUMENT) is kept


@pytest.mark.parametrize("nothing", [None, {}, {"AND": []}, {"AND": None, "case_sensitive": True}])
def test_filter_without_conditions_is_none(nothing):
    assert parse(nothing) is None


@pytest.mark.parametrize(
    ("spelled", "path"),
    [
        ("year = 1913", "filters"),
        ({"AND": ["x"]}, "filters.AND[0]"),
        ({"field": "year", "operator": "near", "value": 1}, "filters.operator"),
        ({"field": "year", "operator": "in", "value": 1}, "filters.value"),
        ({"field": "year", "operator": "gt"}, "filters.value"),
        ({"field": 3, "value": 1}, "filters"),
    ],
)
def test_unusable_filter_names_its_place(spelled, path):
    with pytest.raises(InvalidRequest) as caught:
        parse(spelled)

    assert caught.value.field == path


def test_filter_nested_too_deep_is_refused():
    spelled = {"field": "year", "value": 1}
    for _ in range(40):
        spelled = {"AND": [spelled]}

    with pytest.raises(InvalidRequest, match="nested more than"):
        parse(spelled)


def test_pattern_with_back_references_is_refused_when_used():
    with pytest.raises(InvalidRequest, match="can't be searched for"):
        parse({"field": "title", "operator": "regex", "value": r"(a)\1"}).matches(DOCUMENT)


def test_filter_is_spelled_again_for_the_store():
    spelled = {"case_sensitive": True, "year": {"gte": 1900}, "OR": [{"title": ["a", "b"]}]}

    again = parse(spelled).as_dict()

    assert parse(again) == parse(spelled)
    assert parse({"year": 1}).as_dict() == {"field": "year", "operator": "eq", "value": 1}


def test_join_keeps_one_and_leaves_out_none():
    one = Condition("a", "eq", 1)

    assert join(None, one) is one
    assert join(None, None) is None
    assert join(one, one) == Group("AND", (one, one))


def test_field_with_a_dot_in_its_name_is_found_first():
    assert field_of({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
