"""`mixpeek namespace create|list|delete`: the spaces that hold everything else."""

import re
from typing import Annotated, Any

import typer

from plugin_sdk.cli import options
from plugin_sdk.cli.output import Format, emit, table
from plugin_sdk.cli.remote import open_api

NameArgument = Annotated[str, typer.Argument(help="Name, unique in the organization.")]
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> int:
    """How many seconds `90`, `30m`, `12h` or `7d` are."""
    found = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
    if found is None or int(found[1]) == 0:
        raise typer.BadParameter(f"{text!r} is no time: write seconds, or 30m, 12h, 7d.")
    return int(found[1]) * SECONDS[found[2]]


def create(
    name: NameArgument,
    description: Annotated[str | None, typer.Option("--description", help="What it is for.")] = None,
    ttl: Annotated[
        str | None, typer.Option("--ttl", help="Delete it after so long, with all that it holds: 3600, 30m, 12h, 7d.")
    ] = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Create a namespace.

    Example: mixpeek namespace create library
    """
    body: dict[str, Any] = {"namespace_name": name, "description": description, "feature_extractors": []}
    if ttl is not None:
        body["ttl_seconds"] = seconds_of(ttl)
    with open_api(base_url, api_key, None) as api:
        answer = api.post("namespaces", body)
    emit(answer, answer["namespace_id"], format)


def list_namespaces(
    base_url: options.BaseUrl = None, api_key: options.ApiKey = None, format: options.Output = Format.TEXT
) -> None:
    """List the organization's namespaces.

    Example: mixpeek namespace list
    """
    with open_api(base_url, api_key, None) as api:
        found = list(api.pages("namespaces/list", "results"))
    text = table(found, ("namespace_id", "namespace_name", "description", "expires_at"), "No namespaces yet.")
    emit({"namespaces": found, "total": len(found)}, text, format)


def delete(
    name: Annotated[str, typer.Argument(help="Namespace id or name.")],
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Delete a namespace.

    Example: mixpeek namespace delete library
    """
    with open_api(base_url, api_key, None) as api:
        answer = api.delete(f"namespaces/{name}")
    emit(answer, f"Deleted {name}.", format)
