"""`mixpeek batch run|list|status`: run the extractors over a bucket's objects."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from plugin_sdk.cli import options
from plugin_sdk.cli.batch_watch import follow, report
from plugin_sdk.cli.client import Api
from plugin_sdk.cli.output import Format, emit, say, table
from plugin_sdk.cli.remote import open_api

SHOWN_FAILURES = 10
PAGE = 100


def run(
    bucket: options.Bucket,
    collection: Annotated[
        list[str] | None, typer.Option("--collection", "-c", help="Only these collections; repeat for more.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Process objects whose documents are up to date too.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show progress until it ends; exit 1 if it failed.")
    ] = False,
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Run every collection of a bucket over its objects, those left out whose documents are up to date.

    Example: mixpeek batch run --bucket prose --watch
    """
    body: dict[str, Any] = {"collection_ids": collection} if collection else {}
    body |= {"full": True} if full else {}
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        batch = api.post(f"buckets/{bucket}/batches/trigger", body)
        if not watch:
            emit(batch, f"{batch['batch_id']}: {batch['status']}", format)
            return
        task = follow(api, batch, batch["task_id"], quiet=format is Format.JSON)
        _report(api, batch, task, format)


def list_batches(
    bucket: options.Bucket,
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """List a bucket's batches.

    Example: mixpeek batch list --bucket prose
    """
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        found = list(_batches(api, bucket))
    text = table(found, ("batch_id", "status", "created_at", "error"), "No batches yet.")
    emit({"batches": found, "total": len(found)}, text, format)


def status(
    batch_id: Annotated[str, typer.Argument(help="Batch id.")],
    bucket: options.Bucket,
    namespace: options.Namespace = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Say how far a batch is.

    Example: mixpeek batch status btch_1a2b3c --bucket prose
    """
    with open_api(base_url, api_key, namespace, needs_namespace=True) as api:
        batch = api.get(f"buckets/{bucket}/batches/{batch_id}")
    text = f"{batch_id}: {batch['status']}"
    emit(batch, f"{text}: {batch['error']}" if batch.get("error") else text, format)


def _batches(api: Api, bucket: str) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        answer = api.post(f"buckets/{bucket}/batches/list", {"limit": PAGE, "cursor": cursor})
        yield from answer["results"]
        cursor = answer["pagination"]["next_cursor"]
        if cursor is None:
            return


def _report(api: Api, batch: dict[str, Any], task: dict[str, Any], format: Format) -> None:
    counts = task.get("additional_data") or {}
    lost = task["status"] != "COMPLETED"
    if lost:
        _tell_failures(api, batch, format)
    text = (
        f"{batch['batch_id']}: {task['status']}, {counts.get('documents_written', 0):,} documents written, "
        f"{counts.get('rows_failed', 0):,} rows failed"
    )
    if counts.get("rows_skipped"):
        text += f", {counts['rows_skipped']:,} objects were up to date"
    measured = report(task)
    if measured:
        text += f"\n{measured}"
    if task.get("error"):
        text += f"\n{task['error']}"
    emit({"batch_id": batch["batch_id"], "task": task}, text, format)
    if task["status"] in {"FAILED", "CANCELED"}:
        raise typer.Exit(1)


def _tell_failures(api: Api, batch: dict[str, Any], format: Format) -> None:
    path = f"buckets/{batch['bucket_id']}/batches/{batch['batch_id']}/failed-documents"
    answer = api.get(path, limit=SHOWN_FAILURES)
    for failure in answer["failed_documents"]:
        say(f"{failure['object_id']}: {failure['message']}", format)
    if answer["total"] > SHOWN_FAILURES:
        say(f"… and {answer['total'] - SHOWN_FAILURES} more: GET /v1/{path}", format)
