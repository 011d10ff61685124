"""Organization plugins: published once for the whole organization, and enabled in the namespaces that shall have them.

Enabling writes the plugin's record into the namespace, so that collections, batches and serving nodes find it as they
find the namespace's own; its archive stays where the organization has it.
"""

from collections.abc import Mapping
from typing import Any

from core.deployments import request_deploy
from core.errors import InvalidRequest, NotFound
from core.plugin_removal import delete_plugin
from core.plugins import Plugin, archive_ref, get_plugin
from core.sharing import holders, refuse_while_held, share
from core.stores import Stores
from core.tenancy import Principal, Scope
from plugin_sdk.errors import InvalidParameters


def enable(
    stores: Stores, principal: Principal, scope: Scope, plugin_id: str, params: Mapping[str, Any] | None = None
) -> Plugin:
    """The organization's plugin as the namespace has it from now on; again changes its default parameters.

    Args:
        params: what collections of the namespace get unless they say otherwise.

    Raises:
        NotFound: the organization has no such plugin.
        AlreadyExists: the namespace has published a plugin of this id itself.
        InvalidRequest: a parameter is unknown or does not fit.
    """
    plugin = get_plugin(stores, principal.organization, plugin_id)
    copy = plugin.changed(shared=True, params=_checked(plugin, params or {}))
    share(stores, principal, scope, "plugin", copy.plugin_id, copy.body())
    return copy


def deploy_if_served(stores: Stores, scope: Scope, plugin: Plugin) -> str:
    """`pending` once the plugin's endpoint is asked for, `skipped` where it has none."""
    if not plugin.manifest.has_realtime:
        return "skipped"
    request_deploy(stores, scope, plugin)
    return "pending"


def disable(stores: Stores, scope: Scope, plugin_id: str, *, force: bool = False) -> Plugin:
    """Take the plugin out of the namespace, and its endpoint down.

    Raises:
        NotFound: it is not enabled there.
        Conflict: collections are made with it.
    """
    plugin = get_plugin(stores, scope, plugin_id)
    if not plugin.shared:
        raise NotFound(
            f"The plugin {plugin_id!r} is the namespace's own.", "Delete it with DELETE …/plugins/{plugin_id}."
        )
    delete_plugin(stores, scope, plugin, force=force)
    return plugin


def delete_organization_plugin(stores: Stores, principal: Principal, plugin: Plugin, *, force: bool = False) -> None:
    """Delete the plugin and its archive, and take it out of every namespace.

    Raises:
        Conflict: namespaces have it enabled, and `force` is not set.
    """
    if not force:
        refuse_while_held(stores, principal, "plugin", plugin.plugin_id)
    stores.records.delete(principal.organization.key("plugin"), plugin.plugin_id)
    for namespace in holders(stores, principal, "plugin", plugin.plugin_id):
        disable(stores, principal.scope(namespace.namespace_id), plugin.plugin_id, force=True)
    stores.blobs.delete(archive_ref(stores, plugin))


def _checked(plugin: Plugin, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as given, once they fit with the defaults of all others."""
    try:
        plugin.manifest.validate_params(dict(params))
    except InvalidParameters as error:
        raise InvalidRequest(error.problem, error.fix, f"params.{error.field}".rstrip(".")) from error
    return dict(params)
