"""Fixtures of the unit tests: stores over an in-process AWS."""

from collections.abc import Iterator
from itertools import count
from threading import Lock
from typing import Any

import pytest
from moto import mock_aws

from core.settings import Settings
from core.stores import Stores
from core.stores.aws import client
from core.stores.blobs import Blobs
from core.stores.queues import Queues
from core.stores.records import INDEX, Records

ATTRIBUTES = ("pk", "sk", "index_pk", "index_sk")
numbers = count(1)


@pytest.fixture(scope="package")
def moto_clients() -> Iterator[Stores]:
    """Clients of an AWS that lives in this process; opening them takes most of a second, so all unit tests share them."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        stores = Stores.open(Settings())
        kms = client("kms", stores.settings)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=stores.settings.secrets_key, TargetKeyId=key)
        yield stores


@pytest.fixture
def moto_stores(moto_clients: Stores) -> Stores:
    """Stores with a table, buckets and a queue that no other test has."""
    return fresh_stores(moto_clients)


@pytest.fixture(scope="module")
def module_moto_stores(moto_clients: Stores) -> Stores:
    """Like `moto_stores`, shared by the tests of one module."""
    return fresh_stores(moto_clients)


def fresh_stores(moto_clients: Stores) -> Stores:
    """Stores over new resources of the AWS in this process."""
    n = next(numbers)
    settings = Settings(
        table_name=f"table-{n}",
        plugin_bucket=f"plugins-{n}",
        object_bucket=f"objects-{n}",
        jobs_queue=f"jobs-{n}",
        uploads_queue=f"uploads-{n}",
    )
    records, blobs, queues = (s._client for s in (moto_clients.records, moto_clients.blobs, moto_clients.queues))
    records.create_table(
        TableName=settings.table_name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in ATTRIBUTES],
        KeySchema=_key("pk", "sk"),
        GlobalSecondaryIndexes=[
            {"IndexName": INDEX, "KeySchema": _key("index_pk", "index_sk"), "Projection": {"ProjectionType": "ALL"}}
        ],
    )
    for bucket in (settings.plugin_bucket, settings.object_bucket):
        blobs.create_bucket(Bucket=bucket)
    for queue in (settings.jobs_queue, settings.uploads_queue):
        queues.create_queue(QueueName=queue)
    return Stores(settings, Records(OneAtATime(records), settings.table_name), Blobs(blobs), Queues(queues))


class OneAtATime:
    """A client whose calls wait for each other: moto's tables lose writes when threads call at once."""

    def __init__(self, client: Any) -> None:
        self._client, self._lock = client, Lock()

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def called(**request: Any) -> Any:
            with self._lock:
                return call(**request)

        return called


def _key(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
