"""`mixpeek search`: the documents of a collection that are nearest in meaning to a text."""

from typing import Annotated, Any

import typer

from plugin_sdk.cli import options
from plugin_sdk.cli.output import Format, emit
from plugin_sdk.cli.remote import open_api

SHOWN = 160


def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    collection: Annotated[
        list[str], typer.Option("--collection", "-c", help="Collection id or name; repeat for more.")
    ],
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, max=1000, help="How many hits.")] = 5,
    feature: Annotated[
        str | None, typer.Option("--feature", metavar="URI", help="Feature URI; needed where there are several.")
    ] = None,
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Search collections by meaning.

    Example: mixpeek search "a cup of coffee" --collection prose --limit 3
    """
    body: dict[str, Any] = {"collection_ids": collection, "query": query, "page_size": limit}
    if feature:
        body["feature_uri"] = feature
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        answer = api.post("documents/search", body)
    hits = answer.get("results", [])
    emit(answer, "\n".join(map(_line, hits)) or "No documents match.", format)


def _line(hit: dict[str, Any]) -> str:
    text = hit.get("text") or next((v for k, v in hit.items() if isinstance(v, str) and _content(k)), "")
    text = " ".join(str(text).split())
    return f"{hit['score']:.3f}  {hit['document_id']}  {text[:SHOWN]}{'…' if len(text) > SHOWN else ''}"


def _content(key: str) -> bool:
    return not key.startswith("_") and not key.endswith("_id")
