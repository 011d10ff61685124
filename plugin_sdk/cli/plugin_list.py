"""`mixpeek plugin list|show|delete`: the plugins of a namespace."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from plugin_sdk.cli import options
from plugin_sdk.cli.client import Api
from plugin_sdk.cli.output import Format, emit, table
from plugin_sdk.cli.remote import open_api


class Source(StrEnum):
    """Where a feature extractor comes from."""

    ALL = "all"
    BUILTIN = "builtin"
    CUSTOM = "custom"
    COMMUNITY = "community"


def list_plugins(
    namespace: options.Namespace = None,
    source: Annotated[Source, typer.Option("--source", help="Which feature extractors to list.")] = Source.CUSTOM,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """List the plugins of a namespace.

    Example: mixpeek plugin list --namespace ns_1a2b3c --source all
    """
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        plugins = _plugins(api, source)
    columns = ("plugin_id", "source", "deployed", "description", "feature_uri")
    emit({"plugins": plugins, "total": len(plugins)}, table(plugins, columns, "No plugins yet."), format)


def show(
    plugin_id: options.PluginId,
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Show one plugin with its manifest.

    Example: mixpeek plugin show my_extractor_1_0_0 --format json
    """
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        answer = api.get(f"namespaces/{api.namespace}/plugins/{plugin_id}")
    plugin = answer["plugin"]
    lines = [f"{key}: {value}" for key, value in plugin.items() if not isinstance(value, dict | list)]
    emit(answer, "\n".join(lines), format)


def delete(
    plugin_id: options.PluginId,
    namespace: options.Namespace = None,
    force: Annotated[bool, typer.Option("--force", help="Also when a collection uses it.")] = False,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Delete a plugin, and its endpoint if it has one.

    Example: mixpeek plugin delete my_extractor_1_0_0
    """
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        answer = api.delete(f"namespaces/{api.namespace}/plugins/{plugin_id}", **({"force": True} if force else {}))
    emit(answer, answer["message"], format)


def _plugins(api: Api, source: Source) -> list[dict[str, Any]]:
    if source is Source.CUSTOM:
        return [{**p, "source": "custom"} for p in api.get(f"namespaces/{api.namespace}/plugins")["plugins"]]
    wanted = {} if source is Source.ALL else {"source": source.value}
    found = api.get(f"namespaces/{api.namespace}/extractors", **wanted)["extractors"]
    return [e for e in found if source is Source.ALL or e.get("source") == source.value]
