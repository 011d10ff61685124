"""Routes of the organization's plugins: upload, confirm, list, detail, delete, and which namespaces have them."""

from typing import Any, Literal

from core.collections import Collection
from core.namespaces import find_namespace
from core.organization_plugins import delete_organization_plugin, deploy_if_served, disable, enable
from core.plugins import confirm, create_upload, get_plugin, list_plugins
from core.reconfiguration import Reconfigured
from core.reconfiguration import reconfigure as reconfigured
from core.sharing import shared_in
from core.web.bodies import Body
from core.web.callers import Caller, ReadScope, WriteScope
from functions.api.deps import Answer, OrganizationDeleter, OrganizationReader, OrganizationWriter, Router, StoresOf
from functions.api.routes.plugins import ConfirmUpload, CreateUpload, InspectorOf, document, listed, published

router = Router(tags=["organization-plugins"])


class Enable(Body):
    """EnableOrgPluginRequest."""

    params: dict[str, Any] | None = None
    deploy: bool = True


class Reconfigure(Body):
    """ReconfigureNamespaceRequest."""

    confirm: Literal[True]


@router.post("/plugins/uploads")
def presign(stores: StoresOf, caller: OrganizationWriter, body: CreateUpload) -> Answer:
    upload, url = create_upload(
        stores,
        caller.organization,
        body.name,
        body.version,
        description=body.description,
        expires_in_s=body.presigned_url_expiration,
    )
    told = upload.model_dump(mode="json", include={"upload_id", "s3_key", "expires_at", "name", "version"})
    return Answer(told | {"presigned_url": url, "organization_id": caller.org_id})


@router.post("/plugins/uploads/{upload_id}/confirm")
def confirm_upload(
    stores: StoresOf,
    caller: OrganizationWriter,
    inspector: InspectorOf,
    upload_id: str,
    body: ConfirmUpload | None = None,
) -> Answer:
    sent = body or ConfirmUpload()
    scope = caller.organization
    plugin = confirm(stores, scope, upload_id, inspector, etag=sent.etag, size_bytes=sent.file_size_bytes)
    return Answer(published(stores, plugin) | {"upload_id": upload_id, "deployment_status": "pending"})


@router.get("/plugins")
def list_all(stores: StoresOf, caller: OrganizationReader) -> Answer:
    items = [listed(plugin, None) for plugin in list_plugins(stores, caller.organization)]
    return Answer({"success": True, "plugins": items, "total": len(items), "organization_id": caller.org_id})


@router.get("/plugins/{plugin_id}")
def get(stores: StoresOf, caller: OrganizationReader, plugin_id: str) -> Answer:
    plugin = get_plugin(stores, caller.organization, plugin_id)
    shown = document(stores, caller.organization, plugin, None)
    del shown["namespace_id"]
    return Answer({"success": True, "plugin": shown})


@router.delete("/plugins/{plugin_id}")
def delete(stores: StoresOf, caller: OrganizationDeleter, plugin_id: str, force: bool = False) -> Answer:
    plugin = get_plugin(stores, caller.organization, plugin_id)
    delete_organization_plugin(stores, caller, plugin, force=force)
    return Answer({"success": True, "plugin_id": plugin.plugin_id, "message": "Plugin deleted."})


@router.get("/namespaces/{namespace_id}/plugins/available")
def available(stores: StoresOf, caller: Caller, scope: ReadScope) -> Answer:
    enabled = shared_in(stores, scope, "plugin")
    keys = {"plugin_id", "name", "version", "description", "feature_uri", "validation_status", "created_at"}
    items = [
        {k: v for k, v in listed(plugin, None).items() if k in keys}
        | {"enabled_in_namespace": plugin.plugin_id in enabled}
        for plugin in list_plugins(stores, caller.organization)
    ]
    told = {"success": True, "plugins": items, "total": len(items)}
    return Answer(told | {"organization_id": caller.org_id, "namespace_id": scope.namespace_id})


@router.post("/namespaces/{namespace_id}/plugins/org/{plugin_id}/enable")
def enable_plugin(
    stores: StoresOf, caller: Caller, scope: WriteScope, plugin_id: str, body: Enable | None = None
) -> Answer:
    wanted = body or Enable()
    plugin = enable(stores, caller, scope, plugin_id, wanted.params)
    return Answer(
        {
            "success": True,
            "plugin_id": plugin.plugin_id,
            "namespace_id": scope.namespace_id,
            "feature_uri": plugin.feature_uri,
            "message": f"Plugin {plugin.name} {plugin.version} is enabled in this namespace.",
            "deployment_status": deploy_if_served(stores, scope, plugin) if wanted.deploy else "skipped",
        }
    )


@router.post("/namespaces/{namespace_id}/plugins/org/{plugin_id}/disable")
def disable_plugin(stores: StoresOf, scope: WriteScope, plugin_id: str, force: bool = False) -> Answer:
    plugin = disable(stores, scope, plugin_id, force=force)
    told = {"success": True, "plugin_id": plugin.plugin_id, "namespace_id": scope.namespace_id}
    return Answer(told | {"message": f"Plugin {plugin.name} {plugin.version} is disabled in this namespace."})


@router.post("/namespaces/{namespace_id}/plugins/reconfigure")
def reconfigure(stores: StoresOf, caller: Caller, scope: WriteScope, body: Reconfigure) -> Answer:
    found = reconfigured(stores, caller, find_namespace(stores, caller, scope.namespace_id))
    return Answer(
        {
            "namespace_id": scope.namespace_id,
            "status": "reconfigured" if found.changed else "no_changes_needed",
            "previous_points_count": found.documents,
            "vectors_added": found.vectors_added,
            "vectors_total": found.vectors,
            "collections_to_reprocess": [c.collection_id for c in found.outdated],
            "message": told(found),
        }
    )


def told(found: Reconfigured) -> str:
    """What came of it, for people."""
    if found.outdated:
        return f"Submit batches again for {names(found.outdated)}: their plugin was published anew with other vectors."
    return f"{len(found.vectors_added)} vectors were added." if found.changed else "The namespace is up to date."


def names(collections: list[Collection]) -> str:
    """The collections' names, for a sentence."""
    return ", ".join(c.collection_name for c in collections)
