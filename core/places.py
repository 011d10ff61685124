"""Place: where an item stands in an ordered list, so that a page can begin behind an item that is gone by then.

A list is ordered by a field or, without one, by age. A cursor holds the order and the place of the page's last item:
what is added or removed before it moves nothing, so an item that was there all the time is on one page, and on one only.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.conditions import MISSING, field_of
from core.errors import InvalidRequest

Body = dict[str, Any]
COMPARED = 200
"""Characters of a text by which a list is ordered; more would make cursors longer than a URL may be."""


@dataclass(frozen=True, slots=True)
class Place:
    """An item's value if it has one, as (kind, value), and what tells it from those with the same."""

    value: tuple[int, Any] | None
    created_at: str
    id: str


@dataclass(frozen=True, slots=True)
class Order:
    """By a field, with those that lack it at the end, or by age; among equals the older is first."""

    id_field: str
    field: str | None = None
    descending: bool = False

    def place(self, item: Mapping[str, Any]) -> Place:
        """Where the item stands."""
        found = field_of(item, self.field) if self.field else None
        absent = found is MISSING or found is None or found != found  # the last of these is not a number
        value = None if absent else _comparable(found)
        return Place(value, str(item.get("created_at") or ""), str(item[self.id_field]))

    def sorted(self, items: Iterable[Body]) -> list[Body]:
        """The items in this order."""
        placed = sorted(((self.place(item), item) for item in items), key=lambda pair: _age(pair[0]))
        valued = [(place.value, item) for place, item in placed if place.value is not None]
        valued.sort(key=lambda pair: pair[0], reverse=self.descending)
        return [item for _, item in valued] + [item for place, item in placed if place.value is None]

    def resumed(self, cursor: str) -> "Order":
        """This order or, where none is asked for, the one that the cursor is of."""
        told = _read(cursor)
        return replace(self, field=told[0], descending=told[1]) if self.field is None else self

    def behind(self, items: list[Body], cursor: str) -> int:
        """The position in a sorted list of the first item behind the cursor.

        Raises:
            InvalidRequest: no list of this order gave the cursor.
        """
        place = self._decode(cursor)
        return next((n for n, item in enumerate(items) if self._follows(self.place(item), place)), len(items))

    def cursor(self, item: Mapping[str, Any]) -> str:
        """The cursor behind the item."""
        place = self.place(item)
        told = [self.field, self.descending, place.value, place.created_at, place.id]
        return base64.urlsafe_b64encode(json.dumps(told, separators=(",", ":")).encode()).decode().rstrip("=")

    def _follows(self, place: Place, other: Place) -> bool:
        if place.value != other.value:
            if place.value is None or other.value is None:
                return place.value is None
            return place.value < other.value if self.descending else place.value > other.value
        return _age(place) > _age(other)

    def _decode(self, cursor: str) -> Place:
        field, descending, value, created_at, id_ = _read(cursor)
        if (field, descending) != (self.field, self.descending):
            raise _unknown(cursor)
        return Place(None if value is None else (value[0], value[1]), created_at, id_)


def is_of_field(cursor: str) -> bool:
    """Whether a list that is ordered by a field gave the cursor."""
    try:
        return _read(cursor)[0] is not None
    except InvalidRequest:
        return False


def _read(cursor: str) -> list[Any]:
    try:
        told = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        field, descending, value, created_at, id_ = told
    except (ValueError, TypeError, RecursionError):
        raise _unknown(cursor) from None
    texts = isinstance(created_at, str) and isinstance(id_, str) and (field is None or isinstance(field, str))
    if not texts or not isinstance(descending, bool) or not (value is None or _is_comparable(value)):
        raise _unknown(cursor)
    return list(told)


def _age(place: Place) -> tuple[str, str]:
    return place.created_at, place.id


def _comparable(value: Any) -> tuple[int, Any]:
    return (0, value) if isinstance(value, bool | int | float) else (1, str(value)[:COMPARED])


def _is_comparable(told: Any) -> bool:
    kinds: dict[Any, type | tuple[type, ...]] = {0: (bool, int, float), 1: str}
    return isinstance(told, list) and len(told) == 2 and told[0] in (0, 1) and isinstance(told[1], kinds[told[0]])


def _unknown(cursor: str) -> InvalidRequest:
    return InvalidRequest(
        f"cursor is {cursor[:40]!r}, which this list did not give for this order.",
        "Pass next_cursor as it came, with the same sort.",
        "cursor",
    )
