"""The official client, imported by the first test that uses it: that takes seconds of a core."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    return getattr(importlib.import_module("mixpeek"), name)
