"""`mixpeek collection create|list|delete`: documents, and the extractor that makes them."""

import json
from typing import Annotated, Any

import typer

from plugin_sdk.cli import options
from plugin_sdk.cli.output import Format, emit, say, table
from plugin_sdk.cli.remote import open_api


def create(
    name: Annotated[str, typer.Argument(help="Name, unique in the namespace.")],
    bucket: Annotated[list[str], typer.Option("--bucket", "-b", help="Source bucket, id or name; repeat for more.")],
    extractor: Annotated[str, typer.Option("--extractor", "-e", metavar="NAME@VERSION", help="Feature extractor.")],
    params: Annotated[
        list[str] | None, typer.Option("--param", metavar="KEY=VALUE", help="A parameter of the extractor; repeat.")
    ] = None,
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Create a collection of what an extractor makes of a bucket's objects.

    Example: mixpeek collection create prose --bucket prose --extractor my_extractor@1.0.0 --param threshold=0.7
    """
    extractor_name, separator, version = extractor.partition("@")
    if not separator or not version:
        raise typer.BadParameter(f"--extractor {extractor!r} is not NAME@VERSION, e.g. my_extractor@1.0.0.")
    body = {
        "collection_name": name,
        "source": {"type": "bucket", "bucket_ids": bucket},
        "feature_extractor": {
            "feature_extractor_name": extractor_name,
            "version": version,
            "params": dict(map(_param, params or ())),
        },
    }
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        answer = api.post("collections", body)
    for warning in answer.get("warnings") or ():
        say(f"Warning: {warning}", format)
    emit(answer, answer["collection_id"], format)


def list_collections(
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """List the namespace's collections.

    Example: mixpeek collection list
    """
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        found = list(api.pages("collections/list", "results"))
    rows = [{**c, "extractor": _extractor(c)} for c in found]
    columns = ("collection_id", "collection_name", "extractor", "document_count")
    emit({"collections": found, "total": len(found)}, table(rows, columns, "No collections yet."), format)


def delete(
    collection: Annotated[str, typer.Argument(help="Collection id or name.")],
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Delete a collection and its documents.

    Example: mixpeek collection delete prose
    """
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        answer = api.delete(f"collections/{collection}")
    emit(answer, f"Deleted {collection}.", format)


def _param(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise typer.BadParameter(f"--param {text!r} is not KEY=VALUE, e.g. threshold=0.7.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _extractor(collection: dict[str, Any]) -> str:
    config = collection["feature_extractor"]
    return f"{config['feature_extractor_name']}@{config['version']}"
