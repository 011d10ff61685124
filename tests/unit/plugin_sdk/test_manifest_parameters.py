"""Parameters of a collection: defaults come in, and a wrong value is refused by its key."""

from typing import Literal

import pytest
from pydantic import BaseModel, Field

from plugin_sdk.errors import InvalidParameters
from plugin_sdk.manifest import Manifest


class Window(BaseModel):
    size: int = Field(default=3, ge=1)
    unit: Literal["word", "line"] = "word"


class Params(BaseModel):
    threshold: float = Field(default=0.5, ge=0, le=1)
    model: str | None = None
    windows: list[Window] = Field(default=[], max_length=2)
    window: Window = Window()
    prefix: str = Field(default="p", pattern="^[a-z]+$")
    weights: dict[str, float] = {}


def manifest(schema=Params) -> Manifest:
    json_schema = schema.model_json_schema() if isinstance(schema, type) else schema
    return Manifest(name="my_extractor", version="1.0.0", output_schema={}, parameter_schema=json_schema)


def wrong(params, schema=Params) -> InvalidParameters:
    with pytest.raises(InvalidParameters) as raised:
        manifest(schema).validate_params(params)
    return raised.value


def test_defaults_are_filled_in():
    assert manifest().validate_params({"threshold": 0.7}) == {
        "threshold": 0.7,
        "model": None,
        "windows": [],
        "window": {"size": 3, "unit": "word"},
        "prefix": "p",
        "weights": {},
    }


def test_filled_defaults_are_copies():
    one, schema = manifest().validate_params({}), Params.model_json_schema()
    one["windows"].append(1)

    assert manifest(schema).validate_params({})["windows"] == []


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"threshold": 1.5}, "threshold"),
        ({"threshold": "0.7"}, "threshold"),
        ({"threshold": True}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"model": 3}, "model"),
        ({"windows": [{}, {}, {}]}, "windows"),
        ({"windows": [{"size": 0}]}, "windows[0].size"),
        ({"window": {"unit": "page"}}, "window.unit"),
        ({"window": {"units": "word"}}, "window.units"),
        ({"prefix": "P1"}, "prefix"),
        ({"weights": {"a": "b"}}, "weights.a"),
        ({"treshold": 0.5}, "treshold"),
    ],
)
def test_wrong_value_names_its_key(params, field):
    assert wrong(params).field == field


def test_misspelt_key_hints_at_the_right_one():
    assert "Did you mean 'threshold'?" in wrong({"treshold": 0.5}).fix


def test_missing_required_parameter_is_named():
    class Needs(BaseModel):
        api_model: str

    assert wrong({}, Needs).field == "api_model"


def test_schema_that_allows_more_keys_takes_them():
    class Open(BaseModel, extra="allow"):
        a: int = 1

    assert manifest(Open).validate_params({"b": 2}) == {"a": 1, "b": 2}


def test_without_a_schema_parameters_pass_as_they_are():
    plain = Manifest(name="my_extractor", version="1.0.0", output_schema={})

    assert plain.validate_params({"x": 1}) == {"x": 1}
    assert plain.validate_params(None) == {}


def test_recursive_schema_is_checked_to_its_depth():
    tree = {
        "properties": {"node": {"$ref": "#/$defs/N"}},
        "$defs": {"N": {"properties": {"next": {"$ref": "#/$defs/N"}}}},
    }

    assert wrong({"node": {"next": {"nxt": 1}}}, tree).field == "node.next.nxt"


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}] * 2}}},
        {"properties": {"a": {"enum": 3}}},
        {"properties": {"a": {"pattern": "(?<=x)y"}}},
        {"properties": {"a": {"multipleOf": 0}}},
        {"properties": 3},
    ],
)
def test_hostile_schema_ends_soon_and_never_crashes(schema):
    try:
        answer = manifest(schema).validate_params({"a": "x"})
    except InvalidParameters as error:
        answer = error.fix

    assert answer


def test_huge_numbers_are_compared():
    assert wrong({"threshold": 10**400}).field == "threshold"
