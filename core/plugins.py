"""Plugin: a feature extractor at one version; the upload that brings it, and the manifest it declares."""

import hashlib
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

import orjson

from core.builtins import BUILTINS
from core.errors import (
    AlreadyExists,
    Conflict,
    Expired,
    InvalidRequest,
    ManifestRejected,
    NotFound,
    SecurityScanFailed,
    UploadMissing,
)
from core.ids import long_id, now
from core.noun import Noun
from core.quotas import check_room, create_within
from core.scans import PluginUpload as PluginUpload
from core.scans import ScanRecord as ScanRecord
from core.scans import find_upload, get_scan, scan_upload
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.stores.records import Entry
from core.tenancy import Scope
from plugin_sdk.archives import read_archive
from plugin_sdk.manifest import (
    Issue,
    Manifest,
    ManifestIssues,
    identity_issues,
    normalise_name,
    normalise_version,
    plugin_id,
    recheck,
)

POLL_S = 0.05
MAX_RECORD_BYTES = 350_000
REQUIRED_FILES = ("manifest.py", "pipeline.py")


class Plugin(Noun):
    """A published plugin. `archive_key` is the content-addressed copy: the only one that is ever run.

    `shared` says that it is the organization's and enabled here; `params` are then this namespace's defaults.
    """

    plugin_id: str
    upload_id: str = ""
    name: str
    version: str
    description: str | None = None
    archive_key: str
    sha256: str
    size_bytes: int
    manifest: Manifest
    validation_status: str = "passed"
    warnings: list[dict[str, Any]] = []
    shared: bool = False
    params: dict[str, Any] = {}

    @property
    def feature_uri(self) -> str:
        """`mixpeek://name@version`."""
        return f"mixpeek://{self.name}@{self.version}"


class Presigned(NamedTuple):
    """An upload and the URL that takes its file; the URL is kept nowhere."""

    upload: PluginUpload
    url: str


class Inspector(Protocol):
    """Runs a plugin's manifest where it can do no harm: a plugin host here, the inspect function on AWS."""

    def inspect(self, files: Mapping[str, bytes]) -> Manifest:
        """The manifest of a plugin of these files.

        Raises:
            ManifestIssues: it breaks rules; all of them are named.
            PluginRaised: it can't be imported.
            HostFailed: the process that ran it ended or hung.
        """


def create_upload(
    stores: Stores,
    scope: Scope,
    name: str,
    version: str,
    *,
    description: str | None = None,
    expires_in_s: int = 3600,
) -> Presigned:
    """A place to PUT the archive of `name` at `version`.

    Raises:
        AlreadyExists: the plugin is published.
        QuotaExceeded: there are as many plugins as there may be.
        InvalidManifest, InvalidRequest: the name or the version can't be used.
    """
    name, version = normalise_name(name), normalise_version(version)
    if name in BUILTINS:
        raise InvalidRequest(f"{name!r} is a built-in extractor.", "Give the plugin another name.", "name")
    if stores.records.get(scope.key("plugin"), plugin_id(name, version)):
        raise _duplicate(name, version)
    check_room(stores, "plugins", scope.key("plugin"))
    upload_id = long_id("plu")
    upload = PluginUpload(
        upload_id=upload_id,
        name=name,
        version=version,
        description=description,
        s3_key=f"uploads/{scope.prefix}/{upload_id}.zip",
        expires_at=now() + timedelta(seconds=expires_in_s),
    )
    entry = Entry(scope.key("plugin_upload"), upload_id, upload.body(), expires_at=upload.forgotten_at)
    stores.records.create(entry)
    return Presigned(upload, stores.blobs.presign_put(upload_ref(stores, upload), expires_in_s))


