"""Fields that a request got wrong: name, rule, value and next step in the answer, secrets never."""

from typing import Any

import pytest
from pydantic import Field, ValidationError

from core.invalid_fields import field_of, invalid_fields
from core.web.bodies import Body
from tests.contract.schemas import assert_is


class Asked(Body):
    """A body of every kind of field."""

    name: str = Field(default="ok", min_length=3)
    size: int = Field(default=1, ge=1)
    blobs: list[dict[str, str]] = []
    secret_value: str = Field(default="ok", max_length=4)
    api_key: int = 0
    tokens: list[int] = []


class Needed(Body):
    """A body with a field that must be there."""

    name: str


def answered(body: object, kind: type[Body] = Asked) -> dict[str, Any]:
    with pytest.raises(ValidationError) as raised:
        kind.model_validate(body)
    errors = [dict(e) | {"loc": ("body", *e["loc"])} for e in raised.value.errors()]
    answer = invalid_fields(errors)
    assert_is("ErrorResponse", answer)
    assert answer["error"]["message"].endswith(answer["error"]["details"]["fix"])
    return answer


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"name": "ab"}, "name: String should have at least 3 characters; it is 'ab'. Correct name."),
        ({"size": 0}, "size: Input should be greater than or equal to 1; it is 0. Correct size."),
        ({"size": "5"}, "size: Input should be a valid integer; it is '5'."),
        ({"size": True}, "size: Input should be a valid integer; it is true."),
        ({"name": None}, "name: Input should be a valid string; it is null."),
        ({"size": "x" * 500}, f"it is {'x' * 80!r}… (500 characters)."),
        ({"size": "a\u202e\x1b[0m"}, r"it is 'a\u202e\x1b[0m'."),
        ({"blobs": {"a": "b"}}, "blobs: Input should be a valid list; it is an object."),
        ({"name": ["a", "b"]}, "name: Input should be a valid string; it is a list of 2."),
        ({"blobs": [{"a": 1}]}, "blobs[0].a: Input should be a valid string; it is 1."),
        ({"colour": "red"}, "colour: there is no such field here. Leave out colour. The fields and their rules"),
    ],
)
def test_a_wrong_value_is_told_with_its_field_its_rule_and_the_next_step(body: object, told: str) -> None:
    assert told in answered(body)["error"]["message"]


def test_a_missing_field_is_asked_for() -> None:
    message = answered({}, Needed)["error"]["message"]

    assert message == "name: Field required. Add name. The fields and their rules stand at /docs."


@pytest.mark.parametrize(
    "body",
    [
        {"secret_value": "hidden0"},
        {"api_key": "hidden0"},
        {"tokens": ["hidden0"]},
        {"name": {"secret": "hidden0"}},
        {"other": "hidden0"},
        "hidden0",
        ["hidden0"],
    ],
)
def test_what_may_be_a_secret_is_not_repeated(body: object) -> None:
    assert "hidden0" not in str(answered(body))


def test_many_wrong_fields_are_all_in_detail_and_the_first_in_the_message() -> None:
    answer = answered({"tokens": ["x"] * 1000})

    assert len(answer["detail"]) == len(answer["error"]["details"]["fields"]) == 1000
    assert "990 more" in answer["error"]["message"]
    assert len(answer["error"]["message"]) < 2000


@pytest.mark.parametrize(
    ("loc", "field"),
    [(("body", "blobs", 0, "type"), "blobs[0].type"), (("query", "limit"), "query.limit"), (("body",), "body")],
)
def test_field_is_spelled_as_in_the_body(loc: tuple[str | int, ...], field: str) -> None:
    assert field_of(loc) == field
