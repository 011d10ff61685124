"""The stack of `template.yaml`, deployed by CloudFormation; what the emulator's CloudFormation leaves out is added."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from core.settings import Settings
from core.stores.aws import client
from infra.emulator.resources import create_bucket, expire_records, send_dead_letters
from infra.lambdas import ROOT, Archive, code_archive
from plugin_sdk.errors import PlatformError

TEMPLATE = ROOT / "template.yaml"
CODE_BUCKET = "openpeek-code"
LOCAL_CODE = "CodeUri: functions/"
STATE_TAG = "openpeek:deployed"
PAUSE_S = 0.05


class DeployFailed(PlatformError):
    """CloudFormation could not make the stack as the template says."""

    code = "deploy_failed"


def deploy(
    settings: Settings,
    stack: str = "openpeek",
    template: Path = TEMPLATE,
    serving_url: str = "",
    timeout_s: float = 60.0,
) -> bool:
    """Make the stack be as `template` and the code of this repository say.

    Args:
        serving_url: where the data routes lead; empty leaves them out, as behind a gateway that has them itself.

    Returns:
        Whether anything had to be done: with neither template, code nor settings changed, nothing is.

    Raises:
        DeployFailed: CloudFormation's own reason is in it.
    """
    archive = code_archive()
    body = packaged(template.read_text(), archive)
    parameters = _parameters(settings) | {"ServingUrl": serving_url}
    state = hashlib.sha256(json.dumps([body, parameters], sort_keys=True).encode()).hexdigest()
    cloudformation = client("cloudformation", settings)
    present = _described(cloudformation, stack)
    if present and _deployed(present) == state:
        return False
    _upload(settings, archive)
    request: dict[str, Any] = {
        "StackName": stack,
        "TemplateBody": body,
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Tags": [{"Key": STATE_TAG, "Value": state}],
        "DisableRollback": True,  # MiniStack's rollback would delete the table with all that is in it
    }
    (cloudformation.update_stack if present else cloudformation.create_stack)(**request)
    _wait(cloudformation, stack, timeout_s)
    _add_what_is_left_out(settings, stack)
    return True


def packaged(template: str, archive: Archive) -> str:
    """The template with the place of the functions' code, as `sam package` writes it."""
    return template.replace(LOCAL_CODE, f"CodeUri: {{Bucket: {CODE_BUCKET}, Key: {archive.key}}}")


def _parameters(settings: Settings) -> dict[str, str]:
    return {
        "TableName": settings.table_name,
        "PluginBucketName": settings.plugin_bucket,
        "ObjectBucketName": settings.object_bucket,
        "JobsQueueName": settings.jobs_queue,
        "EndpointUrl": settings.aws_endpoint_url or "",
    }


def _upload(settings: Settings, archive: Archive) -> None:
    create_bucket(settings, CODE_BUCKET)
    client("s3", settings).put_object(Bucket=CODE_BUCKET, Key=archive.key, Body=archive.data)


def _described(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return found


def _deployed(present: dict[str, Any]) -> str | None:
    if not present["StackStatus"].endswith(("CREATE_COMPLETE", "UPDATE_COMPLETE")):
        return None
    return next((tag["Value"] for tag in present.get("Tags", ()) if tag["Key"] == STATE_TAG), None)


def _wait(cloudformation: Any, stack: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        present = _described(cloudformation, stack) or {"StackStatus": "MISSING"}
        status = present["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return
        if not status.endswith("IN_PROGRESS"):
            reason = present.get("StackStatusReason", "no reason given")
            raise DeployFailed(f"Stack {stack} is {status}: {reason}.", "Correct template.yaml and deploy again.")
        if time.monotonic() > deadline:
            raise DeployFailed(f"Stack {stack} is {status} after {timeout_s:.0f} s.", "See the emulator's log.")
        time.sleep(PAUSE_S)


def _add_what_is_left_out(settings: Settings, stack: str) -> None:
    """MiniStack's CloudFormation ignores a table's TTL and a queue's redrive policy."""
    expire_records(settings)
    for queue in (settings.jobs_queue, f"{stack}-scans", f"{stack}-uploads"):
        send_dead_letters(settings, queue)
