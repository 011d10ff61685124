"""The official client, imported by the first test that uses it: that takes seconds of a core."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if not name[0].isupper() and name != "exceptions":  # pytest and its plugins ask all that lies in a test's module
        raise AttributeError(name)
    return getattr(importlib.import_module("mixpeek"), name)
