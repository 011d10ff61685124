"""Routes of a namespace's plugins: upload, confirm, list, detail, deploy, delete."""

from typing import Annotated, Any, Literal

from fastapi import Depends, File, Form, Query, Request, UploadFile
from pydantic import Field

from core.deployments import (
    QUEUE_S,
    ROLLOUT_S,
    Deployment,
    get_deployment,
    list_deployments,
    request_deploy,
    request_undeploy,
)
from core.ids import now
from core.plugin_removal import delete_plugin
from core.plugins import Inspector, Plugin, archive_ref, confirm, create_upload, get_plugin, list_plugins, upload_ref
from core.scans import scan_upload
from core.status import DeploymentStatus
from core.stores import Stores
from core.tenancy import Scope
from core.web.bodies import Body
from core.web.callers import DeleteScope, ReadScope, WriteScope
from functions.api.deps import Answer, Router, StoresOf

router = Router(prefix="/namespaces/{namespace_id}/plugins", tags=["plugins"])
MAX_ARCHIVE_BYTES = 500 * 1024 * 1024
DOWNLOAD_S = 3600
STATES = {
    DeploymentStatus.QUEUED: "Waiting for a serving node.",
    DeploymentStatus.PENDING: "A serving node has taken it up.",
    DeploymentStatus.IN_PROGRESS: "The new version is being loaded and checked; the old one serves meanwhile.",
    DeploymentStatus.DEPLOYED: "Ready for requests.",
    DeploymentStatus.FAILED: "The rollout failed; error has the reason.",
    DeploymentStatus.NOT_DEPLOYED: "For batches only: there is no endpoint.",
}


