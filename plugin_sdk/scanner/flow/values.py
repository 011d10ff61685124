"""What an expression may be, as sets of values, and how they are put into containers."""

import ast
import builtins
from collections.abc import Iterable

from plugin_sdk.scanner.scopes import Scope, Value
from plugin_sdk.scanner.tables import FORBIDDEN_BUILTINS, words

Values = frozenset[Value]

NOTHING: Values = frozenset()

BUILTINS = set(dir(builtins)) | {"__builtins__", "__loader__", "__spec__"}

BUILTIN_VALUES: dict[str, Values] = {name: frozenset({("lib", f"builtins.{name}")}) for name in BUILTINS}

MAX_VALUES = 48

CAPS = {"txt": 6, "lib": 8, "def": 8, "cls": 8}
"""How many values of a kind a variable tells apart."""

MAX_KEPT = 6
"""How many values a variable holds before its kinds are counted."""

MAX_TEXTS = 12

MAX_TOTAL = 24
"""A variable that holds more may hold anything."""

MAX_CHANGES = 12
"""A variable that grows more often may hold anything too."""

ANYTHING: Value = ("any", "")

NO_OBJECT: Value = ("may", "be no object")
"""Beside the `self` of a method that may get something else than an object of its class."""

DULL: set[Value] = {
    ("lib", f"builtins.{name}")
    for name in BUILTINS
    - set(FORBIDDEN_BUILTINS)
    - words("type super object __builtins__ map filter iter next sorted reversed")
}
"""Builtins that need not be followed once they are kept somewhere: types and plain functions."""


def boxed(values: Iterable[Value]) -> Values:
    """A container of the values; containers inside it are opened."""
    inner: set[Value] = set()
    for kind, what in values:
        if kind == "box":
            inner |= what
        else:
            inner.add((kind, what))
    if not inner:
        return NOTHING
    if len(inner) > MAX_VALUES:
        inner = {value for value in inner if value[0] != "txt"}
    return frozenset({("box", frozenset(inner))})


def is_method(function: Scope) -> bool:
    """Whether the first parameter is the object or class that the function is called on."""
    if function.parent is None or function.parent.kind != "class" or not function.params:
        return False
    decorators = getattr(function.node, "decorator_list", [])
    return not any(isinstance(node, ast.Name) and node.id == "staticmethod" for node in decorators)
