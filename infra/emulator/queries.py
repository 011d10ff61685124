"""Queries of one partition, answered without looking at every item of it.

MiniStack sorts a partition and evaluates the key condition item by item for each page: 60 ms a page at 10,000 items, so
that reading them all is quadratic. The queries that `core.stores.records` makes need the sort keys alone.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

Request = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Query = Callable[[Request], Answer]

CONDITIONS = {"#pk = :pk": False, "#pk = :pk AND begins_with(#sk, :sk)": True}
"""The key conditions that are known here, and whether they have a prefix."""

PROJECTIONS: dict[str | None, tuple[str, ...]] = {None: (), "sk, expires_at": ("sk", "expires_at")}
"""What may be asked of each item, and the attributes that it stands for; none is all."""

UNDERSTOOD = {
    "TableName",
    "KeyConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ScanIndexForward",
    "Limit",
    "ConsistentRead",
    "ExclusiveStartKey",
    "ProjectionExpression",
}
LAST = "\U0010ffff"


class Partition(dict[str, Any]):
    """The items of one partition, which remembers the order of their keys until one comes or goes."""

    _ordered: list[str] | None = None

    def ordered(self) -> list[str]:
        """The sort keys, in order."""
        if self._ordered is None:
            self._ordered = sorted(self)
        return self._ordered

    def __setitem__(self, key: str, item: Any) -> None:
        if key not in self:
            self._ordered = None
        super().__setitem__(key, item)

    def __delitem__(self, key: str) -> None:
        self._ordered = None
        super().__delitem__(key)

    def pop(self, key: str, *default: Any) -> Any:
        self._ordered = None
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        self._ordered = None
        return super().popitem()

    def setdefault(self, key: str, default: Any = None) -> Any:
        self._ordered = None
        return super().setdefault(key, default)

    def clear(self) -> None:
        self._ordered = None
        super().clear()

    def update(self, *items: Any, **named: Any) -> None:
        self._ordered = None
        super().update(*items, **named)


class Items(defaultdict[str, Any]):
    """A table's partitions; stands for MiniStack's `defaultdict(dict)`, which it makes in several places."""

    def __init__(self, _factory: Any = None, items: Any = ()) -> None:
        super().__init__(Partition, {pk: Partition(partition) for pk, partition in dict(items).items()})

    def __reduce__(self) -> tuple[Any, ...]:
        return Items, (None, {pk: dict(partition) for pk, partition in self.items()})


class Plain(NamedTuple):
    """A query for a run of sort keys in one partition, `start` left out."""

    pk: str
    prefix: str
    start: str | None
    forward: bool
    limit: int
    attributes: tuple[str, ...]


def with_short_cut(query: Query, tables: Any, answer: Callable[[Request], Answer]) -> Query:
    """`query`, but for plain requests, which are answered from the table at once."""

    def answer_query(request: Request) -> Answer:
        table = tables.get(request.get("TableName"))
        plain = understood(request, table) if table else None
        return query(request) if plain is None else answer(_page(plain, table))

    return answer_query


def understood(request: Request, table: Any) -> Plain | None:
    """The request as a plain one, or None when it says anything that is not understood here."""
    condition = request.get("KeyConditionExpression")
    if not request.keys() <= UNDERSTOOD or condition not in CONDITIONS:
        return None
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    prefixed = CONDITIONS[condition]
    wanted = {"#pk": table["pk_name"]} | ({"#sk": table["sk_name"]} if prefixed else {})
    start = request.get("ExclusiveStartKey")
    pk, prefix = values.get(":pk", {}).get("S"), values.get(":sk", {}).get("S", "")
    if names != wanted or set(values) != {":pk", *([":sk"] if prefixed else [])} or not pk or not request.get("Limit"):
        return None
    if prefixed and not prefix:
        return None
    if start is not None and (start.get(table["pk_name"], {}).get("S") != pk or len(start) != 2):
        return None
    after = start[table["sk_name"]].get("S") if start else None
    if start is not None and (after is None or not after.startswith(prefix)):
        return None
    attributes = PROJECTIONS.get(request.get("ProjectionExpression"))
    if attributes is None:
        return None
    return Plain(pk, prefix, after, request.get("ScanIndexForward", True), int(request["Limit"]), attributes)


def _page(plain: Plain, table: Any) -> Request:
    items: dict[str, Any] = table["items"].get(plain.pk, {})
    keys = items.ordered() if isinstance(items, Partition) else sorted(items)
    low = bisect_left(keys, plain.prefix)
    high = bisect_right(keys, plain.prefix + LAST) if plain.prefix else len(keys)
    if plain.start is not None and plain.forward:
        low = max(low, bisect_right(keys, plain.start))
    elif plain.start is not None:
        high = min(high, bisect_left(keys, plain.start))
    if plain.forward:
        found = keys[low : min(high, low + plain.limit)]
    else:
        found = keys[max(low, high - plain.limit) : high][::-1]
    whole = [items[k] for k in found]
    shown = [{a: item[a] for a in plain.attributes if a in item} for item in whole] if plain.attributes else whole
    page: Request = {"Items": shown, "Count": len(found), "ScannedCount": len(found)}
    if len(found) == plain.limit:
        last = items[found[-1]]
        page["LastEvaluatedKey"] = {name: last[name] for name in (table["pk_name"], table["sk_name"])}
    return page
