"""Importing a plugin's folder as a package of its own: only its .py files, whatever the folder's name.

Each load gets a package name of its own, so two plugins (or two versions) in one process never see each other's
modules. Compiled files and extension modules beside the sources are not looked at: what was scanned is what runs.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

_numbers = itertools.count(1)


class SourceLoader(importlib.machinery.SourceFileLoader):
    """Compiles the source each time; neither reads nor writes `__pycache__`."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class PluginFinder(importlib.abc.MetaPathFinder):
    """Finds the modules of the plugins that were added to it."""

    def __init__(self) -> None:
        self._folders: dict[str, Path] = {}

    def add(self, folder: Path) -> str:
        """A package name under which the folder can be imported."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        name = f"_plugin_{next(_numbers)}"
        self._folders[name] = folder
        return name

    def remove(self, name: str) -> None:
        """Forget the package and all its modules."""
        self._folders.pop(name, None)
        for module in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
            del sys.modules[module]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's file, or its folder as a package with or without `__init__.py`."""
        root, *parts = fullname.split(".")
        if root not in self._folders:
            return None
        place = self._folders[root].joinpath(*parts)
        if place.is_dir():
            return _package(fullname, place)
        file = place.with_name(f"{place.name}.py")
        return _module(fullname, file) if file.is_file() else None


FINDER = PluginFinder()
"""The one finder of this process."""


def _package(name: str, folder: Path) -> importlib.machinery.ModuleSpec:
    init = folder / "__init__.py"
    if init.is_file():
        loader = SourceLoader(name, str(init))
        spec = importlib.util.spec_from_file_location(
            name, init, loader=loader, submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        return spec
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    return spec


def _module(name: str, file: Path) -> importlib.machinery.ModuleSpec:
    spec = importlib.util.spec_from_file_location(name, file, loader=SourceLoader(name, str(file)))
    assert spec is not None
    return spec
