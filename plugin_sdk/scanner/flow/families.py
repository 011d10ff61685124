"""Families of classes: those that may be related by inheritance share one scope that stands for their instances."""

import ast
from collections.abc import Iterable, Mapping

from plugin_sdk.scanner.scopes import Scope
from plugin_sdk.scanner.tables import words

PLAIN_BASES = words(
    """
    object ABC BaseModel Exception ValueError RuntimeError TypeError KeyError Enum IntEnum StrEnum Protocol NamedTuple
    TypedDict str int float dict list tuple Generic RootModel BaseSettings UserDict UserList Flag IntFlag
    """
)
"""Bases from outside whose methods open no door."""

OUTSIDE = "outside "


def families(classes: Iterable[Scope]) -> dict[Scope, Scope]:
    """Each class with its family's scope; all classes that have nothing from a library's class are one family."""
    named = [(scope, scope.node.name) for scope in classes if isinstance(scope.node, ast.ClassDef)]
    own = {name for _, name in named}
    related: dict[str, str] = {}
    for scope, name in named:
        for base in _bases(scope):
            if base in own or base not in PLAIN_BASES:
                _relate(related, name, base if base in own else OUTSIDE + base)
    outside = {_head(related, name) for name in list(related) if name.startswith(OUTSIDE)}
    found: dict[str, Scope] = {}
    result: dict[Scope, Scope] = {}
    for scope, name in named:
        head = _head(related, name)
        family = head if head in outside else ""
        if family not in found:
            found[family] = Scope("class", None, scope.module, ast.Pass())
        result[scope] = found[family]
    return result


def shared_names(families: Mapping[Scope, Scope]) -> dict[Scope, set[str]]:
    """The names that every class of a family defines itself."""
    shared: dict[Scope, set[str]] = {}
    for scope, family in families.items():
        names = set(scope.names)
        shared[family] = shared[family] & names if family in shared else names
    return shared


def _bases(scope: Scope) -> Iterable[str]:
    """The last name of each base; a base that is no name is a family of its own kind."""
    for base in scope.bases:
        node = base.value if isinstance(base, ast.Subscript) else base
        yield node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "?")


def _head(related: dict[str, str], name: str) -> str:
    while (other := related.get(name, name)) != name:
        name = other
    return name


def _relate(related: dict[str, str], name: str, other: str) -> None:
    name, other = _head(related, name), _head(related, other)
    related.setdefault(name, name)
    related.setdefault(other, other)
    related[name] = other