def confirm(
    stores: Stores,
    scope: Scope,
    upload_id: str,
    inspector: Inspector,
    *,
    etag: str | None = None,
    size_bytes: int | None = None,
) -> Plugin:
    """Publish what was PUT, once it has passed the scan and its manifest holds; again gives the same plugin.

    Raises:
        NotFound: there is no such upload.
        Expired: its time has passed.
        UploadMissing: nothing was PUT.
        SecurityScanFailed: the archive broke the rules.
        ManifestRejected: the manifest broke the rules.
        AlreadyExists: another upload published this name and version.
    """
    upload = find_upload(stores, scope, upload_id)
    if upload is None:
        raise NotFound(f"There is no plugin upload {upload_id!r}.", "Request one with POST …/plugins/uploads.")
    if upload.status == "passed":
        return _confirmed(stores, scope, upload)
    if upload.expires_at <= now():
        raise Expired(f"The upload {upload_id} expired at {upload.expires_at}.", "Request a new upload and PUT again.")
    scan = _verdict(stores, upload)
    _check_as_sent(scan, etag, size_bytes)
    if not scan.passed or scan.archive_key is None:
        _note(stores, scope, upload, status="failed", violations=scan.violations)
        raise _scan_failed(scan)
    try:
        plugin = _inspected(stores, upload, scan, scan.archive_key, inspector)
    except ManifestRejected as error:
        _note(stores, scope, upload, status="failed", errors=error.errors)
        raise
    published = _publish(stores, scope, plugin)
    _note(stores, scope, upload, status="passed", plugin_id=plugin.plugin_id, errors=[], violations=scan.violations)
    return published


def get_plugin(stores: Stores, scope: Scope, reference: str) -> Plugin:
    """The plugin that `reference` means: its id, or `name@version`.

    Raises:
        NotFound: there is none; the message lists the versions that exist.
    """
    name, at, version = reference.partition("@")
    record = stores.records.get(scope.key("plugin"), plugin_id(name, version) if at else reference)
    if record:
        return Plugin.model_validate(record.body)
    known = [p.plugin_id for p in list_plugins(stores, scope)]
    raise NotFound(
        f"There is no plugin {reference!r} in this namespace.",
        f"It has {', '.join(known[:20])}." if known else "Publish one with 'mixpeek plugin publish'.",
    )


def find_plugin(stores: Stores, scope: Scope, name: str, version: str) -> Plugin | None:
    """The plugin of that name and version, if this namespace has it."""
    record = stores.records.get(scope.key("plugin"), plugin_id(name, version))
    return Plugin.model_validate(record.body) if record else None


def list_plugins(stores: Stores, scope: Scope) -> list[Plugin]:
    """Every plugin of the namespace, by id."""
    return [Plugin.model_validate(r.body) for r in stores.records.each(scope.key("plugin"))]


def remove_plugin(stores: Stores, scope: Scope, plugin: Plugin) -> None:
    """Delete the plugin's record and, if it is the namespace's own, its archive."""
    stores.records.delete(scope.key("plugin"), plugin.plugin_id)
    if not plugin.shared:
        stores.blobs.delete(archive_ref(stores, plugin))


def upload_ref(stores: Stores, upload: PluginUpload) -> BlobRef:
    """Where the upload's PUT lands."""
    return BlobRef(stores.settings.plugin_bucket, upload.s3_key)


def archive_ref(stores: Stores, plugin: Plugin) -> BlobRef:
    """Where the archive lies that is run."""
    return BlobRef(stores.settings.plugin_bucket, plugin.archive_key)


def archive_files(stores: Stores, plugin: Plugin) -> dict[str, bytes]:
    """The plugin's files, if the archive still has the hash that was scanned.

    Raises:
        SecurityScanFailed: it has not.
    """
    return read_archive(_checked_bytes(stores, plugin.archive_key, plugin.sha256))


def _confirmed(stores: Stores, scope: Scope, upload: PluginUpload) -> Plugin:
    plugin = find_plugin(stores, scope, upload.name, upload.version)
    if plugin is None or plugin.upload_id != upload.upload_id:
        raise Conflict(
            f"The upload {upload.upload_id} was confirmed, and its plugin has been deleted since.",
            "Request a new upload and PUT the archive again.",
        )
    return plugin


def _verdict(stores: Stores, upload: PluginUpload) -> ScanRecord:
    """The scan's verdict: awaited for a moment, since the event is usually under way, else given here."""
    scan = get_scan(stores, upload.upload_id)
    if scan:
        return scan
    ref = upload_ref(stores, upload)
    try:
        stores.blobs.head(ref)
    except NotFound as error:
        raise UploadMissing(
            f"Nothing was uploaded to {upload.upload_id}.", "PUT the archive to its presigned_url, then confirm."
        ) from error
    deadline = time.monotonic() + stores.settings.scan_wait_s
    while time.monotonic() < deadline:
        time.sleep(POLL_S)
        scan = get_scan(stores, upload.upload_id)
        if scan:
            return scan
    return scan_upload(stores, ref)


