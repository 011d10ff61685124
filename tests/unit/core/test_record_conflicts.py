"""Records under transactions of others: a write that only met another's is made again, and told from one that exists."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from core.errors import AlreadyExists, StaleRecord, StoreUnavailable
from core.stores import Stores
from core.stores import records as subject
from core.stores.records import Entry, Records

ENTRIES = [Entry("p", "a", {"n": 1}), Entry("p", "b", {"n": 2})]


class Contended:
    """A DynamoDB client whose writes meet a transaction of someone else's so many times."""

    def __init__(self, client: Any, conflicts: int) -> None:
        self._client, self.left = client, conflicts

    def __getattr__(self, name: str) -> Any:
        def call(**asked: Any) -> Any:
            if self.left and name in ("transact_write_items", "put_item"):
                self.left -= 1
                transaction = name == "transact_write_items"
                code = "TransactionCanceledException" if transaction else "TransactionConflictException"
                reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}] if transaction else []
                answer: Any = {"Error": {"Code": code, "Message": "busy"}, "CancellationReasons": reasons}
                raise ClientError(answer, name)
            return getattr(self._client, name)(**asked)

        return call


def contended(stores: Stores, conflicts: int) -> tuple[Records, Contended]:
    client = Contended(stores.records._client, conflicts)
    return Records(client, stores.settings.table_name), client


def test_records_are_created_once_the_others_transaction_is_over(moto_stores: Stores) -> None:
    records, client = contended(moto_stores, 3)

    records.create_all(ENTRIES)

    assert client.left == 0
    assert [r.body for r in records.query("p").records] == [{"n": 1}, {"n": 2}]


def test_record_that_exists_is_told_after_a_conflict(moto_stores: Stores) -> None:
    records, _ = contended(moto_stores, 0)
    records.create_all(ENTRIES[1:])
    records, _ = contended(moto_stores, 2)

    with pytest.raises(AlreadyExists, match="b exists"):
        records.create_all(ENTRIES)


def test_one_record_is_created_after_a_conflict_and_replaced_by_who_reads_it_again(moto_stores: Stores) -> None:
    records, client = contended(moto_stores, 1)
    made = records.create(ENTRIES[0])
    client.left = 1

    with pytest.raises(StaleRecord):
        records.replace(made, {"n": 3})
    client.left = 1
    records.update("p", "a", lambda body: body | {"n": 4})

    found = records.get("p", "a")
    assert found is not None and found.body == {"n": 4}


def test_conflict_without_end_is_told(moto_stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "CONFLICTS", 3)
    records, _ = contended(moto_stores, 1000)

    with pytest.raises(StoreUnavailable, match="too many at once"):
        records.create_all(ENTRIES)
