"""Stand-ins for packages that workers have and this function does not: importable, usable in passing, never as a value.

A manifest may import numpy, or a processor that does, without any of its values coming from there. So a stand-in lets
itself be imported, subclassed, called and named in annotations; what asks it for a number, a text or a truth is told
that only workers know.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from plugin_sdk.errors import PlatformError

PLAIN = (bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset)


class ValueUnknown(PlatformError):
    """A manifest's code asks for a value that only workers know."""

    code = "value_unknown"


class Unknown:
    """Something out of a package that is not here."""

    def __init__(self, name: str) -> None:
        self.__dict__["_name"] = name

    def __repr__(self) -> str:
        return f"<{self.__dict__['_name']}: known where plugins run>"

    def __getattr__(self, name: str) -> "Unknown":
        if name.startswith("__"):
            raise AttributeError(name)
        return Unknown(f"{self.__dict__['_name']}.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Whatever is set here has no effect on the manifest."""

    def __call__(self, *args: Any, **kwargs: Any) -> "Unknown":
        return Unknown(f"{self.__dict__['_name']}()")

    def __getitem__(self, key: Any) -> "Unknown":
        return Unknown(f"{self.__dict__['_name']}[…]")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        """A subclass is a class without this base."""
        return ()

    def __enter__(self) -> "Unknown":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PLAIN):
            raise self._unknown()
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def _unknown(self) -> ValueUnknown:
        name = self.__dict__["_name"]
        return ValueUnknown(
            f"the value of {name} is asked for, and {name.partition('.')[0]} is only there where plugins run.",
            "Write the value itself, or move this line into a function of the processor.",
        )


def _named(self: Unknown, *_: Any) -> Unknown:
    return Unknown(f"{self.__dict__['_name']}…")


def _refuses(self: Unknown, *_: Any) -> Any:
    raise self._unknown()


for _operator in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"):
    setattr(Unknown, f"__{_operator}__", _named)
    setattr(Unknown, f"__r{_operator}__", _named)
for _operator in ("neg", "pos", "abs", "invert"):
    setattr(Unknown, f"__{_operator}__", _named)
for _question in (
    "bool",
    "int",
    "float",
    "complex",
    "index",
    "len",
    "iter",
    "contains",
    "str",
    "format",
    "bytes",
    "round",
):
    setattr(Unknown, f"__{_question}__", _refuses)
for _comparison in ("lt", "le", "gt", "ge", "instancecheck", "subclasscheck", "await", "next"):
    setattr(Unknown, f"__{_comparison}__", _refuses)


class Module(ModuleType):
    """A module that has every name; also a package, whose submodules are such modules."""

    def __getattr__(self, name: str) -> Unknown:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unknown(f"{self.__name__}.{name}")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a stand-in for each module whose top `stands_in` wants one for; asked last, so what is here is what is used."""

    def __init__(self, stands_in: Callable[[str], bool]) -> None:
        self._stands_in = stands_in

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A stand-in's submodules are stand-ins too; a package that is here has only its own."""
        top = fullname.partition(".")[0]
        if top != fullname and not isinstance(sys.modules.get(top), Module):
            return None
        return importlib.util.spec_from_loader(fullname, self, is_package=True) if self._stands_in(top) else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The stand-in."""
        return Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is in it."""


def offer(stands_in: Callable[[str], bool]) -> None:
    """Let missing modules be imported in this process where `stands_in` says so of their top."""
    sys.meta_path.append(Finder(stands_in))


def stood_in(module: str) -> bool:
    """Whether importing this top-level module gives a stand-in."""
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    return spec is not None and isinstance(spec.loader, Finder)
