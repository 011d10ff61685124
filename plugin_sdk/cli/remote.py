"""The connection that a command uses, checked before anything is sent."""

import typer

from plugin_sdk.cli.client import Api
from plugin_sdk.cli.profile import connection


def open_api(base_url: str | None, api_key: str | None, namespace: str | None, *, needs_namespace: bool = False) -> Api:
    """An Api for the flags; exits 2 with what to set when a key or a needed namespace is missing."""
    target = connection(base_url, api_key, namespace)
    if not target.api_key:
        raise typer.BadParameter("No API key: set --api-key or MIXPEEK_API_KEY, or run 'mixpeek up'.")
    if needs_namespace and not target.namespace:
        raise typer.BadParameter("No namespace: set --namespace or MIXPEEK_NAMESPACE.")
    return Api(target.base_url, target.api_key, target.namespace)
