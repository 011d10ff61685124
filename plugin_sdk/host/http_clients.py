"""HTTP clients in a host: aiohttp heeds the proxy's variables there, as the others do without being told to."""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

CLIENT = "aiohttp.client"


class Finder(importlib.abc.MetaPathFinder):
    """Finds one module as ever, and has its sessions trust the environment by default."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The usual place of `aiohttp.client`; nothing of other modules."""
        if fullname != CLIENT:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def executed(module: ModuleType) -> None:
                execute(module)
                _trust(module)

            spec.loader.exec_module = executed  # type: ignore[method-assign]
        return spec


def install() -> None:
    """From now on, for this process."""
    sys.meta_path.insert(0, Finder())


def _trust(module: Any) -> None:
    defaults = getattr(module.ClientSession.__init__, "__kwdefaults__", None)
    if defaults and "trust_env" in defaults:
        defaults["trust_env"] = True