class CreateUpload(Body):
    """CreatePluginUploadRequest."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z][a-zA-Z0-9_]{2,63}$")]
    version: Annotated[str, Field(pattern=r"^v?\d+(\.\d+){0,2}$")]
    description: Annotated[str | None, Field(max_length=500)] = None
    file_size_bytes: Annotated[int | None, Field(gt=0, le=MAX_ARCHIVE_BYTES)] = None
    presigned_url_expiration: Annotated[int, Field(ge=60, le=86400)] = 3600


class ConfirmUpload(Body):
    """ConfirmPluginUploadRequest."""

    etag: str | None = None
    file_size_bytes: int | None = None


async def inspector_of(request: Request) -> Inspector:
    """What reads manifests here."""
    inspector: Inspector = request.app.state.inspector
    return inspector


InspectorOf = Annotated[Inspector, Depends(inspector_of)]


@router.post("/uploads")
def presign(stores: StoresOf, scope: WriteScope, body: CreateUpload) -> Answer:
    upload, url = create_upload(
        stores,
        scope,
        body.name,
        body.version,
        description=body.description,
        expires_in_s=body.presigned_url_expiration,
    )
    return Answer(
        {
            "upload_id": upload.upload_id,
            "presigned_url": url,
            "expires_at": upload.expires_at,
            "s3_key": upload.s3_key,
            "namespace_id": scope.namespace_id,
            "name": upload.name,
            "version": upload.version,
        }
    )


@router.post("/uploads/{upload_id}/confirm")
def confirm_upload(
    stores: StoresOf, scope: WriteScope, inspector: InspectorOf, upload_id: str, body: ConfirmUpload | None = None
) -> Answer:
    sent = body or ConfirmUpload()
    plugin = confirm(stores, scope, upload_id, inspector, etag=sent.etag, size_bytes=sent.file_size_bytes)
    return Answer(published(stores, plugin) | {"upload_id": upload_id, "deployment_status": "pending"})


@router.post("")
def upload(
    stores: StoresOf,
    scope: WriteScope,
    inspector: InspectorOf,
    file: Annotated[UploadFile, File()],
    name: Annotated[str, Form()],
    version: Annotated[str, Form()],
    description: Annotated[str | None, Form(max_length=500)] = None,
) -> Answer:
    """The whole of presign, PUT and confirm in one request."""
    made = create_upload(stores, scope, name, version, description=description).upload
    stores.blobs.put(upload_ref(stores, made), file.file)
    scan_upload(stores, upload_ref(stores, made))  # here, rather than waiting for the event to do the same
    plugin = confirm(stores, scope, made.upload_id, inspector)
    return Answer(published(stores, plugin) | {"deployment_status": "not_deployed"})


@router.get("")
def list_all(stores: StoresOf, scope: ReadScope) -> Answer:
    deployments = list_deployments(stores, scope)
    items = [listed(plugin, deployments.get(plugin.plugin_id)) for plugin in list_plugins(stores, scope)]
    return Answer({"success": True, "plugins": items, "total": len(items), "namespace_id": scope.namespace_id})


@router.get("/{plugin_id}")
def get(stores: StoresOf, scope: ReadScope, plugin_id: str, return_presigned_urls: bool = False) -> Answer:
    plugin = get_plugin(stores, scope, plugin_id)
    shown = document(stores, scope, plugin, get_deployment(stores, scope, plugin.plugin_id))
    url = stores.blobs.presign_get(archive_ref(stores, plugin), DOWNLOAD_S) if return_presigned_urls else None
    return Answer({"success": True, "plugin": shown, "presigned_download_url": url})


@router.delete("/{plugin_id}")
def delete(stores: StoresOf, scope: DeleteScope, plugin_id: str, force: bool = False) -> Answer:
    plugin = get_plugin(stores, scope, plugin_id)
    removed = delete_plugin(stores, scope, plugin, force=force)
    message = "Plugin deleted; its endpoint is being removed." if removed else "Plugin deleted."
    return Answer({"success": True, "plugin_id": plugin.plugin_id, "message": message, "deployment_removed": removed})


@router.post("/{plugin_id}/deploy")
def deploy(
    stores: StoresOf,
    scope: WriteScope,
    plugin_id: str,
    deployment_type: Annotated[Literal["batch_only", "realtime"] | None, Query()] = None,
) -> Answer:
    plugin = get_plugin(stores, scope, plugin_id)
    deployment = request_deploy(stores, scope, plugin, deployment_type)
    common = {
        "deployment_type": deployment.deployment_type,
        "plugin_id": plugin.plugin_id,
        "namespace_id": scope.namespace_id,
        "status_endpoint": f"/v1/namespaces/{scope.namespace_id}/plugins/{plugin.plugin_id}/status",
    }
    if not deployment.desired:
        return Answer({"status": "batch_only", "message": "Plugin is available to collections."} | common)
    return Answer(
        {
            "status": "queued",
            "message": f"Plugin queued for deployment. Will start within {QUEUE_S} seconds.",
            "route_prefix": deployment.route_prefix,
            "estimated_completion_seconds": QUEUE_S + ROLLOUT_S,
            "deployment_name": deployment.name,
        }
        | common
    )


@router.get("/{plugin_id}/status")
def status(stores: StoresOf, scope: ReadScope, plugin_id: str) -> Answer:
    plugin = get_plugin(stores, scope, plugin_id)
    deployment = get_deployment(stores, scope, plugin.plugin_id)
    state = deployment.status if deployment else DeploymentStatus.NOT_DEPLOYED
    serving = deployment is not None and deployment.desired
    return Answer(
        {
            "plugin_id": plugin.plugin_id,
            "namespace_id": scope.namespace_id,
            "status": state,
            "name": plugin.name,
            "version": plugin.version,
            "realtime_enabled": plugin.manifest.has_realtime,
            "message": STATES[state],
            "queued_at": deployment.queued_at if deployment and serving else None,
            "estimated_completion_seconds": remaining_s(deployment),
            "deployed": state is DeploymentStatus.DEPLOYED,
            "route_prefix": deployment.route_prefix if deployment and serving else None,
            "feature_uri": plugin.feature_uri,
            "deployed_at": deployment.deployed_at if deployment and serving else None,
            "error": deployment.error if deployment else None,
        }
    )


@router.post("/{plugin_id}/undeploy")
def undeploy(stores: StoresOf, scope: WriteScope, plugin_id: str) -> Answer:
    plugin = get_plugin(stores, scope, plugin_id)
    removed = request_undeploy(stores, scope, plugin.plugin_id)
    return Answer(
        {
            "success": True,
            "plugin_id": plugin.plugin_id,
            "namespace_id": scope.namespace_id,
            "message": "The endpoint is being removed." if removed else "The plugin had no endpoint.",
            "status": DeploymentStatus.NOT_DEPLOYED,
            "deployment_removed": removed,
        }
    )


def published(stores: Stores, plugin: Plugin) -> dict[str, Any]:
    """What both ways of publishing answer."""
    return {
        "success": True,
        "plugin_id": plugin.plugin_id,
        "validation_status": plugin.validation_status,
        "validation_errors": [],
        "feature_uri": plugin.feature_uri,
        "s3_archive_url": archive_ref(stores, plugin).url,
        "message": f"Plugin {plugin.name} {plugin.version} is published.",
        "warnings": plugin.warnings,
    }


def listed(plugin: Plugin, deployment: Deployment | None) -> dict[str, Any]:
    """PluginListItem."""
    return {
        "plugin_id": plugin.plugin_id,
        "name": plugin.name,
        "version": plugin.version,
        "description": plugin.description,
        "deployed": is_deployed(deployment),
        "validation_status": plugin.validation_status,
        "feature_uri": plugin.feature_uri,
        "created_at": plugin.created_at,
        "updated_at": plugin.updated_at,
    }


def document(stores: Stores, scope: Scope, plugin: Plugin, deployment: Deployment | None) -> dict[str, Any]:
    """PluginDocument."""
    manifest = plugin.manifest.model_dump(mode="json", exclude={"name", "warnings", "has_realtime"})
    manifest["feature_extractor_name"] = plugin.name
    info = (
        {
            "feature_uri": plugin.feature_uri,
            "ray_deployment_name": deployment.name,
            "deployed_at": deployment.deployed_at,
        }
        if deployment and deployment.desired
        else None
    )
    return listed(plugin, deployment) | {
        "namespace_id": scope.namespace_id,
        "organization_id": scope.org_id,
        "s3_archive_url": archive_ref(stores, plugin).url,
        "code_hash": plugin.sha256,
        "size_bytes": plugin.size_bytes,
        "validation_errors": [],
        "warnings": plugin.warnings,
        "security_scan_passed": True,
        "deployment_info": info,
        "deployed_at": deployment.deployed_at if info and deployment else None,
        "manifest": manifest,
    }


def is_deployed(deployment: Deployment | None) -> bool:
    """Whether its endpoint answers."""
    return deployment is not None and deployment.status is DeploymentStatus.DEPLOYED


def remaining_s(deployment: Deployment | None) -> int | None:
    """Seconds until the rollout should have ended, while one is under way."""
    if deployment is None or deployment.queued_at is None or not deployment.desired:
        return None
    if deployment.status in (DeploymentStatus.DEPLOYED, DeploymentStatus.FAILED):
        return None
    return max(0, round(QUEUE_S + ROLLOUT_S - (now() - deployment.queued_at).total_seconds()))
