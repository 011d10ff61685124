"""`mixpeek namespace create|list|delete`: the spaces that hold everything else."""

from typing import Annotated

import typer

from plugin_sdk.cli import options
from plugin_sdk.cli.output import Format, emit, table
from plugin_sdk.cli.remote import open_api

NameArgument = Annotated[str, typer.Argument(help="Name, unique in the organization.")]


def create(
    name: NameArgument,
    description: Annotated[str | None, typer.Option("--description", help="What it is for.")] = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Create a namespace.

    Example: mixpeek namespace create library
    """
    with open_api(base_url, api_key, None) as api:
        answer = api.post("namespaces", {"namespace_name": name, "description": description, "feature_extractors": []})
    emit(answer, answer["namespace_id"], format)


def list_namespaces(
    base_url: options.BaseUrl = None, api_key: options.ApiKey = None, format: options.Output = Format.TEXT
) -> None:
    """List the organization's namespaces.

    Example: mixpeek namespace list
    """
    with open_api(base_url, api_key, None) as api:
        found = list(api.pages("namespaces/list", "results"))
    text = table(found, ("namespace_id", "namespace_name", "description"), "No namespaces yet.")
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
