"""`mixpeek bucket import`: the rows of a file, or of a folder of them, as objects of a bucket."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from plugin_sdk.cli import options
from plugin_sdk.cli.client import Api
from plugin_sdk.cli.output import Format, emit, say
from plugin_sdk.cli.remote import open_api
from plugin_sdk.errors import PlatformError

POLL_S = 0.5
TYPES = {".parquet": "application/vnd.apache.parquet", ".csv": "text/csv"}
Columns = list[str] | None


class ImportRefused(PlatformError):
    """The platform could not import the file."""

    code = "import_refused"


def import_rows(
    bucket: Annotated[str, typer.Argument(help="Bucket id or name.")],
    source: Annotated[str, typer.Argument(help="s3://bucket/file, s3://bucket/folder/, or a file on this machine.")],
    text: Annotated[
        Columns, typer.Option("--text", "-t", metavar="PROPERTY[=COLUMN]", help="Text; repeat for more.")
    ] = None,
    blob: Annotated[
        Columns, typer.Option("--blob", "-b", metavar="PROPERTY[=COLUMN]", help="URLs of files; repeat for more.")
    ] = None,
    metadata: Annotated[
        Columns, typer.Option("--metadata", "-m", metavar="PROPERTY[=COLUMN]", help="Other values; repeat for more.")
    ] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="Column of ids; else rows are numbered.")] = None,
    kind: Annotated[
        str | None, typer.Option("--type", help="parquet, jsonl or csv, where the name does not say.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", help="Of a CSV file; a comma unless given.")] = None,
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Make every row of a Parquet, JSON lines or CSV file an object; without columns, by the properties' names.

    Example: mixpeek bucket import prose s3://my-data/books.parquet --text text=body --metadata author --id isbn
    """
    columns = {"text_columns": text, "blob_columns": blob, "metadata_columns": metadata}
    asked: dict[str, Any] = {name: dict(map(_pair, given)) for name, given in columns.items() if given}
    asked |= {k: v for k, v in (("id_column", id_column), ("format", kind), ("delimiter", delimiter)) if v}
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        if source.startswith("s3://"):
            asked["url"] = source
        else:
            asked |= _uploaded(api, bucket, Path(source), asked)
        made = _ended(api, bucket, api.post(f"buckets/{bucket}/objects/import", asked), format)
    emit(made, f"Imported {made['rows']:,} rows of {made['files']} files: {made['import_id']}.", format)


def _uploaded(api: Api, bucket: str, file: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """The file put into the bucket, and what the request says of it."""
    if not file.is_file():
        raise ImportRefused(f"There is no file {file}.", "Give a file, or the s3:// URL of a folder.")
    name = file.name.removesuffix(".gz")
    request = {
        "filename": file.name,
        "content_type": TYPES.get(Path(name).suffix, "application/octet-stream"),
        "file_size_bytes": max(file.stat().st_size, 1),
        "create_object_on_confirm": False,
    }
    upload = api.post(f"buckets/{bucket}/uploads", request)
    if upload.get("presigned_url"):
        api.put_file(upload["presigned_url"], file, upload["content_type"])
    return {"upload_id": upload["upload_id"]}


def _ended(api: Api, bucket: str, made: dict[str, Any], format: Format) -> dict[str, Any]:
    """The import once it is done."""
    told = -1
    while made["status"] not in ("COMPLETED", "FAILED"):
        if made["rows"] != told:
            told = made["rows"]
            say(f"{told:,} rows read", format)
        time.sleep(POLL_S)
        made = api.get(f"buckets/{bucket}/imports/{made['import_id']}")
    if made["status"] == "FAILED":
        raise ImportRefused(str(made["error"]), f"The import {made['import_id']} made no objects.")
    return made


def _pair(text: str) -> tuple[str, str]:
    name, separator, column = text.partition("=")
    if not name or (separator and not column):
        raise typer.BadParameter(f"{text!r} is not PROPERTY or PROPERTY=COLUMN, e.g. text=body.")
    return name, column or name
