"""Patterns: what tenants write is searched in linear time, without Arrow."""

import subprocess
import sys
import time

import pyarrow as pa
import pytest

from core.conditions import parse
from core.errors import InvalidRequest
from core.filters import to_sql
from core.patterns import found


@pytest.mark.parametrize(
    ("pattern", "text", "case_sensitive", "expected"),
    [
        (r"^red\s", "Red fox", False, True),
        (r"^red\s", "Red fox", True, False),
        ("É", "café", False, True),
        (r"\bfox$", "a fox\n", False, False),
    ],
)
def test_finds_what_the_pattern_says(pattern: str, text: str, case_sensitive: bool, expected: bool) -> None:
    assert found(pattern, text, case_sensitive) is expected


def test_nested_quantifiers_take_linear_time() -> None:
    started = time.perf_counter()

    assert not found("(a+)+$", "a" * 200_000 + "b", True)

    assert time.perf_counter() - started < 30


@pytest.mark.parametrize("pattern", ["(?=a)", r"(a)\1", "(", "((a{100}){100}){100}", "a" * 1001])
def test_pattern_that_can_not_be_searched_for_is_named(pattern: str) -> None:
    with pytest.raises(InvalidRequest, match="pattern"):
        found(pattern, "a", True)


def test_control_plane_filters_by_pattern_without_arrow() -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from core.conditions import parse\n"
        "print(parse({'field': 'a', 'operator': 'regex', 'value': '^x'}).matches({'a': 'XY'}))"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "True\n"
    assert parse({"field": "a", "operator": "regex", "value": "^x"}) is not None


@pytest.mark.parametrize("pattern", ["(", "[a", r"\Qa\E", "a(?=b)", "x" * 1_001])
def test_the_store_is_never_given_a_pattern_that_it_can_not_read(pattern: str) -> None:
    schema = pa.schema([pa.field("text", pa.string())])

    with pytest.raises(InvalidRequest, match="pattern") as caught:
        to_sql({"field": "text", "operator": "regex", "value": pattern}, schema)

    assert caught.value.field == "filters.value"
