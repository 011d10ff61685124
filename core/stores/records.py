"""Records: JSON bodies in one DynamoDB table, created and changed by conditional writes.

An item is `{pk, sk, version, body, expires_at?, index_pk?, index_sk?}`; `body` is orjson, so that reading a page costs
one parse a record. Expired items are filtered here, since DynamoDB deletes them only some time later. Counters are
items of their own with one number attribute each, changed by ADD.
"""

import base64
import binascii
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from botocore.exceptions import ClientError

from core.errors import AlreadyExists, InvalidRequest, StaleRecord, StoreUnavailable
from core.stores.aws import error_code, talking_to

INDEX = "by_index"
MAX_BODY_BYTES = 390_000
"""DynamoDB holds 400 KB an item, its keys included."""
CONFLICT = "TransactionConflictException"
CONFLICTS = 20
"""Attempts at a write that meets others' transactions."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A record to be written. `index` is its place in the sparse index that services read across tenants."""

    pk: str
    sk: str
    body: Body
    index: tuple[str, str] | None = None
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Record(Entry):
    """A record as read, with the version that `replace` holds against the table's."""

    version: int = 1


@dataclass(frozen=True, slots=True)
class Turn:
    """A counter item as it was read: who writes with it writes next, and nobody else did since."""

    pk: str
    sk: str
    number: int


@dataclass(frozen=True, slots=True)
class Page:
    """Records in key order, and where to go on; None at the end."""

    records: list[Record]
    cursor: str | None


