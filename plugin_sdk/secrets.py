"""Secrets: API keys and the like, asked for by name and handed over by whoever runs the plugin.

In a plugin host the worker gives those of the plugin's own organization; elsewhere they are environment variables.
"""

import os
from collections.abc import Callable

from plugin_sdk.errors import PlatformError

Source = Callable[[str], str | None]


class SecretMissing(PlatformError):
    """No secret of that name is set."""

    code = "secret_missing"


def get_secret(name: str) -> str:
    """The secret's value.

    Raises:
        SecretMissing: there is none of that name, or it is empty.
    """
    value = _source(name)
    if not value:
        raise SecretMissing(f"The secret {name} is not set.", f"Set {name} in the environment.")
    return value


def use_source(source: Source) -> Source:
    """Ask `source` from now on; returns the one in use so far."""
    global _source
    before, _source = _source, source
    return before


def read(name: str) -> str | None:
    """In a plugin host, what the worker hands over; elsewhere the environment variable.

    Raises:
        SecretMissing: the worker gives none of that name.
    """
    from plugin_sdk.host import brokered  # only here: it needs the operating system's sockets

    if not brokered.connected():
        return os.environ.get(name)
    try:
        return brokered.secret(name)
    except brokered.NotGiven as error:
        raise SecretMissing(error.problem, error.fix) from None


_source: Source = read
