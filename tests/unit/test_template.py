"""template.yaml: what each function may do, what watches it, and that AWS's own tool accepts it."""

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.emulator.stack import LOCAL_CODE, TEMPLATE, packaged
from infra.lambdas import REQUIREMENTS, ROOT, code_archive

SAM = ROOT / ".venv-sam" / "bin" / "sam"


class Cloud(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!GetAtt A.B` is `{"!GetAtt": "A.B"}`."""


def _short_form(loader: Cloud, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {f"!{tag}": loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {f"!{tag}": loader.construct_sequence(node, deep=True)}
    return {f"!{tag}": loader.construct_mapping(node, deep=True)}  # type: ignore[arg-type]


Cloud.add_multi_constructor("!", _short_form)


@cache
def resources() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(TEMPLATE.read_text(), Loader=Cloud)["Resources"]
    return found


def of_type(kind: str) -> dict[str, Any]:
    return {name: r["Properties"] for name, r in resources().items() if r["Type"] == kind}


def functions() -> dict[str, Any]:
    return of_type("AWS::Serverless::Function")


def statements(function: str) -> list[dict[str, Any]]:
    """What the function's role allows."""
    role = resources()[functions()[function]["Role"]["!GetAtt"].removesuffix(".Arn")]["Properties"]
    return [s for policy in role.get("Policies", ()) for s in policy["PolicyDocument"]["Statement"]]


def actions(function: str) -> set[str]:
    found: set[str] = set()
    for statement in statements(function):
        asked = statement["Action"]
        found |= {asked} if isinstance(asked, str) else set(asked)
    return found


def test_every_function_has_a_build_a_role_of_its_own_and_a_limit():
    roles = [f["Role"]["!GetAtt"] for f in functions().values()]

    assert {name.removesuffix("Function").lower() for name in functions()} == set(REQUIREMENTS)
    assert len(set(roles)) == len(functions())
    for name, function in functions().items():
        assert resources()[name]["Metadata"] == {"BuildMethod": "makefile"}
        assert "ReservedConcurrentExecutions" in function
        assert Path(ROOT, *function["Handler"].split(".")[:-1]).with_suffix(".py").exists()


def test_no_role_names_a_wildcard_action_or_every_resource():
    for function in functions():
        assert not [a for a in actions(function) if "*" in a], function
        assert not [s for s in statements(function) if s["Resource"] == "*"], function


def test_scan_reads_uploads_and_writes_verdicts_and_archives_alone():
    files = {
        s["Action"]: s["Resource"]["!Sub"] for s in statements("ScanFunction") if str(s["Action"]).startswith("s3:")
    }
    writes = [s for s in statements("ScanFunction") if s["Action"] == "dynamodb:PutItem"]

    assert actions("ScanFunction") == {
        "s3:GetObject",
        "s3:PutObject",
        "s3:ListBucket",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    assert files["s3:GetObject"].endswith("${PluginBucketName}/uploads/*")
    assert files["s3:PutObject"].endswith("${PluginBucketName}/*/plugin_custom/*")
    assert [w["Condition"] for w in writes] == [{"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["scan#*"]}}]


def test_inspect_is_allowed_nothing():
    assert statements("InspectFunction") == []


def test_the_api_alone_may_use_the_key_of_secrets():
    assert [name for name in functions() if any(a.startswith("kms:") for a in actions(name))] == ["ApiFunction"]


def test_every_queue_has_dead_letters_and_an_alarm_on_them():
    queues = of_type("AWS::SQS::Queue")
    dead = {
        q["RedrivePolicy"]["deadLetterTargetArn"]["!GetAtt"].split(".")[0]
        for q in queues.values()
        if "RedrivePolicy" in q
    }
    alarms = of_type("AWS::CloudWatch::Alarm").values()
    watched = {d["Value"]["!GetAtt"].split(".")[0] for a in alarms for d in a["Dimensions"] if d["Name"] == "QueueName"}

    assert {name for name in queues if not name.endswith("DeadLetters")} == {"ScanQueue", "UploadsQueue", "JobsQueue"}
    assert dead == {name for name in queues if name.endswith("DeadLetters")}
    assert dead <= watched


def test_nothing_that_holds_data_goes_with_the_stack():
    for name in ("Table", "PluginBucket", "ObjectBucket", "SecretsKey"):
        assert resources()[name]["DeletionPolicy"] == resources()[name]["UpdateReplacePolicy"] == "Retain"


def test_packaged_template_names_the_archive():
    archive = code_archive()

    text = packaged(TEMPLATE.read_text(), archive)

    assert TEMPLATE.read_text().count(LOCAL_CODE) == 1
    assert LOCAL_CODE not in text
    assert archive.key in text


@pytest.mark.slow
@pytest.mark.skipif(not SAM.exists(), reason="the SAM command line is not here: make sam-tools")
def test_sam_finds_nothing_wrong():
    variables = os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}

    done = subprocess.run(
        [SAM, "validate", "--lint"], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stdout + done.stderr
