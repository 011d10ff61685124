"""A folder of files into a bucket: presigned in groups, PUT side by side, confirmed in groups."""

import mimetypes
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from plugin_sdk.cli.client import Api
from plugin_sdk.errors import PlatformError

GROUP = 100
AT_ONCE = 8
KINDS = {"text": "text", "image": "image", "video": "video", "audio": "audio"}


class CannotUpload(PlatformError):
    """The folder holds nothing to upload, or the bucket has no place for a file."""

    code = "cannot_upload"


@dataclass
class Uploaded:
    """What an upload did; `skipped` files were in the bucket already, by content."""

    files: int = 0
    skipped: int = 0
    size_bytes: int = 0
    object_ids: list[str] = field(default_factory=list)


def upload_folder(api: Api, bucket: str, folder: Path, property: str | None, *, quiet: bool = False) -> Uploaded:
    """Upload every file under `folder` (hidden ones left out) to `property`, or to the property that fits its type.

    Raises:
        CannotUpload: there is no file, or a file fits no property.
        ApiFailed: the platform refused a call.
    """
    files = [folder] if folder.is_file() else sorted(f for f in folder.rglob("*") if _visible(f, folder))
    if not files:
        raise CannotUpload(f"{folder} holds no files.", "Give a folder with at least one file.")
    schema = (api.get(f"buckets/{bucket}").get("bucket_schema") or {}).get("properties", {})
    requests = [_request(f, folder, property or _property_for(f, schema)) for f in files]
    done = Uploaded()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=quiet) as progress, ThreadPoolExecutor(AT_ONCE) as pool:
        bar = progress.add_task(f"Uploading to {bucket}", total=len(files))
        for group in _groups(list(zip(files, requests, strict=True))):
            _upload_group(api, bucket, group, pool, done)
            progress.advance(bar, len(group))
    return done


def _upload_group(
    api: Api, bucket: str, group: list[tuple[Path, dict[str, Any]]], pool: ThreadPoolExecutor, done: Uploaded
) -> None:
    answers = api.post(f"buckets/{bucket}/uploads/batch", {"uploads": [request for _, request in group]})["uploads"]
    waiting = [(f, a) for (f, _), a in zip(group, answers, strict=True) if a.get("presigned_url")]
    puts = [pool.submit(api.put_file, a["presigned_url"], f, a["content_type"]) for f, a in waiting]
    for put in puts:
        put.result()
    done.skipped += len(group) - len(waiting)
    if not waiting:
        return
    confirmations = [{"upload_id": a["upload_id"]} for _, a in waiting]
    task = api.post(f"buckets/{bucket}/uploads/confirm/batch", {"confirmations": confirmations})["task"]
    outcomes = [o for o in task.get("outputs") or () if isinstance(o, dict)]
    if failed := [o for o in outcomes if o.get("error")]:
        raise CannotUpload(f"{len(failed)} uploads were refused, the first: {failed[0]['error']}", "Run it again.")
    done.files += len(waiting)
    done.size_bytes += sum(f.stat().st_size for f, _ in waiting)
    done.object_ids += [str(o["object_id"]) for o in outcomes if o.get("object_id")]


def _request(file: Path, folder: Path, property: str) -> dict[str, Any]:
    name = file.name if file == folder else file.relative_to(folder).as_posix()
    return {
        "filename": name.replace("/", "_")[-255:],
        "content_type": _content_type(file),
        "file_size_bytes": max(file.stat().st_size, 1),
        "blob_property": property,
    }


def _property_for(file: Path, schema: dict[str, Any]) -> str:
    content_type = _content_type(file)
    kind = "pdf" if content_type == "application/pdf" else KINDS.get(content_type.partition("/")[0], "")
    for name, declared in schema.items():
        if declared.get("type") == kind:
            return str(name)
    has = ", ".join(f"{name} ({d.get('type')})" for name, d in schema.items()) or "none"
    raise CannotUpload(
        f"{file} is {content_type}, and the bucket has no property of type {kind or 'file'}; it has: {has}.",
        "Name the property with --property, or create the bucket with one of that type.",
    )


def _content_type(file: Path) -> str:
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def _visible(file: Path, folder: Path) -> bool:
    return file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)


def _groups(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), GROUP):
        yield items[start : start + GROUP]
