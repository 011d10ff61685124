"""Removing a plugin: refused while collections need it, unless forced; its endpoint goes with it."""

from core.collections import collections_using
from core.deployments import remove_deployment
from core.errors import Conflict
from core.plugins import Plugin, remove_plugin
from core.stores import Stores
from core.tenancy import Scope


def delete_plugin(stores: Stores, scope: Scope, plugin: Plugin, *, force: bool = False) -> bool:
    """Delete the plugin, its archive and its deployment; whether an endpoint was taken down.

    Raises:
        Conflict: collections are made with it.
    """
    users = collections_using(stores, scope, plugin.plugin_id)
    if users and not force:
        named = ", ".join(f"{c.collection_name} ({c.collection_id})" for c in users)
        raise Conflict(
            f"The plugin {plugin.plugin_id} is used by {len(users)} collection{'s' if len(users) > 1 else ''}: {named}.",
            "Delete them first, or force it (?force=true, --force); their documents stay, new batches will fail.",
        )
    removed = remove_deployment(stores, scope, plugin.plugin_id)
    remove_plugin(stores, scope, plugin)
    return removed
