"""Parsing of DynamoDB's answers: what comes back is what botocore would have made of them, and errors stay errors."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from core.stores import Stores
from core.stores.parsing import READS
from core.stores.records import Entry


def test_reads_give_what_botocore_gives(moto_stores: Stores) -> None:
    entries = [Entry("p", f"s{i}", {"n": i, "t": "ä" * i}, ("x", f"i{i}"), int(time.time()) + 60) for i in range(3)]
    moto_stores.records.put_many(entries)
    moto_stores.records.add("p", "c", {"n": 2})
    ours = moto_stores.records._client
    table = moto_stores.settings.table_name
    keys = [{"pk": {"S": "p"}, "sk": {"S": f"s{i}"}} for i in range(3)]
    calls: list[tuple[str, dict[str, Any]]] = [
        ("batch_get_item", {"RequestItems": {table: {"Keys": keys, "ConsistentRead": True}}}),
        ("get_item", {"TableName": table, "Key": keys[1]}),
        ("get_item", {"TableName": table, "Key": {"pk": {"S": "p"}, "sk": {"S": "no"}}}),
        (
            "query",
            {
                "TableName": table,
                "KeyConditionExpression": "pk = :p",
                "ExpressionAttributeValues": {":p": {"S": "p"}},
                "Limit": 2,
            },
        ),
    ]
    for name, request in calls:
        found = getattr(ours, name)(**request)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("core.stores.parsing.READS", frozenset())
            expected = getattr(ours, name)(**request)
        for answer in (found, expected):
            del answer["ResponseMetadata"]
        assert found == expected, name
    assert {"BatchGetItem", "GetItem", "Query"} == READS


def test_errors_are_told_as_before(moto_stores: Stores) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        moto_stores.records._client.get_item(TableName="none", Key={"pk": {"S": "p"}, "sk": {"S": "s"}})
