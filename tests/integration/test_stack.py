"""The stack of template.yaml in the emulator: what it makes, when it is left alone, and what an update keeps."""

from pathlib import Path

import pytest

from core.settings import Settings
from core.stores import Stores
from core.stores.aws import client
from core.stores.records import Entry
from infra.emulator import Emulator
from infra.emulator.stack import TEMPLATE, DeployFailed, deploy


@pytest.fixture(scope="module")
def deployed(emulator: Emulator) -> Settings:
    settings = Settings(
        aws_endpoint_url=emulator.endpoint_url,
        table_name="stack-table",
        plugin_bucket="stack-plugins",
        object_bucket="stack-objects",
        jobs_queue="stack-jobs",
    )
    assert deploy(settings, "stack")
    return settings


def test_stack_that_is_as_it_should_be_is_left_alone(deployed):
    assert not deploy(deployed, "stack")


def test_functions_get_the_settings_of_the_stack_and_no_more(deployed):
    functions = client("lambda", deployed)

    variables = functions.get_function_configuration(FunctionName="stack-api")["Environment"]["Variables"]

    assert variables == {
        "OPENPEEK_AWS_ENDPOINT_URL": deployed.aws_endpoint_url,
        "OPENPEEK_AWS_REGION": "us-east-1",
        "OPENPEEK_TABLE_NAME": "stack-table",
        "OPENPEEK_PLUGIN_BUCKET": "stack-plugins",
        "OPENPEEK_OBJECT_BUCKET": "stack-objects",
        "OPENPEEK_JOBS_QUEUE": "stack-jobs",
        "OPENPEEK_UPLOADS_QUEUE": "stack-uploads",
        "OPENPEEK_INSPECT_FUNCTION": "stack-inspect",
        "OPENPEEK_SECRETS_KEY": "alias/stack-secrets",
    }


def test_inspect_role_allows_nothing(deployed):
    iam = client("iam", deployed)
    role = client("lambda", deployed).get_function_configuration(FunctionName="stack-inspect")["Role"].split("/")[-1]

    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == []
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []


@pytest.mark.parametrize("queue", ["stack-jobs", "stack-scans", "stack-uploads"])
def test_queue_has_dead_letters_behind_it(deployed, queue):
    sqs = client("sqs", deployed)

    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]

    assert f":{queue}-dead" in policy


def test_every_dead_letter_queue_and_function_has_its_alarms(deployed):
    alarms = client("cloudwatch", deployed).describe_alarms()["MetricAlarms"]

    watched = {(a["MetricName"], a["Dimensions"][0]["Value"]) for a in alarms}

    for queue in ("stack-jobs-dead", "stack-scans-dead", "stack-uploads-dead"):
        assert ("ApproximateNumberOfMessagesVisible", queue) in watched
    for function in ("api", "scan", "inspect", "uploads", "janitor"):
        assert {("Errors", f"stack-{function}"), ("Throttles", f"stack-{function}")} <= watched


def test_logs_are_kept_for_a_month(deployed):
    groups = client("logs", deployed).describe_log_groups(logGroupNamePrefix="/aws/lambda/stack-")["logGroups"]

    days = {g["logGroupName"].rpartition("-")[2]: g.get("retentionInDays") for g in groups}

    assert {name: days.get(name) for name in ("api", "scan", "uploads", "janitor")} == dict.fromkeys(
        ("api", "scan", "uploads", "janitor"), 30
    )


def test_janitor_runs_on_a_schedule(deployed):
    events = client("events", deployed)
    janitor = client("lambda", deployed).get_function_configuration(FunctionName="stack-janitor")["FunctionArn"]

    rules = events.list_rule_names_by_target(TargetArn=janitor)["RuleNames"]

    assert [events.describe_rule(Name=r)["ScheduleExpression"] for r in rules] == ["rate(5 minutes)"]


def test_key_of_secrets_encrypts_and_decrypts(deployed):
    keys = client("kms", deployed)

    sealed = keys.encrypt(KeyId="alias/stack-secrets", Plaintext=b"a secret")["CiphertextBlob"]

    assert keys.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"a secret"


def test_update_of_the_table_and_the_queue_keeps_what_is_in_them(deployed, tmp_path):
    stores = Stores.open(deployed)
    stores.records.create(Entry("org_a#things", "thing_1", {"n": 1}))
    stores.queues.send("stack-jobs", {"job": "batch"})
    changed = TEMPLATE.read_text().replace("PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false")
    (tmp_path / "template.yaml").write_text(changed.replace("VisibilityTimeout: 60", "VisibilityTimeout: 61"))

    assert deploy(deployed, "stack", tmp_path / "template.yaml")

    assert stores.records.get("org_a#things", "thing_1").body == {"n": 1}
    assert [m.body for m in stores.queues.receive("stack-jobs", wait_s=0)] == [{"job": "batch"}]
    assert deploy(deployed, "stack")


def test_template_that_cannot_be_deployed_names_the_resource(emulator: Emulator, tmp_path: Path):
    broken = TEMPLATE.read_text().replace("Queue: !GetAtt ScanQueue.Arn", "Queue: arn:aws:sqs:us-east-1:1:no-such", 1)
    (tmp_path / "template.yaml").write_text(broken)
    settings = Settings(aws_endpoint_url=emulator.endpoint_url, plugin_bucket="broken", table_name="broken")

    with pytest.raises(DeployFailed, match="PluginBucket"):
        deploy(settings, "broken", tmp_path / "template.yaml")
