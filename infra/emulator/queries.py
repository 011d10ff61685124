"""Queries of one partition, answered without looking at every item of it.

MiniStack sorts a partition and evaluates the key condition item by item for each page: 60 ms a page at 10,000 items, so
that reading them all is quadratic. The queries that `core.stores.records` makes need the sort keys alone.
"""

from bisect import bisect_left, bisect_right
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
LARGE = 1_000
REMEMBERED = 16
_sorted: dict[int, tuple[dict[str, Any], list[str], list[str]]] = {}
"""Large partitions that were read lately: the items, their keys as they lay, and those sorted."""


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
    keys = sorted(items) if len(items) < LARGE else _remembered(items)
    low = bisect_left(keys, plain.prefix)
    high = bisect_right(keys, plain.prefix + LAST) if plain.prefix else len(keys)
    if plain.start is not None and plain.forward:
        low = max(low, bisect_right(keys, plain.start))
    elif plain.start is not None:
        high = min(high, bisect_left(keys, plain.start))
    found = keys[low:high][: plain.limit] if plain.forward else keys[low:high][::-1][: plain.limit]
    whole = [items[k] for k in found]
    shown = [{a: item[a] for a in plain.attributes if a in item} for item in whole] if plain.attributes else whole
    page: Request = {"Items": shown, "Count": len(found), "ScannedCount": len(found)}
    if len(found) == plain.limit:
        last = items[found[-1]]
        page["LastEvaluatedKey"] = {name: last[name] for name in (table["pk_name"], table["sk_name"])}
    return page


def _remembered(items: dict[str, Any]) -> list[str]:
    """The sorted keys of a large partition; to see that they are still the same costs far less than to sort them."""
    keys, known = list(items), _sorted.pop(id(items), None)
    ordered = known[2] if known and known[0] is items and known[1] == keys else sorted(keys)
    _sorted[id(items)] = items, keys, ordered
    while len(_sorted) > REMEMBERED:
        del _sorted[next(iter(_sorted))]
    return ordered
