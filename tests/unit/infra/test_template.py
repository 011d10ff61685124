"""template.yaml: what each function may do, what watches it, and that AWS's own tool accepts it."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.emulator.stack import LOCAL_CODE, TEMPLATE, packaged
from infra.lambdas import REQUIREMENTS, ROOT, code_archive
from tests.unit.infra.iam import actions, resources, statements, template

SAM = ROOT / ".venv-sam" / "bin" / "sam"


def of_type(kind: str) -> dict[str, Any]:
    return {name: r["Properties"] for name, r in resources().items() if r["Type"] == kind}


def functions() -> dict[str, Any]:
    return of_type("AWS::Serverless::Function")


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


def test_the_api_alone_may_use_the_key_of_secrets_and_only_to_seal():
    used = {name: {a for a in actions(name) if a.startswith("kms:")} for name in functions()}

    assert {name: kms for name, kms in used.items() if kms} == {
        "ApiFunction": {"kms:GenerateDataKey", "kms:DescribeKey"}
    }


@pytest.mark.parametrize("parameter", ["ServingUrl", "DaskAddress", "AlarmTopic"])
def test_parameter_that_may_be_empty_leaves_something_out(parameter):
    conditions = {n: c for n, c in template()["Conditions"].items() if parameter in str(c)}
    text = TEMPLATE.read_text()

    assert template()["Parameters"][parameter]["Default"] == ""
    assert conditions
    assert all(text.count(name) > 1 for name in conditions)


def test_every_function_that_may_log_keeps_its_logs_for_the_days_that_are_set():
    groups = of_type("AWS::Logs::LogGroup")

    assert all(group["RetentionInDays"] == {"!Ref": "LogRetentionDays"} for group in groups.values())
    for name, function in functions().items():
        if name != "InspectFunction":  # its role may not even log
            assert function["LoggingConfig"]["LogGroup"]["!Ref"] in groups


def test_queues_hide_a_message_six_times_as_long_as_their_function_may_run():
    for name, queue in {"ScanFunction": "ScanQueue", "UploadsFunction": "UploadsQueue"}.items():
        assert of_type("AWS::SQS::Queue")[queue]["VisibilityTimeout"] >= 6 * functions()[name]["Timeout"]


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
