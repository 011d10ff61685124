"""Stores: assignments, parameters, definitions and imports put values under names."""

import ast
import re
from itertools import chain
from typing import Any

from plugin_sdk.scanner.flow.expressions import Expressions
from plugin_sdk.scanner.flow.objects import PUT
from plugin_sdk.scanner.flow.paths import REGISTRARS
from plugin_sdk.scanner.flow.values import NO_OBJECT, Values, boxed
from plugin_sdk.scanner.scopes import Scope, Value, Var

BINDING = re.compile(
    r"builtins\.(?:staticmethod|classmethod)|(?:torch|contextlib)\..*|functools\.(?:cache|lru_cache(?:\(\))?|wraps\(\))"
)
"""Decorators that leave a function what it is to its class."""

GIVEN_CLASSES = {"__new__", "__init_subclass__", "__class_getitem__", "__prepare__"}


class Stores(Expressions):
    """Carries out what a statement writes."""

    def _origin(self, extra: tuple[ast.expr | None, bool]) -> Values:
        origin, inside = extra
        values = self.of(origin)
        return self.elements(values) if inside else values

    def _sink_var(self, spec: tuple[str, Var], scope: Scope, extra: tuple[ast.expr | None, bool]) -> None:
        values = self._origin(extra)
        self.write(spec[1], values)
        if scope.kind == "class" and values:
            for name, var in scope.names.items():
                if var is spec[1]:
                    self.store(name, values)

    def _sink_named(self, spec: tuple[str, ast.Name], scope: Scope, extra: object) -> None:
        """A name is stored; the rules look at it."""

    def _sink_raised(self, spec: tuple[str, ast.expr], scope: Scope, extra: object) -> None:
        """Whoever catches an exception may get what it was made of."""
        self.write(self.raised, (value for value in self.of(spec[1]) if value[0] != "txt"))
        if isinstance(spec[1], ast.Call):
            for argument in spec[1].args:
                self.write(self.raised, boxed(value for value in self.of(argument) if value[0] != "txt"))

    def _sink_caught(self, spec: tuple[str, Var], scope: Scope, extra: object) -> None:
        self.write(spec[1], (value for value in self.read(self.raised) if value[0] == "box"))

    def _sink_yield(self, spec: tuple[str, Var], scope: Scope, extra: tuple[ast.expr | None, bool]) -> None:
        self.write(spec[1], boxed(self.of(extra[0])))

    def _sink_attr(self, spec: tuple[str, ast.Attribute], scope: Scope, extra: tuple[ast.expr | None, bool]) -> None:
        target = spec[1]
        values = self._origin(extra)
        self._stored.add(target.attr)
        self.store(target.attr, values)
        for kind, what in self.of(target.value):
            if kind == "mod" and what in self.modules:
                self.write(self.modules[what].scope.bind(target.attr), values)
        if self.is_made(target.value):
            self.write(self.attribute(f"{PUT}{target.attr}"), values)
            self.write(
                self._hooks, chain.from_iterable(self.read(what.result) for kind, what in values if kind == "def")
            )

    def _sink_item(self, spec: tuple[str, ast.Subscript], scope: Scope, extra: tuple[ast.expr | None, bool]) -> None:
        self._fill(spec[1].value, boxed(self._origin(extra)), scope)

    def _sink_annotated(self, spec: tuple[str, ast.expr], scope: Scope, name: str) -> None:
        """An annotation tells the kind of what a library made: `batch: pd.DataFrame`."""
        var = scope.names.get(name)
        if scope.kind == "class":
            self.store(name, ())
        instances: set[Value] = set()
        for kind, what in self.of(spec[1]):
            if (
                kind == "lib"
                and not what.startswith(("builtins.", "typing.", "?"))
                and "(" not in what
                and "[" not in what
            ):
                instances.add(("lib", f"{what}()"))
        if var is not None:
            self.write(var, instances)

    def _sink_self(self, spec: tuple[str, Scope], scope: Scope, name: str) -> None:
        self.write(scope.names[name], {self.instance(spec[1])})
        if self._may_get_class(scope.node, spec[1]):
            self.write(scope.names[name], {NO_OBJECT})

    def _binds_self(self, node: ast.AST) -> bool:
        """Whether a function of a class is called with an object, or its class, before what its caller gives."""
        values = [self.of(decorator) for decorator in getattr(node, "decorator_list", ())]
        return all(given and all(kind == "lib" and BINDING.fullmatch(what) for kind, what in given) for given in values)

    def _may_get_class(self, node: ast.AST, owner: Scope) -> bool:
        """Whether the first parameter of a class's function may be a class instead of an object."""
        decorators = getattr(node, "decorator_list", ())
        if not self._binds_self(node) or any(("lib", "builtins.classmethod") in self.of(item) for item in decorators):
            return True
        bases = {what for kind, what in self.read(self.families.get(owner, owner).result) if kind == "lib"}
        made_by = {path.rsplit(".", 1)[-1] for path in bases}
        return getattr(node, "name", "") in GIVEN_CLASSES or any(
            name in {"type", "EnumType"} or "meta" in name.lower() or "(" in name for name in made_by
        )

    def _sink_own(self, spec: tuple[str, str, Scope], scope: Scope, extra: tuple[Var, ast.AST]) -> None:
        var, node = extra
        values: set[Value] = {(spec[1], spec[2])}
        for decorator in getattr(node, "decorator_list", ()):
            for value in self.of(decorator):
                if value[0] in {"def", "obj", "cls"} or (value[0] == "lib" and value[1].endswith(REGISTRARS)):
                    values |= self._call(value, [frozenset(values)], {}, False)
        self.write(var, values)
        if spec[1] == "cls":
            bases = [value for base in spec[2].bases for value in self.of(base) if value[0] == "lib"]
            self.write(self.families.get(spec[2], spec[2]).result, bases)
        if scope.kind == "class":
            self.store(node.name, values, loose=not self._binds_self(node))  # type: ignore[attr-defined]

    def _sink_import(self, spec: tuple[str, ast.Import | ast.ImportFrom, ast.alias], scope: Scope, name: str) -> None:
        self.write(scope.bind(name), self.imported(spec[1], spec[2], scope.module))
        if scope.kind == "class":
            self.store(name, scope.bind(name).values)


SINKS: dict[str, Any] = {
    "var": Stores._sink_var,
    "named": Stores._sink_named,
    "raised": Stores._sink_raised,
    "caught": Stores._sink_caught,
    "yield": Stores._sink_yield,
    "attr": Stores._sink_attr,
    "item": Stores._sink_item,
    "annotated": Stores._sink_annotated,
    "self": Stores._sink_self,
    "own": Stores._sink_own,
    "import": Stores._sink_import,
}
