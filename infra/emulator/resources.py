"""What OpenPeek keeps in AWS, made by plain calls: for tests, and for what the emulator's CloudFormation leaves out."""

import json
from typing import Any

from botocore.exceptions import ClientError

from core.settings import Settings
from core.stores.aws import client, error_code
from core.stores.records import INDEX

KEYS = {"pk": "HASH", "sk": "RANGE"}
INDEX_KEYS = {"index_pk": "HASH", "index_sk": "RANGE"}
DEAD_AFTER = 5
"""Deliveries of one job before it goes to the dead-letter queue."""


def provision(settings: Settings) -> None:
    """Make the table, both buckets, the queues with their dead-letter queues, and the key; what exists stays as it is."""
    create_table(settings)
    for bucket in (settings.plugin_bucket, settings.object_bucket):
        create_bucket(settings, bucket)
    for queue in (settings.jobs_queue, settings.uploads_queue):
        create_queue(settings, queue)
    create_key(settings)


def create_table(settings: Settings) -> None:
    """The one table of `core.stores.records`, its sparse index, and deletion by `expires_at`."""
    dynamodb = client("dynamodb", settings)
    _unless_there(
        dynamodb.create_table,
        TableName=settings.table_name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in KEYS | INDEX_KEYS],
        KeySchema=_key_schema(KEYS),
        GlobalSecondaryIndexes=[
            {"IndexName": INDEX, "KeySchema": _key_schema(INDEX_KEYS), "Projection": {"ProjectionType": "ALL"}}
        ],
    )
    expire_records(settings)


def expire_records(settings: Settings) -> None:
    """Let DynamoDB delete records some time after their `expires_at`."""
    dynamodb = client("dynamodb", settings)
    described = dynamodb.describe_time_to_live(TableName=settings.table_name)
    if described["TimeToLiveDescription"]["TimeToLiveStatus"] != "ENABLED":
        dynamodb.update_time_to_live(
            TableName=settings.table_name,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
        )


def create_bucket(settings: Settings, bucket: str) -> None:
    """A bucket in the settings' region."""
    elsewhere = settings.aws_region != "us-east-1"
    place = {"CreateBucketConfiguration": {"LocationConstraint": settings.aws_region}} if elsewhere else {}
    _unless_there(client("s3", settings).create_bucket, Bucket=bucket, **place)


def create_queue(settings: Settings, queue: str) -> None:
    """A queue, and `{queue}-dead` behind it."""
    sqs = client("sqs", settings)
    for name in (f"{queue}-dead", queue):
        _unless_there(sqs.create_queue, QueueName=name)
    send_dead_letters(settings, queue)


def send_dead_letters(settings: Settings, queue: str) -> None:
    """Move a job that was delivered `DEAD_AFTER` times without being deleted to `{queue}-dead`."""
    sqs = client("sqs", settings)
    dead, url = (sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in (f"{queue}-dead", queue))
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": DEAD_AFTER})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": policy})


def create_key(settings: Settings) -> None:
    """The KMS key that the settings name by its alias."""
    kms = client("kms", settings)
    try:
        kms.describe_key(KeyId=settings.secrets_key)
    except ClientError as error:
        if error_code(error) != "NotFoundException":
            raise
        key = kms.create_key(Description="Encrypts the secrets of OpenPeek's tenants.")["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=settings.secrets_key, TargetKeyId=key)


def _key_schema(keys: dict[str, str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()]


def _unless_there(create: Any, **request: Any) -> None:
    try:
        create(**request)
    except ClientError as error:
        if error_code(error) not in {
            "ResourceInUseException",
            "BucketAlreadyOwnedByYou",
            "QueueAlreadyExists",
            "QueueNameExists",
        }:
            raise
