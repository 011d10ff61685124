"""Scan: the verdict on an uploaded plugin archive, given once and kept; the archive that passed is stored by its hash."""

import hashlib
import logging
import re
import time
from datetime import datetime
from typing import Any

from core.errors import AlreadyExists, NotFound
from core.metrics import measured
from core.noun import Noun
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.stores.records import Entry
from core.tenancy import Scope
from plugin_sdk import scanner
from plugin_sdk.archives import archive_kind, examine_archive
from plugin_sdk.errors import InvalidArchive

log = logging.getLogger(__name__)

MAX_ARCHIVE_BYTES = 500 * 1024 * 1024
KEPT_AFTER_EXPIRY_S = 7 * 24 * 3600
UPLOAD_KEY = re.compile(r"uploads/(?P<org>[^/#]+)/(?P<ns>[^/#]+)/(?P<upload>plu_[0-9a-f]+)\.(?:zip|tar\.gz)")


class PluginUpload(Noun):
    """A presigned upload in the making, `plu_…`; `status` is pending, passed or failed."""

    upload_id: str
    name: str
    version: str
    description: str | None = None
    s3_key: str
    expires_at: datetime
    status: str = "pending"
    plugin_id: str | None = None
    violations: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []

    @property
    def forgotten_at(self) -> int:
        """When its record and its scan's may go: well after the last event that could concern them."""
        return int(self.expires_at.timestamp()) + KEPT_AFTER_EXPIRY_S


class ScanRecord(Noun):
    """The verdict on one archive; written by the scan, read by confirm. `sha256` is of the bytes that were scanned.

    `violations` has warnings too; `etag` is the MD5 that S3 gives the same bytes.
    """

    upload_id: str
    sha256: str
    etag: str = ""
    size_bytes: int
    passed: bool
    archive_key: str | None = None
    violations: list[dict[str, Any]] = []
    error: str | None = None


def get_scan(stores: Stores, upload_id: str) -> ScanRecord | None:
    """The verdict, once there is one."""
    record = stores.records.get(f"scan#{upload_id}", "scan")
    return ScanRecord.model_validate(record.body) if record else None


def find_upload(stores: Stores, scope: Scope, upload_id: str) -> PluginUpload | None:
    """The upload, if this namespace has it."""
    record = stores.records.get(scope.key("plugin_upload"), upload_id)
    return PluginUpload.model_validate(record.body) if record else None


def scan_upload(stores: Stores, ref: BlobRef) -> ScanRecord:
    """Scan the archive at `ref` and keep the verdict; a second call, or a second PUT, changes nothing.

    What passed is stored under the hash of the very bytes that were scanned, never copied from the upload's place,
    where another PUT could have changed them.

    Raises:
        NotFound: the key belongs to no upload, or the file is gone.
    """
    scope, upload = _upload_at(stores, ref)
    known = get_scan(stores, upload.upload_id)
    if known:
        return known
    started = time.perf_counter()
    verdict = _judge(stores, scope, upload, ref)
    entry = Entry(f"scan#{upload.upload_id}", "scan", verdict.body(), expires_at=upload.forgotten_at)
    try:
        stores.records.create(entry)
    except AlreadyExists:  # the event and confirm met; the first verdict stands
        return get_scan(stores, upload.upload_id) or verdict
    taken_ms = round((time.perf_counter() - started) * 1000, 1)
    about = {"org_id": scope.org_id, "namespace_id": scope.namespace_id, "upload_id": upload.upload_id}
    figures = {
        "scans": 1,
        "rejected": int(not verdict.passed),
        "archive_bytes": verdict.size_bytes,
        "scan_ms": taken_ms,
    }
    log.info("scanned", extra=about | measured({"service": "scan"}, **figures))
    return verdict


def _upload_at(stores: Stores, ref: BlobRef) -> tuple[Scope, PluginUpload]:
    place = UPLOAD_KEY.fullmatch(ref.key)
    scope = Scope(place["org"], place["ns"]) if place else None
    upload = find_upload(stores, scope, place["upload"]) if place and scope else None
    if scope is None or upload is None or upload.s3_key != ref.key:
        raise NotFound(f"{ref.url} belongs to no plugin upload.", "Request an upload, then PUT to its presigned_url.")
    return scope, upload


def _judge(stores: Stores, scope: Scope, upload: PluginUpload, ref: BlobRef) -> ScanRecord:
    size_bytes = stores.blobs.head(ref).size_bytes
    if not 0 < size_bytes <= MAX_ARCHIVE_BYTES:
        return _refused(upload, b"", size_bytes, f"The file has {size_bytes} bytes; an archive has 1 to 500 MB.")
    data = stores.blobs.get(ref, MAX_ARCHIVE_BYTES + 1)  # no more, even if another PUT came since `head`
    examined = examine_archive(data)
    if examined.problems:
        return _refused(upload, data, len(data), *examined.problems)
    report = scanner.scan_files(examined.files)
    verdict = _verdict(upload, data, [v.as_dict() for v in report.violations])
    if not report.passed:
        return verdict
    kind = archive_kind(data)
    archive_key = f"{scope.prefix}/plugin_custom/{upload.name}/{upload.version}/{verdict.sha256}.{kind}"
    media_type = "application/zip" if kind == "zip" else "application/gzip"
    stores.blobs.put(BlobRef(ref.bucket, archive_key), data, media_type)
    return verdict.model_copy(update={"passed": True, "archive_key": archive_key})


def _verdict(upload: PluginUpload, data: bytes, violations: list[dict[str, Any]]) -> ScanRecord:
    return ScanRecord(
        upload_id=upload.upload_id,
        sha256=hashlib.sha256(data).hexdigest(),
        etag=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        size_bytes=len(data),
        passed=False,
        violations=violations,
    )


def _refused(upload: PluginUpload, data: bytes, size_bytes: int, *problems: InvalidArchive | str) -> ScanRecord:
    """A verdict on what is no archive that may be unpacked: a violation for each problem, naming its entry."""
    violations = [
        {
            "file": (getattr(problem, "entry", "") or "(archive)"),
            "line": 1,
            "column": 0,
            "message": str(problem),
            "severity": "error",
        }
        for problem in problems
    ]
    verdict = _verdict(upload, data, sorted(violations, key=lambda v: (v["file"], v["message"])))
    return verdict.model_copy(update={"size_bytes": size_bytes, "error": str(problems[0])})
