"""The emulator's quick answer to plain queries is the answer that MiniStack itself gives."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ministack.services import dynamodb

from infra.emulator.queries import Items, Partition, understood, with_short_cut

KEYS = st.text(alphabet="ab#é\U0001f600", min_size=1, max_size=4)
TABLE = "quick-queries"


def request(pk, prefix, limit, forward, start, shown=None):
    names, values, condition = {"#pk": "pk"}, {":pk": {"S": pk}}, "#pk = :pk"
    if prefix:
        names, values = names | {"#sk": "sk"}, values | {":sk": {"S": prefix}}
        condition += " AND begins_with(#sk, :sk)"
    asked = {
        "TableName": TABLE,
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ScanIndexForward": forward,
        "Limit": limit,
        "ConsistentRead": True,
    }
    asked |= {"ProjectionExpression": shown} if shown else {}
    return asked | ({"ExclusiveStartKey": {"pk": {"S": pk}, "sk": {"S": start}}} if start else {})


def create_table():
    dynamodb._create_table(
        {
            "TableName": TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        }
    )


@pytest.fixture
def table():
    create_table()
    yield dynamodb._tables[TABLE]
    del dynamodb._tables[TABLE]


@settings(max_examples=150, deadline=None)
@given(
    present=st.sets(KEYS, max_size=12),
    prefix=st.one_of(st.just(""), KEYS),
    limit=st.integers(1, 6),
    forward=st.booleans(),
    start=st.one_of(st.none(), KEYS),
    shown=st.sampled_from([None, "sk, expires_at"]),
)
def test_plain_query_is_answered_as_ministack_answers_it(present, prefix, limit, forward, start, shown):
    create_table()
    for sk in present:
        dynamodb._tables[TABLE]["items"]["org"][sk] = {"pk": {"S": "org"}, "sk": {"S": sk}, "n": {"N": "1"}}
    asked = request("org", prefix, limit, forward, start, shown)
    quick = with_short_cut(dynamodb._query, dynamodb._tables, dynamodb.json_response)

    status, _, body = quick(dict(asked))

    expected_status, _, expected = dynamodb._query(dict(asked))
    assert (status, json.loads(body)) == (expected_status, json.loads(expected))


CHANGES = {
    "set": lambda p, k: p.__setitem__(k, {}),
    "delete": lambda p, k: p.__delitem__(k) if k in p else None,
    "pop": lambda p, k: p.pop(k, None),
    "setdefault": lambda p, k: p.setdefault(k, {}),
    "update": lambda p, k: p.update({k: {}}),
    "popitem": lambda p, k: p.popitem() if p else None,
    "clear": lambda p, k: p.clear(),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), KEYS), max_size=30))
def test_partition_knows_its_order_after_every_change(changes):
    items = Items()
    for change, key in changes:
        CHANGES[change](items["org"], key)
        assert items["org"].ordered() == sorted(items["org"])
    again = copy.deepcopy(items)
    assert again == items
    assert isinstance(again["org"], Partition)
    assert isinstance(again["new"], Partition)


@pytest.mark.parametrize(
    "extra",
    [
        {"FilterExpression": "n = :n"},
        {"IndexName": "by_index"},
        {"ProjectionExpression": "sk"},
        {"Select": "COUNT"},
        {"KeyConditionExpression": "#pk = :pk AND #sk > :sk"},
        {"ExclusiveStartKey": {"pk": {"S": "another"}, "sk": {"S": "a"}}},
    ],
)
def test_any_other_query_is_left_to_ministack(table, extra):
    assert understood(request("org", "a", 5, True, None), table)
    assert understood(request("org", "a", 5, True, None) | extra, table) is None
