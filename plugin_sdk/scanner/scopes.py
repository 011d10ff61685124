"""Scopes and evaluation order: a syntax tree becomes flat lists of operations, each knowing the scope it runs in.

Everything is walked with explicit stacks, so that no nesting of the source can exhaust Python's own.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Value = tuple[str, Any]
"""What an expression may be: ("lib", dotted path) for anything that comes from outside the plugin, ("mod", name),
("def", scope), ("cls", scope), ("obj", scope) for its own modules, functions, classes and instances, ("txt", text),
("box", values) for a container of values, ("any", "") beside what a variable holds that may hold almost anything,
("may", "be no object") beside what a method's `self` may be that is no object of its class."""

EVAL, SINK = 0, 1


class Var:
    """Everything that may be bound to one name, and the units to look at again when that grows."""

    __slots__ = ("changes", "joined", "loose", "readers", "seen", "values", "wide")

    def __init__(self) -> None:
        self.values: frozenset[Value] = frozenset()
        self.seen: set[Value] = set()
        """Everything that was ever written, before it was put in wider terms."""
        self.readers: dict[Unit, None] = {}
        self.wide: set[str] = set()
        """Kinds of values that became too many to be told apart."""
        self.changes = 0
        self.joined: Var | None = None
        self.loose = False
        """Whether an attribute may hold what no class defines as its method."""

    def root(self) -> "Var":
        """The variable that this one was joined with, or itself."""
        if self.joined is None:
            return self
        end = self.joined
        while end.joined is not None:
            end = end.joined
        self.joined = end
        return end


@dataclass(eq=False, slots=True)
class Scope:
    """A module, class, function or comprehension, as Python scopes names."""

    kind: str
    parent: "Scope | None"
    module: "Module"
    node: ast.AST
    names: dict[str, Var] = field(default_factory=dict)
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)
    result: Var = field(default_factory=Var)
    params: list[str] = field(default_factory=list)
    star_params: list[str] = field(default_factory=list)
    bases: list[ast.expr] = field(default_factory=list)
    found: dict[str, "Var | None"] = field(default_factory=dict)
    plain: dict[str, Var] = field(default_factory=dict)
    """Those of the found names that mean their variable and nothing else."""

    def owner(self, name: str) -> "Scope":
        """The scope in which an assignment to the name, made here, binds it."""
        if name in self.global_names:
            return self.module.scope
        scope: Scope = self
        if name in self.nonlocal_names:
            while scope.parent is not None:
                scope = scope.parent
                if scope.kind == "function" and name in scope.names:
                    return scope
            return self
        return scope

    def bind(self, name: str) -> Var:
        """The variable that an assignment to the name binds."""
        names = self.owner(name).names
        if name not in names:
            names[name] = Var()
        return names[name]


class Unit:
    """Operations that are evaluated together: one statement, or the header of one."""

    __slots__ = ("ops", "queued")

    def __init__(self) -> None:
        self.ops: list[tuple[int, Any, Scope, Any]] = []
        self.queued = False


@dataclass(eq=False, slots=True)
class Module:
    """One Python file of the plugin: `name` is its dotted path inside the plugin, "" for the package itself."""

    file: str
    name: str
    is_package: bool
    tree: ast.Module
    scope: Scope = field(init=False)
    units: list[Unit] = field(default_factory=list)
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    annotations: list[tuple[ast.expr, Scope]] = field(default_factory=list)
    imports: list[tuple[ast.Import | ast.ImportFrom, Scope]] = field(default_factory=list)
    stars: list[Value] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    statements: list[tuple[ast.stmt, Scope]] = field(default_factory=list)
    patterns: list[tuple[ast.MatchClass, Scope]] = field(default_factory=list)
    classes: list[Scope] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scope = Scope("module", None, self, self.tree)
        self.scopes.append(self.scope)

    def inner(self, kind: str, parent: Scope, node: ast.AST, bases: Iterable[ast.expr] = ()) -> Scope:
        """A new scope inside another."""
        scope = Scope(kind, parent, self, node, bases=list(bases))
        self.scopes.append(scope)
        return scope

    def release(self) -> None:
        """Cut the circles between units, variables and scopes, so that memory is freed without a search for them."""
        for unit in self.units:
            unit.ops.clear()
        for scope in self.scopes:
            scope.names.clear()
            scope.found.clear()
            scope.plain.clear()
            scope.parent = None
        for uses in (self.units, self.annotations, self.imports, self.statements, self.patterns, self.classes):
            uses.clear()
        self.scopes.clear()
        del self.scope

    def absolute(self, node: ast.ImportFrom) -> str | None:
        """The module that a relative import means, by its path inside the plugin; None above the plugin."""
        package = self.name.split(".") if self.name else []
        if not self.is_package:
            package = package[:-1]
        up = node.level - 1
        if up > len(package):
            return None
        return ".".join([*package[: len(package) - up], *([node.module] if node.module else [])])