class Records:
    """The one table. Every method raises StoreUnavailable when DynamoDB does not answer."""

    def __init__(self, client: Any, table_name: str) -> None:
        self._client, self._table = client, table_name

    def get(self, pk: str, sk: str) -> Record | None:
        """The record, or None; strongly consistent."""
        if not _possible(sk):
            return None
        with talking_to("DynamoDB"):
            answer = self._client.get_item(TableName=self._table, Key=_key(pk, sk), ConsistentRead=True)
        return _live(answer.get("Item"))

    def get_many(self, keys: Sequence[tuple[str, str]]) -> list[Record]:
        """The records of `keys`, in that order, missing ones left out; 100 a call."""
        found: dict[tuple[str, str], Record] = {}
        for chunk in chunks(list(dict.fromkeys(keys)), 100):
            request: Any = {self._table: {"Keys": [_key(*k) for k in chunk], "ConsistentRead": True}}
            while request:
                with talking_to("DynamoDB"):
                    answer = self._client.batch_get_item(RequestItems=request)
                for item in answer["Responses"].get(self._table, ()):
                    if record := _live(item):
                        found[record.pk, record.sk] = record
                request = answer.get("UnprocessedKeys")
        return [found[k] for k in keys if k in found]

    def get_counted(self, key: tuple[str, str], counter_key: tuple[str, str]) -> tuple[Record | None, dict[str, int]]:
        """The record and the counter item beside it, in one call; strongly consistent."""
        request: Any = {self._table: {"Keys": [_key(*key), _key(*counter_key)], "ConsistentRead": True}}
        record, numbers = None, dict[str, int]()
        while request:
            with talking_to("DynamoDB"):
                answer = self._client.batch_get_item(RequestItems=request)
            for item in answer["Responses"].get(self._table, ()):
                if (item["pk"]["S"], item["sk"]["S"]) == counter_key:
                    numbers = _numbers(item)
                else:
                    record = _live(item)
            request = answer.get("UnprocessedKeys")
        return record, numbers

    def create(self, entry: Entry) -> Record:
        """Write a record that must not exist.

        Raises:
            AlreadyExists: a live record has this key.
        """
        try:
            _settled(lambda: self._client.put_item(TableName=self._table, Item=_item(entry, 1), **_absent()))
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                raise AlreadyExists(f"{entry.sk} exists.", "Use another name.") from error
            raise
        return Record(entry.pk, entry.sk, entry.body, entry.index, entry.expires_at)

    def create_all(
        self, entries: Sequence[Entry], turn: Turn | None = None, over: Sequence[tuple[Record, Body]] = ()
    ) -> None:
        """Write up to 99 records that must not exist: all or none, and none when `turn` is not the next any more.

        Args:
            over: records that get new bodies in the same write, if they are still as they were read.

        Raises:
            AlreadyExists: one of them does; its `problem` begins with that record's sort key.
            StaleRecord: someone else took the turn, or changed or deleted a record of `over`.
        """
        writes: list[Any] = [{"Put": {"TableName": self._table, "Item": _item(e, 1), **_absent()}} for e in entries]
        writes += [{"Put": {"TableName": self._table, **_replacing(record, body)}} for record, body in over]
        if turn is not None:
            writes.append({"Update": {"TableName": self._table, **_taking(turn)}})
        try:
            _settled(lambda: self._client.transact_write_items(TransactItems=writes))
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            reasons = error.response.get("CancellationReasons", [])
            others = [*(record.sk for record, _ in over), *([turn.sk] if turn else [])]
            for sk, reason in zip(others, reasons[len(entries) :] or [{"Code": ""}] * len(others), strict=False):
                if reason.get("Code") not in (None, "None"):
                    raise StaleRecord(f"{sk} was changed by someone else.", "Read it again and retry.") from error
            taken = [e.sk for e, r in zip(entries, reasons, strict=False) if r.get("Code") == "ConditionalCheckFailed"]
            raise AlreadyExists(f"{(taken or ['A record'])[0]} exists.", "Use another name.") from error

    def put_many(self, entries: Sequence[Entry]) -> None:
        """Write records whether or not they exist, 25 a call, until all are taken."""
        for chunk in chunks(entries, 25):
            self._write([{"PutRequest": {"Item": _item(e, 1)}} for e in chunk])

    def replace(self, record: Record, body: Body, *, index: tuple[str, str] | None = None) -> Record:
        """Write `body` over `record` as it was read; `index` moves it in the index (None leaves it where it is).

        Raises:
            StaleRecord: someone changed or deleted it since.
        """
        index = index or record.index
        try:
            with talking_to("DynamoDB"):
                self._client.put_item(TableName=self._table, **_replacing(record, body, index))
        except ClientError as error:
            if error_code(error) in ("ConditionalCheckFailedException", CONFLICT):
                raise StaleRecord(f"{record.sk} was changed by someone else.", "Read it again and retry.") from error
            raise
        return Record(record.pk, record.sk, body, index, record.expires_at, record.version + 1)

    def update(self, pk: str, sk: str, change: Callable[[Body], Body | None], *, attempts: int = 100) -> Record | None:
        """Apply `change` to the body, again and again until nobody interferes.

        `change` gets a body of its own and returns the new one, or None to leave the record as it is. None comes back
        when there is no such record.
        """
        for attempt in range(attempts):
            record = self.get(pk, sk)
            if record is None:
                return None
            body = change(orjson.loads(orjson.dumps(record.body)))
            if body is None:
                return record
            try:
                return self.replace(record, body)
            except StaleRecord:
                time.sleep(min(0.001 * 2 ** min(attempt, 6), 0.05))
        raise StoreUnavailable(f"{sk} is changed by too many at once.", "Try again in a moment.")

    def delete(self, pk: str, sk: str) -> bool:
        """Delete the record; whether there was one."""
        with talking_to("DynamoDB"):
            answer = self._client.delete_item(TableName=self._table, Key=_key(pk, sk), ReturnValues="ALL_OLD")
        return bool(answer.get("Attributes"))

    def delete_if(self, pk: str, sk: str, body: Body) -> bool:
        """Delete the record while its body is still this one; whether it was.

        A name or a claim is released so: by the time it is, someone else may hold it.
        """
        try:
            with talking_to("DynamoDB"):
                self._client.delete_item(
                    TableName=self._table,
                    Key=_key(pk, sk),
                    ConditionExpression="body = :body",
                    ExpressionAttributeValues={":body": {"B": orjson.dumps(body)}},
                )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def delete_many(self, keys: Sequence[tuple[str, str]]) -> None:
        """Delete records, 25 a call, until all are gone."""
        for chunk in chunks(keys, 25):
            self._write([{"DeleteRequest": {"Key": _key(*k)}} for k in chunk])

    def query(
        self, pk: str, *, prefix: str = "", limit: int = 100, cursor: str | None = None, newest_first: bool = False
    ) -> Page:
        """Up to `limit` records of one partition key whose sort key begins with `prefix`, in key order."""
        names = {"pk": "pk", "sk": "sk"}
        return self._page(names, pk, prefix, limit, cursor, newest_first)

    def run_of(self, pk: str, first: str, limit: int) -> list[Record]:
        """Up to `limit` records of one partition key from the sort key `first` on, or from shortly before it."""
        cursor = base64.urlsafe_b64encode(orjson.dumps([first[:-1] or " "])).decode()
        return self.query(pk, limit=limit, cursor=cursor).records

    def query_index(self, index_pk: str, *, prefix: str = "", limit: int = 100, cursor: str | None = None) -> Page:
        """Like `query`, over the sparse index that crosses tenants: for services, never for a request."""
        return self._page({"pk": "index_pk", "sk": "index_sk"}, index_pk, prefix, limit, cursor, False)

    def each(self, pk: str, *, prefix: str = "", page_size: int = 1000) -> Iterator[Record]:
        """Every record of one partition key, read page by page."""
        cursor = None
        while True:
            page = self.query(pk, prefix=prefix, limit=page_size, cursor=cursor)
            yield from page.records
            cursor = page.cursor
            if cursor is None:
                return

    def sort_keys(self, pk: str, *, prefix: str = "") -> Iterator[str]:
        """Every live sort key of one partition key, in order; the bodies stay in the table."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "#pk = :pk" + (" AND begins_with(#sk, :sk)" if prefix else ""),
            "ExpressionAttributeNames": {"#pk": "pk"} | ({"#sk": "sk"} if prefix else {}),
            "ExpressionAttributeValues": {":pk": {"S": pk}} | ({":sk": {"S": prefix}} if prefix else {}),
            "ProjectionExpression": "sk, expires_at",
            "ConsistentRead": True,
            "Limit": 10_000,
        }
        while True:
            with talking_to("DynamoDB"):
                answer = self._client.query(**request)
            yield from (item["sk"]["S"] for item in answer["Items"] if not _expired(item))
            if not answer.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def existing(self, pk: str, sks: Sequence[str]) -> set[str]:
        """Which of `sks` there are under `pk`; 100 a call, and the bodies stay in the table."""
        found: set[str] = set()
        for chunk in chunks([sk for sk in dict.fromkeys(sks) if _possible(sk)], 100):
            wanted = {"Keys": [_key(pk, sk) for sk in chunk], "ConsistentRead": True}
            request: Any = {self._table: wanted | {"ProjectionExpression": "sk, expires_at"}}
            while request:
                with talking_to("DynamoDB"):
                    answer = self._client.batch_get_item(RequestItems=request)
                found |= {i["sk"]["S"] for i in answer["Responses"].get(self._table, ()) if not _expired(i)}
                request = answer.get("UnprocessedKeys")
        return found

    def add(self, pk: str, sk: str, deltas: Mapping[str, int], *, expires_at: int | None = None) -> dict[str, int]:
        """Add to a counter item's numbers in one step, and return them all."""
        names = {f"#{i}": name for i, name in enumerate(deltas)}
        values = {f":{i}": {"N": str(d)} for i, d in enumerate(deltas.values())}
        expression = "ADD " + ", ".join(f"#{i} :{i}" for i in range(len(deltas)))
        if expires_at is not None:
            expression += " SET expires_at = :expires_at"
            values[":expires_at"] = {"N": str(expires_at)}
        with talking_to("DynamoDB"):
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(pk, sk),
                UpdateExpression=expression,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
        return _numbers(answer["Attributes"])

    def add_within(self, pk: str, sk: str, deltas: Mapping[str, int], name: str, limit: int) -> bool:
        """`add`, unless that took the number `name` over `limit`; whether it was added."""
        left = limit - deltas[name]
        if left < 0:
            return False
        names = {f"#{i}": n for i, n in enumerate(deltas)}
        values = {f":{i}": {"N": str(d)} for i, d in enumerate(deltas.values())}
        bounded = next(alias for alias, n in names.items() if n == name)
        change = "ADD " + ", ".join(f"#{i} :{i}" for i in range(len(deltas)))
        within = f"attribute_not_exists({bounded}) OR {bounded} <= :left"
        return self._change_if(pk, sk, change, within, names, values | {":left": {"N": str(left)}})

    def put_newer(self, pk: str, sk: str, numbers: Mapping[str, int], order: str, place: int) -> bool:
        """Set a counter item's numbers, unless its number `order` is `place` already, or beyond; whether they were set."""
        given = {**numbers, order: place}
        names = {f"#{i}": name for i, name in enumerate(given)}
        values = {f":{i}": {"N": str(n)} for i, n in enumerate(given.values())}
        newest = f"#{len(numbers)}"
        change = "SET " + ", ".join(f"#{i} = :{i}" for i in range(len(given)))
        newer = f"attribute_not_exists({newest}) OR {newest} < :{len(numbers)}"
        return self._change_if(pk, sk, change, newer, names, values)

    def _change_if(
        self, pk: str, sk: str, change: str, condition: str, names: Mapping[str, str], values: Mapping[str, Any]
    ) -> bool:
        """Make the change where the condition holds; whether it did."""
        try:
            with talking_to("DynamoDB"):
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(pk, sk),
                    UpdateExpression=change,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=values,
                )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def next_turn(self, pk: str, sk: str) -> Turn:
        """The turn that is the next one now."""
        return Turn(pk, sk, self.counters(pk, sk).get("turns", 0))

    def counters(self, pk: str, sk: str) -> dict[str, int]:
        """A counter item's numbers; empty before the first `add`."""
        with talking_to("DynamoDB"):
            answer = self._client.get_item(TableName=self._table, Key=_key(pk, sk), ConsistentRead=True)
        return _numbers(answer.get("Item", {}))

    def counters_of(self, pk: str, sks: Sequence[str]) -> dict[str, dict[str, int]]:
        """The numbers of several counter items by sort key, those without any left out; 100 a call."""
        found: dict[str, dict[str, int]] = {}
        for chunk in chunks(list(dict.fromkeys(sks)), 100):
            request: Any = {self._table: {"Keys": [_key(pk, sk) for sk in chunk], "ConsistentRead": True}}
            while request:
                with talking_to("DynamoDB"):
                    answer = self._client.batch_get_item(RequestItems=request)
                found |= {i["sk"]["S"]: _numbers(i) for i in answer["Responses"].get(self._table, ())}
                request = answer.get("UnprocessedKeys")
        return found

    def _page(
        self, names: Mapping[str, str], pk: str, prefix: str, limit: int, cursor: str | None, newest_first: bool
    ) -> Page:
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "#pk = :pk" + (" AND begins_with(#sk, :sk)" if prefix else ""),
            "ExpressionAttributeNames": {"#pk": names["pk"]} | ({"#sk": names["sk"]} if prefix else {}),
            "ExpressionAttributeValues": {":pk": {"S": pk}} | ({":sk": {"S": prefix}} if prefix else {}),
            "ScanIndexForward": not newest_first,
            "Limit": limit + 1,
        }
        if names["pk"] == "pk":
            request["ConsistentRead"] = True
        else:
            request["IndexName"] = INDEX
        if cursor:
            request["ExclusiveStartKey"] = _decode_cursor(cursor, pk, names)
        found: list[Record] = []
        while len(found) <= limit:
            with talking_to("DynamoDB"):
                answer = self._client.query(**request)
            found += [r for r in map(_live, answer["Items"]) if r]
            if not answer.get("LastEvaluatedKey"):
                break
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        records = found[:limit]
        more = len(found) > limit and bool(records)
        return Page(records, _encode_cursor(records[-1], names) if more else None)

    def _write(self, requests: list[Any]) -> None:
        pending: Any = {self._table: requests}
        wait_s = 0.01
        while pending:
            with talking_to("DynamoDB"):
                pending = self._client.batch_write_item(RequestItems=pending).get("UnprocessedItems")
            if pending:
                time.sleep(wait_s)
                wait_s = min(wait_s * 2, 1.0)


