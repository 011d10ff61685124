"""Secrets: API keys and the like, asked for by name and handed over by whoever runs the plugin."""

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
        raise SecretMissing(f"The secret {name} is not set.", f"Set {name} in the environment of the plugin's worker.")
    return value


def use_source(source: Source) -> Source:
    """Ask `source` from now on; returns the one in use so far."""
    global _source
    before, _source = _source, source
    return before


_source: Source = os.environ.get
