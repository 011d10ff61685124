"""`mixpeek bucket create|list|upload`: where the files are kept."""

from pathlib import Path
from typing import Annotated

import typer

from plugin_sdk.cli import options
from plugin_sdk.cli.bucket_upload import upload_folder
from plugin_sdk.cli.output import Format, emit, table
from plugin_sdk.cli.remote import open_api


def create(
    name: Annotated[str, typer.Argument(help="Name, unique in the namespace.")],
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", "-p", metavar="NAME=TYPE", help="A property of its objects; repeat for more."),
    ] = None,
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Create a bucket; without --property its objects have one property, text=text.

    Example: mixpeek bucket create prose --property text=text --property author=string
    """
    schema = {key: {"type": kind} for key, kind in map(_pair, properties or ["text=text"])}
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        answer = api.post("buckets", {"bucket_name": name, "bucket_schema": {"properties": schema}})
    emit(answer, answer["bucket_id"], format)


def list_buckets(
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """List the namespace's buckets.

    Example: mixpeek bucket list
    """
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        found = list(api.pages("buckets/list", "results"))
    columns = ("bucket_id", "bucket_name", "object_count", "total_size_bytes")
    emit({"buckets": found, "total": len(found)}, table(found, columns, "No buckets yet."), format)


def upload(
    bucket: Annotated[str, typer.Argument(help="Bucket id or name.")],
    folder: Annotated[Path, typer.Argument(help="A folder of files, or one file.", exists=True)],
    property: Annotated[
        str | None, typer.Option("--property", "-p", help="Property that holds each file; else by the file's type.")
    ] = None,
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Upload the files of a folder, each as an object of its own.

    Example: mixpeek bucket upload prose examples/texts
    """
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        done = upload_folder(api, bucket, folder, property, quiet=format is Format.JSON)
    text = f"Uploaded {done.files} files ({done.size_bytes:,} bytes) to {bucket}; {done.skipped} were there already."
    emit({"bucket": bucket, "files": done.files, "skipped": done.skipped, "object_ids": done.object_ids}, text, format)


def _pair(text: str) -> tuple[str, str]:
    key, separator, kind = text.partition("=")
    if not separator or not key or not kind:
        raise typer.BadParameter(f"--property {text!r} is not NAME=TYPE, e.g. text=text.")
    return key, kind
