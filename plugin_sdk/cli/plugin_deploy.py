"""`mixpeek plugin deploy|undeploy|status`: the realtime endpoint of a published plugin."""

import time
from typing import Annotated

import typer

from plugin_sdk.cli import options
from plugin_sdk.cli.client import Api
from plugin_sdk.cli.output import Format, emit, say
from plugin_sdk.cli.remote import open_api
from plugin_sdk.errors import PlatformError

POLL_S = 0.3
ENDED = {"DEPLOYED", "FAILED", "NOT_DEPLOYED"}


class DeploymentFailed(PlatformError):
    """The plugin's endpoint could not be started."""

    code = "deployment_failed"


def deploy(
    plugin_id: options.PluginId,
    namespace: options.Namespace = None,
    batch_only: Annotated[bool, typer.Option("--batch-only", help="Mark it usable for batches only.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it answers.")] = False,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Start the plugin's HTTP endpoint.

    Example: mixpeek plugin deploy my_extractor_1_0_0 --wait
    """
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        query = {"deployment_type": "batch_only"} if batch_only else {}
        answer = api.post(_path(api, plugin_id, "deploy"), **query)
        say(answer["message"], format)
        if wait and not batch_only:
            answer |= wait_for(api, plugin_id)
        place = f" at {api.base_url}{answer['route_prefix']}" if answer.get("route_prefix") else ""
        emit(answer, f"{plugin_id}: {answer['status']}{place}", format)


def undeploy(
    plugin_id: options.PluginId,
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Stop the plugin's HTTP endpoint.

    Example: mixpeek plugin undeploy my_extractor_1_0_0
    """
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        answer = api.post(_path(api, plugin_id, "undeploy"))
        emit(answer, answer["message"], format)


def status(
    plugin_id: options.PluginId,
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Say how far the plugin's deployment is.

    Example: mixpeek plugin status my_extractor_1_0_0
    """
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        answer = api.get(_path(api, plugin_id, "status"))
        text = f"{plugin_id}: {answer['status']}"
        emit(answer, f"{text}: {answer['error']}" if answer.get("error") else text, format)


def wait_for(api: Api, plugin_id: str, timeout_s: float = 300) -> dict[str, object]:
    """Poll the status until the deployment is up.

    Raises:
        DeploymentFailed: it failed, or is not up after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        state: dict[str, object] = api.get(_path(api, plugin_id, "status"))
        if state["status"] == "DEPLOYED":
            return state
        if state["status"] in ENDED or time.monotonic() > deadline:
            raise DeploymentFailed(
                f"{plugin_id} is {state['status']}: {state.get('error') or 'no reason given'}.",
                "Fix realtime.py, publish a new version and deploy it.",
            )
        time.sleep(POLL_S)


def _path(api: Api, plugin_id: str, verb: str) -> str:
    return f"namespaces/{api.namespace}/plugins/{plugin_id}/{verb}"
