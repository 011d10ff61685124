"""Paging and selecting: one way to filter, search, sort and cut every list that the API answers.

Cursors hold places (`core/places.py`, or the sort key of a record): pages stay right while items come and go. An offset
counts: what is added goes to the end of lists that are ordered by age, but what is removed moves what follows it.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from core.conditions import Filter, join, parse
from core.errors import InvalidRequest
from core.places import Order, is_of_field
from core.stores.records import Record, Records, cursor_after

Body = dict[str, Any]
LONGEST_READ = 1000
GROWTH = 4
"""How much more is read at once where a page was not filled: few items are read in vain, and few reads are made."""


@dataclass(frozen=True, slots=True)
class Paging:
    """Where a page starts, and how long it is; a cursor wins over an offset."""

    limit: int = 10
    offset: int = 0
    cursor: str | None = None
    include_total: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """One partition of the table, in key order or from its end."""

    records: Records
    pk: str
    newest_first: bool = False

    def each(self, cursor: str | None, page_size: int = 1000) -> Iterator[Record]:
        """The records behind the cursor, read page by page; each is longer than the one before, up to `LONGEST_READ`."""
        while True:
            size = min(page_size, LONGEST_READ)
            page = self.records.query(self.pk, limit=size, cursor=cursor, newest_first=self.newest_first)
            yield from page.records
            cursor, page_size = page.cursor, size * GROWTH
            if cursor is None:
                return


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items of a list, and in which order."""

    filters: Filter | None = None
    search: str | None = None
    sort: Mapping[str, Any] | None = None
    case_sensitive: bool = False

    @classmethod
    def parse(
        cls, filters: Any = None, *, search: str | None = None, sort: Any = None, case_sensitive: bool = False
    ) -> Self:
        """The selection that a request's body spells.

        Raises:
            InvalidRequest: a filter is malformed, or the sort names no field.
        """
        if sort and (not isinstance(sort.get("field"), str) or sort.get("direction", "asc") not in ("asc", "desc")):
            raise InvalidRequest(f"sort is {sort!r}.", 'Write {"field": "created_at", "direction": "desc"}.', "sort")
        return cls(parse(filters), search or None, sort or None, case_sensitive)

    def also(self, condition: Filter | None) -> "Selection":
        """The selection with one more condition."""
        return replace(self, filters=join(self.filters, condition))

    @property
    def selects(self) -> bool:
        """Whether it leaves any item out, or orders them."""
        return bool(self.filters or self.search or self.sort)

    def keeps(self, item: Mapping[str, Any], searched: Sequence[str]) -> bool:
        """Whether the item passes the filters, and one of the `searched` fields holds the text (an id: begins with it)."""
        return (self.filters is None or self.filters.matches(item)) and self._found(item, searched)

    def order(self, searched: Sequence[str]) -> Order:
        """The order of the list, whose own id is the first of the `searched` fields that is one."""
        sort = self.sort or {}
        id_field = next(name for name in searched if name.endswith("_id"))
        return Order(id_field, sort.get("field"), sort.get("direction") == "desc")

    def _found(self, item: Mapping[str, Any], searched: Sequence[str]) -> bool:
        if not self.search:
            return True
        fold: Callable[[str], str] = str if self.case_sensitive else str.casefold
        sought = fold(self.search)
        texts = ((name, fold(str(item.get(name) or ""))) for name in searched)
        return any(text.startswith(sought) if name.endswith("_id") else sought in text for name, text in texts)


def page_of(
    items: Iterable[Body], paging: Paging, selection: Selection, searched: Sequence[str]
) -> tuple[list[Body], Body]:
    """One page of the selected items of a list that is all here, and the contract's `pagination` for it."""
    return cut_of([item for item in items if selection.keeps(item, searched)], paging, selection.order(searched))


def cut_of(items: Iterable[Body], paging: Paging, order: Order) -> tuple[list[Body], Body]:
    """One page of all of these items in this order, and its `pagination`."""
    order = order if paging.cursor is None else order.resumed(paging.cursor)
    kept = order.sorted(items)
    start = paging.offset if paging.cursor is None else order.behind(kept, paging.cursor)
    page = kept[start : start + paging.limit]
    more = start + paging.limit < len(kept)
    return page, pagination(paging, total=len(kept), next_cursor=order.cursor(page[-1]) if more else None)


def listed(
    source: Source,
    paging: Paging,
    selection: Selection,
    shown: Callable[[Record], Body],
    searched: Sequence[str],
    total: Callable[[], int] | None = None,
) -> tuple[list[Body], Body]:
    """One page of a partition's records as `shown`, and the contract's `pagination` for it.

    Without a sort only as many records are read as the page needs. A wanted total is what `total` tells where nothing
    selects, else it is counted.
    """
    if selection.sort or (paging.cursor and is_of_field(paging.cursor)):
        return page_of(map(shown, source.each(None)), paging, selection, searched)
    page: list[Body] = []
    last: Record | None = None
    skip = paging.offset if paging.cursor is None else 0
    wanted = skip + paging.limit + 1
    for record in source.each(paging.cursor, page_size=wanted * GROWTH if selection.selects else wanted):
        item = shown(record)
        if not selection.keeps(item, searched):
            continue
        if skip:
            skip -= 1
        elif len(page) < paging.limit:
            page.append(item)
            last = record
        else:
            break
    else:
        last = None
    counted = _total(source, selection, shown, searched, total) if paging.include_total else None
    return page, pagination(paging, total=counted, next_cursor=cursor_after(last) if last else None)


def _total(
    source: Source,
    selection: Selection,
    shown: Callable[[Record], Body],
    searched: Sequence[str],
    total: Callable[[], int] | None,
) -> int:
    if total and not selection.selects:
        return total()
    return sum(selection.keeps(shown(record), searched) for record in source.each(None))


def pagination(paging: Paging, *, total: int | None, next_cursor: str | None) -> Body:
    """The contract's `pagination` object; pages are counted from 1."""
    return {
        "total": total,
        "page": paging.offset // paging.limit + 1 if paging.cursor is None else None,
        "page_size": paging.limit,
        "total_pages": math.ceil(total / paging.limit) if total is not None else None,
        "next_page": None,
        "previous_page": None,
        "next_cursor": next_cursor,
    }


def cursor_of(offset: int) -> str:
    """A cursor for results that are ranked anew each time, which have no places."""
    return base64.urlsafe_b64encode(f"o{offset}".encode()).decode().rstrip("=")


def offset_of(cursor: str) -> int:
    """The offset that `cursor_of` put in."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        if re.fullmatch(r"o\d{1,12}", text):
            return int(text[1:])
    except (ValueError, binascii.Error):
        pass
    raise InvalidRequest(
        f"cursor is {cursor[:40]!r}, which this list did not give.", "Pass next_cursor as it came.", "cursor"
    )