def _check_as_sent(scan: ScanRecord, etag: str | None, size_bytes: int | None) -> None:
    for field, sent, found in (
        ("etag", etag and etag.strip('"'), scan.etag),
        ("file_size_bytes", size_bytes, scan.size_bytes),
    ):
        if sent is not None and sent != found:
            raise InvalidRequest(
                f"{field} is {sent}, the file that was scanned has {found}.",
                "Request a new upload: the first PUT to a URL is the one that counts.",
                field,
            )


def _scan_failed(scan: ScanRecord) -> SecurityScanFailed:
    first = next((v for v in scan.violations if v["severity"] == "error"), None)
    found = f"{first['file']}:{first['line']}: {first['message']}" if first else "see violations"
    return SecurityScanFailed(
        f"Security scan failed: {found}.",
        "Correct the files that violations name, request a new upload and publish again.",
        scan.violations,
    )


def _inspected(
    stores: Stores, upload: PluginUpload, scan: ScanRecord, archive_key: str, inspector: Inspector
) -> Plugin:
    files = read_archive(_checked_bytes(stores, archive_key, scan.sha256))
    missing = [name for name in REQUIRED_FILES if name not in files]
    if missing:
        raise _rejected([Issue(field=n, message=f"{n} is missing.", hint="Put it at the top.") for n in missing])
    try:
        manifest = recheck(inspector.inspect(files))  # it comes from a process that runs the plugin's code
    except ManifestIssues as error:
        raise _rejected(error.errors) from error
    differing = identity_issues(manifest, upload.name, upload.version)
    if differing:
        raise _rejected(differing)
    plugin = Plugin(
        plugin_id=manifest.plugin_id,
        upload_id=upload.upload_id,
        name=manifest.name,
        version=manifest.version,
        description=upload.description or manifest.description or None,
        archive_key=archive_key,
        sha256=scan.sha256,
        size_bytes=scan.size_bytes,
        manifest=manifest,
        warnings=scan.violations + [_as_violation(w) for w in manifest.warnings],
    )
    size = len(orjson.dumps(plugin.body()))
    if size > MAX_RECORD_BYTES:
        problem = f"The manifest and its schemas take {size} bytes as JSON, {MAX_RECORD_BYTES} is the limit."
        raise _rejected([Issue(field="manifest.py", message=problem, hint="Shorten schemas and descriptions.")])
    return plugin


def _as_violation(issue: Issue) -> dict[str, Any]:
    return {"file": "manifest.py", "line": 1, "column": 0, "message": str(issue), "severity": issue.severity}


def _rejected(issues: list[Issue]) -> ManifestRejected:
    return ManifestRejected(
        "manifest.py can't be used. " + " ".join(str(i) for i in issues),
        "Correct it, check with 'mixpeek plugin test', and publish again.",
        [i.as_dict() for i in issues],
    )


def _publish(stores: Stores, scope: Scope, plugin: Plugin) -> Plugin:
    try:
        entry = Entry(scope.key("plugin"), plugin.plugin_id, plugin.body())
        create_within(stores, "plugins", scope.key, "plugin", [entry])
    except AlreadyExists as error:
        winner = find_plugin(stores, scope, plugin.name, plugin.version)
        if winner is None or winner.upload_id != plugin.upload_id:
            raise _duplicate(plugin.name, plugin.version) from error
        return winner
    return plugin


def _note(stores: Stores, scope: Scope, upload: PluginUpload, **changes: Any) -> None:
    stores.records.update(
        scope.key("plugin_upload"), upload.upload_id, lambda body: body | {"updated_at": now().isoformat()} | changes
    )


def _duplicate(name: str, version: str) -> AlreadyExists:
    return AlreadyExists(
        f"The plugin {name} {version} is published already.", "Publish a new version or delete this one."
    )


def _checked_bytes(stores: Stores, archive_key: str, sha256: str) -> bytes:
    data = stores.blobs.get(BlobRef(stores.settings.plugin_bucket, archive_key))
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise SecurityScanFailed(
            f"The archive {archive_key} has SHA-256 {found}, the scan recorded {sha256}.",
            "Publish the plugin again; someone changed the file in the plugin bucket.",
            [{"file": archive_key, "line": 1, "column": 0, "message": "Changed after the scan", "severity": "error"}],
        )
    return data
