"""Places: a page begins behind the item where the last one ended, whatever came and went between."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.paging import Paging, Selection, cut_of, page_of
from core.places import Order

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=3), st.just([1])
)
ITEMS = st.dictionaries(st.integers(0, 40), VALUES, max_size=12)
ORDERS = st.builds(Order, st.just("thing_id"), st.sampled_from([None, "value"]), st.booleans())


def item(number: int, value: Any) -> dict[str, Any]:
    found = {"thing_id": f"t{number:02d}", "created_at": f"2026-01-{number // 4 + 1:02d}"}
    return found if value is None else found | {"value": value}


@settings(max_examples=300, deadline=None)
@given(lasting=ITEMS, passing=st.lists(ITEMS, min_size=1, max_size=5), order=ORDERS, limit=st.integers(1, 4))
def test_what_was_there_all_the_time_is_met_once(
    lasting: dict[int, Any], passing: list[dict[int, Any]], order: Order, limit: int
) -> None:
    seen: list[str] = []
    cursor, step = None, 0
    while True:
        others = {n + 50: value for n, value in passing[step % len(passing)].items()}
        there = [item(n, value) for n, value in {**others, **lasting}.items()]
        page, told = cut_of(there, Paging(limit, 0, cursor), order)
        seen += [i["thing_id"] for i in page if i["thing_id"] < "t50"]
        cursor, step = told["next_cursor"], step + 1
        if cursor is None:
            break

    assert seen == [i["thing_id"] for i in order.sorted(item(n, value) for n, value in lasting.items())]


def test_values_are_in_order_and_those_without_come_last_both_ways() -> None:
    items = [item(n, value) for n, value in enumerate([None, 3, "b", 1.5, "a", True])]

    up = [i.get("value") for i in Order("thing_id", "value").sorted(items)]
    down = [i.get("value") for i in Order("thing_id", "value", descending=True).sorted(items)]

    assert up == [True, 1.5, 3, "a", "b", None]
    assert down == ["b", "a", 3, 1.5, True, None]


def test_cursor_says_by_what_the_list_is_ordered() -> None:
    items = [item(n, value) for n, value in enumerate([2, 3, 1])]
    _, told = cut_of(items, Paging(1), Order("thing_id", "value", descending=True))

    rest, _ = cut_of(items, Paging(5, 0, told["next_cursor"]), Order("thing_id"))

    assert [i["value"] for i in rest] == [2, 1]


BY_VALUE = Selection.parse(sort={"field": "value"})
FORGED = [
    "",
    "bzEy",
    "WzFd",
    "x",
    "é",
    Order("thing_id", "other").cursor(item(1, 2)),
    "W251bGwsZmFsc2UsWzAsImEiXSwiIiwiIl0",
]


@pytest.mark.parametrize("cursor", FORGED)
def test_cursor_of_something_else_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor is") as told:
        page_of([item(1, 1)], Paging(1, 0, cursor), BY_VALUE, ("name", "thing_id"))

    assert told.value.field == "cursor"