def cursor_after(record: Record) -> str:
    """The cursor at which a `query` of the record's partition goes on behind it."""
    return _encode_cursor(record, {"pk": "pk", "sk": "sk"})


def sort_key_of(cursor: str) -> str:
    """The sort key behind which a `query` goes on at this cursor.

    Raises:
        InvalidRequest: it is no cursor of a `query`.
    """
    return str(_decode_cursor(cursor, "", {"pk": "pk", "sk": "sk"})["sk"]["S"])


def chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """`items` in runs of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _settled(write: Callable[[], Any]) -> None:
    """Write, again when DynamoDB refused for no other reason than that somebody writes the same records right now."""
    for attempt in range(CONFLICTS):
        try:
            with talking_to("DynamoDB"):
                write()
            return
        except ClientError as error:
            reasons = {r.get("Code", "None") for r in error.response.get("CancellationReasons", ())} - {"None"}
            if error_code(error) != CONFLICT and reasons != {"TransactionConflict"}:
                raise
        time.sleep(random.uniform(0, min(0.005 * 2**attempt, 0.2)))
    raise StoreUnavailable("The same records are written by too many at once.", "Try again in a moment.")


def _taking(turn: Turn) -> dict[str, Any]:
    return {
        "Key": _key(turn.pk, turn.sk),
        "UpdateExpression": "ADD turns :one",
        "ConditionExpression": "turns = :number" if turn.number else "attribute_not_exists(turns)",
        "ExpressionAttributeValues": {":one": {"N": "1"}}
        | ({":number": {"N": str(turn.number)}} if turn.number else {}),
    }


def _replacing(record: Record, body: Body, index: tuple[str, str] | None = None) -> dict[str, Any]:
    entry = Entry(record.pk, record.sk, body, index or record.index, record.expires_at)
    return {
        "Item": _item(entry, record.version + 1),
        "ConditionExpression": "version = :v",
        "ExpressionAttributeValues": {":v": {"N": str(record.version)}},
    }


def _absent() -> dict[str, Any]:
    return {
        "ConditionExpression": "attribute_not_exists(pk) OR (attribute_exists(expires_at) AND expires_at < :now)",
        "ExpressionAttributeValues": {":now": {"N": str(int(time.time()))}},
    }


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _possible(sk: str) -> bool:
    """Whether a record can have this sort key: DynamoDB takes 1 to 1,024 bytes."""
    return 0 < len(sk) <= 256


def _item(entry: Entry, version: int) -> dict[str, Any]:
    body = orjson.dumps(entry.body)
    if len(body) > MAX_BODY_BYTES:
        raise InvalidRequest(
            f"{entry.sk} would take {len(body)} bytes, and a record holds {MAX_BODY_BYTES}.",
            "Shorten its descriptions, metadata or schemas.",
        )
    item = _key(entry.pk, entry.sk) | {"version": {"N": str(version)}, "body": {"B": body}}
    if entry.index:
        item |= {"index_pk": {"S": entry.index[0]}, "index_sk": {"S": entry.index[1]}}
    if entry.expires_at is not None:
        item["expires_at"] = {"N": str(entry.expires_at)}
    return item


def _live(item: Mapping[str, Any] | None) -> Record | None:
    if not item or "body" not in item:
        return None
    expires_at = int(item["expires_at"]["N"]) if "expires_at" in item else None
    if expires_at is not None and expires_at < time.time():
        return None
    index = (item["index_pk"]["S"], item["index_sk"]["S"]) if "index_pk" in item else None
    body = orjson.loads(item["body"]["B"])
    return Record(item["pk"]["S"], item["sk"]["S"], body, index, expires_at, int(item["version"]["N"]))


def _expired(item: Mapping[str, Any]) -> bool:
    return "expires_at" in item and int(item["expires_at"]["N"]) < time.time()


def _numbers(item: Mapping[str, Any]) -> dict[str, int]:
    return {k: int(v["N"]) for k, v in item.items() if "N" in v}


def _encode_cursor(record: Record, names: Mapping[str, str]) -> str:
    place = [record.pk, record.sk, *(record.index or ())] if names["pk"] != "pk" else [record.sk]
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def _decode_cursor(cursor: str, pk: str, names: Mapping[str, str]) -> dict[str, Any]:
    """A forged cursor can move within `pk` only: the partition key always comes from the caller."""
    try:
        place = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if names["pk"] == "pk":
            (sk,) = place
            return _key(pk, str(sk))
        own_pk, own_sk, _, index_sk = place
        return _key(str(own_pk), str(own_sk)) | {"index_pk": {"S": pk}, "index_sk": {"S": str(index_sk)}}
    except (ValueError, TypeError, binascii.Error) as error:
        raise InvalidRequest(
            f"cursor is {cursor[:40]!r}, which this list did not give.", "Pass the next_cursor as it came.", "cursor"
        ) from error
