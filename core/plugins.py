"""Plugin: a feature extractor at one version; the upload that brings it, and the manifest it declares."""

from typing import Any

from core.noun import Noun
from core.status import DeploymentStatus
from plugin_sdk.manifest import Manifest


class PluginUpload(Noun):
    """A presigned upload in the making, `plu_…`; `status` is pending, passed or failed."""

    upload_id: str
    name: str
    version: str
    description: str | None = None
    s3_key: str
    expires_at: str
    status: str = "pending"
    plugin_id: str | None = None
    violations: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []


class ScanRecord(Noun):
    """The verdict on one archive; written by the scan, read by confirm. `sha256` is of the bytes that were scanned."""

    upload_id: str
    sha256: str
    size_bytes: int
    passed: bool
    archive_key: str | None = None
    violations: list[dict[str, Any]] = []
    error: str | None = None


class Plugin(Noun):
    """A published plugin. `archive_key` is the content-addressed copy: the only one that is ever run."""

    plugin_id: str
    name: str
    version: str
    description: str | None = None
    archive_key: str
    sha256: str
    size_bytes: int
    manifest: Manifest
    validation_status: str = "passed"
    warnings: list[dict[str, Any]] = []

    @property
    def feature_uri(self) -> str:
        """`mixpeek://name@version`."""
        return f"mixpeek://{self.name}@{self.version}"


class Deployment(Noun):
    """What should run of a plugin, and what does. Serving nodes reconcile `desired` and report `status`.

    `generation` grows with each deploy call; a node that serves an older one rolls over to it.
    """

    org_id: str
    namespace_id: str
    plugin_id: str
    deployment_type: str = "realtime"
    desired: bool = True
    generation: int = 1
    status: DeploymentStatus = DeploymentStatus.QUEUED
    error: str | None = None
    queued_at: str | None = None
    deployed_at: str | None = None

    @property
    def name(self) -> str:
        """The deployment's name; the namespace in it keeps tenants apart."""
        return f"custom_plugin_{self.namespace_id}_{self.plugin_id}"

    @property
    def route_prefix(self) -> str:
        """Where its replicas answer."""
        return f"/inference/{self.name}"
