"""Objects: what their attributes, their elements and their special methods give."""

import ast
from collections.abc import Iterable

from plugin_sdk.scanner.flow.names import Names
from plugin_sdk.scanner.flow.paths import LISTED, REACHABLE, item_path, member_path
from plugin_sdk.scanner.flow.values import ANYTHING, NOTHING, Values, is_method
from plugin_sdk.scanner.scopes import Scope, Value
from plugin_sdk.scanner.tables import words

ADDERS = words(
    "append add insert extend update setdefault put put_nowait appendleft push set send __setitem__ submit offer fill itemset set_result"
)
"""Methods that put their arguments into the object before the dot."""

CONTAINER_METHODS = ADDERS | words(
    "get pop popitem values items keys copy popleft get_nowait index count remove clear sort reverse"
)


PUT = "()."
"""Stands before the name of an attribute that the plugin stores into an object of a library's."""

ITERATION = ("__iter__", "__next__", "__getitem__", "__class_getitem__", "__aiter__", "__anext__")


class Objects(Names):
    """Reads attributes and elements of values."""

    def member_of(self, bases: Values, name: str) -> Values:
        """An attribute of a value; of what the plugin made itself, and of unknown objects, anything stored under the name."""
        if ANYTHING in bases:
            return self.read(self._anything) | self.read(self.attribute(name)) | {ANYTHING}
        found: set[Value] = set()
        outside = own = made = False
        for kind, what in bases:
            if kind == "lib":
                outside = True
                made = made or "(" in what
                if path := member_path(what, name):
                    found.add(("lib", path))
            elif kind in {"obj", "cls"}:
                own = True
                found |= self.inherited(kind, what, name)
            elif kind == "mod":
                found |= self.member(what, name)
            elif kind == "box":
                found.add((kind, what))
                if name not in CONTAINER_METHODS:
                    found |= {("lib", f"{path}.{name}") for inner, path in what if inner == "lib" and "." not in path}
            elif kind == "def":
                found |= self.member_of(frozenset(value for value in self.read(what.result) if value[0] == "lib"), name)
        if made and not own:
            found |= self.read(self.attribute(f"{PUT}{name}"))
        if own or not outside:
            stored = self.read(self.attribute(name))
            found |= stored
            for kind, function in tuple(stored):
                if kind == "def" and getattr(function.node, "decorator_list", None):
                    found |= self.read(function.result)  # a property, of whatever kind
            if any(kind == "obj" for kind, _ in stored):
                found |= self.given_by("__get__")
        if own:
            found |= self.given_by("__getattr__", "__getattribute__")
        if not outside and (name in LISTED or name in REACHABLE):
            found.add(("lib", f"?.{name}"))
        return frozenset(found)

    def is_made(self, node: ast.expr) -> bool:
        """Whether an expression is an object that a library made, and none of the plugin's own."""
        values = self.of(node)
        return any(kind == "lib" and "(" in what for kind, what in values) and "obj" not in {kind for kind, _ in values}

    def inherited(self, kind: str, scope: Scope, name: str) -> set[Value]:
        """What an instance or class of the plugin has from a library's class: `class P(Path)` reads files too."""
        family = self.families.get(scope, scope)
        if name in scope.names or name in self.shared.get(family, ()):
            return set()
        call = "()" if kind == "obj" else ""
        return {("lib", f"{path}{call}.{name}") for inner, path in self.read(family.result) if inner == "lib"}

    def given_by(self, *methods: str) -> set[Value]:
        """Results of the plugin's own special methods of these names, whichever class defines them."""
        found: set[Value] = set()
        for method in self._special_names.intersection(methods):
            for kind, function in tuple(self.read(self.attribute(method))):
                if kind == "def":
                    found |= self.read(function.result)
        return found

    def handed_to(self, methods: Iterable[str], values: Iterable[Value]) -> None:
        """An operator hands values to the plugin's own special methods of these names."""
        given = [value for value in values if value[0] in {"lib", "box"}]
        if given:
            for method in self._special_names.intersection(methods):
                for kind, function in tuple(self.read(self.attribute(method))):
                    if kind == "def":
                        for name in [*function.params[is_method(function) :], *function.star_params]:
                            self.write(function.names[name], given)

    def elements(self, values: frozenset[Value] | set[Value]) -> Values:
        """What iterating over the values, or subscripting them, gives."""
        if ANYTHING in values:
            return self.read(self._anything) | {ANYTHING}
        found: set[Value] = set()
        own = False
        for kind, what in values:
            if kind == "box":
                found |= what
                found.add((kind, what))
            elif kind == "lib" and (path := item_path(what)):
                found.add(("lib", path))
            elif kind == "def":
                found |= self.read(what.result)
            elif kind in {"obj", "cls"}:
                own = True
        return frozenset(found | self.given_by(*ITERATION) if own else found)

    def super_of(self, scope: Scope) -> Values:
        """What `super()` gives: the object, and what its class has from a library's."""
        found = self.self_of(scope)
        for _, family in found:
            found |= {("lib", f"{path}()") for kind, path in self.read(family.result) if kind == "lib"}
        return found

    def self_of(self, scope: Scope) -> Values:
        here: Scope | None = scope
        while here is not None and here.kind != "class":
            here = here.parent
        return frozenset({self.instance(here)}) if here is not None else NOTHING
