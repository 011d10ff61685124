"""The roles of template.yaml as AWS would apply them, and the calls that code makes, to hold one against the other."""

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
import yaml
from botocore.client import BaseClient

from core.settings import Settings
from infra.emulator.stack import TEMPLATE

Statement = dict[str, Any]
ARN = "arn:aws:{}:::{}"


class Cloud(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!GetAtt A.B` is `{"!GetAtt": "A.B"}`."""


def _short_form(loader: Cloud, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {f"!{tag}": loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {f"!{tag}": loader.construct_sequence(node, deep=True)}
    return {f"!{tag}": loader.construct_mapping(node, deep=True)}


Cloud.add_multi_constructor("!", _short_form)


@cache
def template() -> dict[str, Any]:
    """The template, parsed once."""
    found: dict[str, Any] = yaml.load(TEMPLATE.read_text(), Loader=Cloud)
    return found


def resources() -> dict[str, Any]:
    """The template's resources."""
    found: dict[str, Any] = template()["Resources"]
    return found


def statements(function: str) -> list[Statement]:
    """What the function's role allows."""
    role = resources()[resources()[function]["Properties"]["Role"]["!GetAtt"].removesuffix(".Arn")]["Properties"]
    return [s for policy in role.get("Policies", ()) for s in policy["PolicyDocument"]["Statement"]]


def actions(function: str) -> set[str]:
    """The actions that the role names."""
    return {action for statement in statements(function) for action in _many(statement["Action"])}


@dataclass(frozen=True)
class Need:
    """A permission that a call takes: an action on a resource, and what conditions can be held against."""

    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)


def allows(function: str, need: Need, settings: Settings) -> bool:
    """Whether the function's role allows it, by IAM's rules as far as the template uses them."""
    return any(
        need.action in _many(statement["Action"])
        and any(fnmatch.fnmatchcase(need.resource, _arn(r, settings)) for r in _many(statement["Resource"]))
        and _holds(statement.get("Condition", {}), need)
        for statement in statements(function)
    )


@contextmanager
def recorded() -> Iterator[list[Need]]:
    """The permissions that the calls of botocore's clients need, as they are made."""
    needs: list[Need] = []
    call: Callable[..., Any] = BaseClient._make_api_call

    def recording(client: BaseClient, operation: str, request: dict[str, Any]) -> Any:
        needs.extend(needs_of(client.meta.service_model.service_name, operation, request))
        return call(client, operation, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", recording)
        yield needs


def needs_of(service: str, operation: str, request: dict[str, Any]) -> list[Need]:
    """The permissions that one call takes."""
    return {"dynamodb": _table, "s3": _files, "sqs": _queue, "kms": _key}[service](operation, request)


def _table(operation: str, request: dict[str, Any]) -> list[Need]:
    match operation:
        case "TransactWriteItems":
            kinds = [next(iter(item.items())) for item in request["TransactItems"]]
            return [n for kind, item in kinds for n in _table(TRANSACTED[kind], item)]
        case "BatchGetItem" | "BatchWriteItem":
            return [
                Need(f"dynamodb:{operation}", _table_arn(table), {"dynamodb:LeadingKeys": tuple(_leading(wanted))})
                for table, wanted in request["RequestItems"].items()
            ]
        case _:
            index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
            resource = _table_arn(request["TableName"]) + index
            return [Need(f"dynamodb:{operation}", resource, {"dynamodb:LeadingKeys": tuple(_leading(request))})]


TRANSACTED = {"Put": "PutItem", "Delete": "DeleteItem", "Update": "UpdateItem", "ConditionCheck": "ConditionCheckItem"}


def _leading(value: Any) -> Iterator[str]:
    """Every partition key in a request."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("pk", ":pk") and isinstance(inner, dict) and "S" in inner:
                yield inner["S"]
            else:
                yield from _leading(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leading(inner)


def _files(operation: str, request: dict[str, Any]) -> list[Need]:
    bucket = ARN.format("s3", request["Bucket"])
    match operation:
        case "ListObjectsV2":
            prefix = {"s3:prefix": (request["Prefix"],)} if "Prefix" in request else {}
            return [Need("s3:ListBucket", bucket, prefix)]
        case "DeleteObjects":
            return [Need("s3:DeleteObject", f"{bucket}/{item['Key']}") for item in request["Delete"]["Objects"]]
        case "CopyObject" | "UploadPartCopy":
            source = request["CopySource"]
            return [
                Need("s3:GetObject", f"{ARN.format('s3', source['Bucket'])}/{source['Key']}"),
                Need("s3:PutObject", f"{bucket}/{request['Key']}"),
            ]
        case "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload":
            return [Need("s3:PutObject", f"{bucket}/{request['Key']}")]
        case "HeadObject":  # who may not list is told 403 of a file that is not there
            return [Need("s3:GetObject", f"{bucket}/{request['Key']}"), Need("s3:ListBucket", bucket)]
        case _:
            return [Need(f"s3:{operation}", f"{bucket}/{request['Key']}")]


def _queue(operation: str, request: dict[str, Any]) -> list[Need]:
    name = request.get("QueueName") or request["QueueUrl"].rpartition("/")[2]
    return [Need(f"sqs:{operation}", ARN.format("sqs", name))]


def _key(operation: str, request: dict[str, Any]) -> list[Need]:
    return [Need(f"kms:{operation}", ARN.format("kms", "SecretsKey"))]


def _table_arn(name: str) -> str:
    return ARN.format("dynamodb", f"table/{name}")


def _arn(resource: Any, settings: Settings) -> str:
    """A statement's resource, by the names that the settings give, in the form of `ARN`."""
    named = {
        "Table.Arn": _table_arn(settings.table_name),
        "JobsQueue.Arn": ARN.format("sqs", settings.jobs_queue),
        "UploadsQueue.Arn": ARN.format("sqs", settings.uploads_queue),
        "PluginBucketName": settings.plugin_bucket,
        "ObjectBucketName": settings.object_bucket,
        "AWS::Partition": "aws",
    }
    if "!GetAtt" in resource:
        name = resource["!GetAtt"]
        return named.get(name, ARN.format("kms" if name.startswith("SecretsKey") else "other", name.split(".")[0]))
    return re.sub(r"\$\{([\w.:]+)\}", lambda found: named[found[1]], resource["!Sub"])


def _holds(conditions: dict[str, Any], need: Need) -> bool:
    for operator, rules in conditions.items():
        for key, patterns in rules.items():
            values = need.context.get(key, ())
            matching = [any(fnmatch.fnmatchcase(v, p) for p in _many(patterns)) for v in values]
            if operator == "ForAllValues:StringLike":
                if not all(matching):
                    return False
            elif operator == "StringLike":
                if not matching or not all(matching):
                    return False
            else:
                raise AssertionError(f"{operator} is not known here")
    return True


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
