"""Scopes and evaluation order: a syntax tree becomes flat lists of operations, each knowing the scope it runs in.

Everything is walked with explicit stacks, so that no nesting of the source can exhaust Python's own.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from plugin_sdk.scanner.source import children

Value = tuple[str, Any]
"""What an expression may be: ("lib", dotted path) for anything that comes from outside the plugin, ("mod", name),
("def", scope), ("cls", scope), ("obj", scope) for its own modules, functions, classes and instances, ("txt", text),
("box", values) for a container of values."""

EVAL, SINK = 0, 1


class Var:
    """Everything that may be bound to one name, and the units to look at again when that grows."""

    __slots__ = ("readers", "texts", "values")

    def __init__(self) -> None:
        self.texts = 0
        self.values: set[Value] = set()
        self.readers: set[Unit] = set()


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

    def __post_init__(self) -> None:
        self.scope = Scope("module", None, self, self.tree)

    def absolute(self, node: ast.ImportFrom) -> str | None:
        """The module that a relative import means, by its path inside the plugin; None above the plugin."""
        package = self.name.split(".") if self.name else []
        if not self.is_package:
            package = package[:-1]
        up = node.level - 1
        if up > len(package):
            return None
        return ".".join([*package[: len(package) - up], *([node.module] if node.module else [])])


class Flattener:
    """Turns one module's tree into units."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self._declare: list[tuple[Scope, list[ast.stmt]]] = []

    def run(self) -> None:
        blocks: list[tuple[Scope, list[ast.stmt]]] = [(self.module.scope, self.module.tree.body)]
        self._declarations(self.module.scope, self.module.tree.body)
        while blocks:
            scope, body = blocks.pop()
            for statement in body:
                self.module.statements.append((statement, scope))
                blocks.extend(self._statement(statement, scope))

    def _declarations(self, scope: Scope, body: list[ast.stmt]) -> None:
        """Note `global` and `nonlocal` of a whole block first: they hold for names bound above them too."""
        stack: list[ast.AST] = list(body)
        while stack:
            node = stack.pop()
            if isinstance(node, ast.Global):
                scope.global_names.update(node.names)
            elif isinstance(node, ast.Nonlocal):
                scope.nonlocal_names.update(node.names)
            elif isinstance(node, (ast.stmt, ast.excepthandler, ast.match_case)) and not isinstance(node, NEW_SCOPE):
                for block in ("body", "orelse", "finalbody", "handlers", "cases"):
                    stack.extend(getattr(node, block, ()))

    def _statement(self, node: ast.stmt, scope: Scope) -> list[tuple[Scope, list[ast.stmt]]]:
        handler = STATEMENTS.get(type(node))
        if handler is not None:
            return handler(self, node, scope)  # type: ignore[no-any-return]
        unit = self._unit()
        for child in children(node):
            if isinstance(child, ast.expr):
                self.expression(child, scope, unit)
        return [(scope, block) for block in self._blocks(node)]

    @staticmethod
    def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block:
                yield block

    def _unit(self) -> Unit:
        unit = Unit()
        self.module.units.append(unit)
        return unit

    # statements that bind

    def _assign(self, node: ast.Assign, scope: Scope) -> list[Any]:
        unit = self._unit()
        self.expression(node.value, scope, unit)
        for target in node.targets:
            self.target(target, node.value, scope, unit, False)
        return []

    def _ann_assign(self, node: ast.AnnAssign, scope: Scope) -> list[Any]:
        self._annotation(node.annotation, scope)
        unit = self._unit()
        if node.value is not None:
            self.expression(node.value, scope, unit)
            self.target(node.target, node.value, scope, unit, False)
        else:
            if isinstance(node.target, ast.Name):
                scope.bind(node.target.id)
            else:
                self.target(node.target, None, scope, unit, False)
        if isinstance(node.target, ast.Name):
            unit.ops.append((SINK, ("annotated", node.annotation), scope, node.target.id))
        return []

    def _aug_assign(self, node: ast.AugAssign, scope: Scope) -> list[Any]:
        unit = self._unit()
        self.expression(node.value, scope, unit)
        self.target(node.target, node.value, scope, unit, False)
        return []

    def _for(self, node: Any, scope: Scope) -> list[Any]:
        unit = self._unit()
        self.expression(node.iter, scope, unit)
        self.target(node.target, node.iter, scope, unit, True)
        return [(scope, block) for block in self._blocks(node)]

    def _with(self, node: Any, scope: Scope) -> list[Any]:
        unit = self._unit()
        for item in node.items:
            self.expression(item.context_expr, scope, unit)
            if item.optional_vars is not None:
                entered = ast.Await(item.context_expr)  # what __enter__ gives: looked at like what awaiting gives
                ast.copy_location(entered, item.context_expr)
                unit.ops.append((EVAL, entered, scope, None))
                self.target(item.optional_vars, entered, scope, unit, False)
        return [(scope, node.body)]

    def _try(self, node: Any, scope: Scope) -> list[Any]:
        blocks = [(scope, block) for block in self._blocks(node)]
        for handler in node.handlers:
            if handler.type is not None:
                self.expression(handler.type, scope, self._unit())
            if handler.name:
                self._unit().ops.append((SINK, ("caught", scope.bind(handler.name)), scope, None))
                self.module.deleted.add(handler.name)
            blocks.append((scope, handler.body))
        return blocks

    def _match(self, node: ast.Match, scope: Scope) -> list[Any]:
        unit = self._unit()
        self.expression(node.subject, scope, unit)
        blocks = []
        for case in node.cases:
            self._pattern(case.pattern, node.subject, scope, unit)
            if case.guard is not None:
                self.expression(case.guard, scope, self._unit())
            blocks.append((scope, case.body))
        return blocks

    def _pattern(self, pattern: ast.pattern, subject: ast.expr, scope: Scope, unit: Unit) -> None:
        """A pattern reads attributes and binds names: `object(os=x)` is `x = subject.os`."""
        stack: list[tuple[ast.pattern, ast.expr]] = [(pattern, subject)]
        while stack:
            node, source = stack.pop()
            if isinstance(node, ast.MatchValue):
                self.expression(node.value, scope, unit)
            elif isinstance(node, ast.MatchClass):
                self.expression(node.cls, scope, unit)
                self.module.patterns.append((node, scope))
                for name, child in zip(node.kwd_attrs, node.kwd_patterns, strict=True):
                    read = ast.Attribute(source, name, ast.Load())
                    ast.copy_location(read, node)
                    self.module.parents[read] = node
                    unit.ops.append((EVAL, read, scope, None))
                    stack.append((child, read))
                stack.extend((child, source) for child in node.patterns)
            elif isinstance(node, ast.MatchAs):
                if node.pattern is not None:
                    stack.append((node.pattern, source))
                if node.name:
                    unit.ops.append((SINK, ("var", scope.bind(node.name)), scope, (source, False)))
            elif isinstance(node, ast.MatchStar):
                if node.name:
                    unit.ops.append((SINK, ("var", scope.bind(node.name)), scope, (source, True)))
            elif isinstance(node, (ast.MatchSequence, ast.MatchMapping, ast.MatchOr)):
                inner = source
                if not isinstance(node, ast.MatchOr):
                    inner = ast.Subscript(source, ast.Constant(None), ast.Load())
                    ast.copy_location(inner, node)
                    unit.ops.append((EVAL, inner, scope, None))
                stack.extend((child, inner) for child in node.patterns)
                if isinstance(node, ast.MatchMapping):
                    for key in node.keys:
                        self.expression(key, scope, unit)
                    if node.rest:
                        unit.ops.append((SINK, ("var", scope.bind(node.rest)), scope, (source, False)))

    def _import(self, node: Any, scope: Scope) -> list[Any]:
        self.module.imports.append((node, scope))
        unit = self._unit()
        for alias in node.names:
            if alias.name != "*":
                name = alias.asname or (alias.name.split(".")[0] if isinstance(node, ast.Import) else alias.name)
                scope.bind(name)
                unit.ops.append((SINK, ("import", node, alias), scope, name))
        return []

    def _delete(self, node: ast.Delete, scope: Scope) -> list[Any]:
        unit = self._unit()
        stack: list[ast.expr] = list(node.targets)
        while stack:
            target = stack.pop()
            if isinstance(target, ast.Name):
                scope.bind(target.id)
                self.module.deleted.add(target.id)
            elif isinstance(target, (ast.Tuple, ast.List)):
                stack.extend(target.elts)
            elif isinstance(target, (ast.Attribute, ast.Subscript)):
                self.target(target, None, scope, unit, False)
        return []

    def _global(self, node: Any, scope: Scope) -> list[Any]:
        return []

    def _function(self, node: Any, scope: Scope) -> list[Any]:
        unit = self._unit()
        inner = Scope("function", scope, self.module, node)
        self._decorators(node, scope, unit)
        self._arguments(node.args, scope, inner, unit)
        if node.returns is not None:
            self._annotation(node.returns, scope)
        unit.ops.append((SINK, ("own", "def", inner), scope, (scope.bind(node.name), node)))
        self._declarations(inner, node.body)
        return [(inner, node.body)]

    def _class(self, node: ast.ClassDef, scope: Scope) -> list[Any]:
        unit = self._unit()
        inner = Scope("class", scope, self.module, node, bases=list(node.bases))
        self._decorators(node, scope, unit)
        for child in [*node.bases, *(keyword.value for keyword in node.keywords)]:
            self.expression(child, scope, unit)
        unit.ops.append((SINK, ("own", "cls", inner), scope, (scope.bind(node.name), node)))
        self._declarations(inner, node.body)
        return [(inner, node.body)]

    def _decorators(self, node: Any, scope: Scope, unit: Unit) -> None:
        for parameter in getattr(node, "type_params", ()):
            for child in children(parameter):
                if isinstance(child, ast.expr):
                    self.expression(child, scope, unit)
        for decorator in node.decorator_list:
            self.expression(decorator, scope, unit)
            self.module.parents[decorator] = node

    def _return(self, node: ast.Return, scope: Scope) -> list[Any]:
        unit = self._unit()
        if node.value is not None:
            self.expression(node.value, scope, unit)
            unit.ops.append((SINK, ("var", scope.result), scope, (node.value, False)))
        return []

    def _raise(self, node: ast.Raise, scope: Scope) -> list[Any]:
        unit = self._unit()
        for child in (node.exc, node.cause):
            if child is not None:
                self.expression(child, scope, unit)
                unit.ops.append((SINK, ("raised", child), scope, None))
        return []

    def _arguments(self, args: ast.arguments, scope: Scope, inner: Scope, unit: Unit) -> None:
        positional = [*args.posonlyargs, *args.args]
        for arg in [*positional, *args.kwonlyargs, args.vararg, args.kwarg]:
            if arg is not None:
                inner.names[arg.arg] = Var()
                if arg.annotation is not None:
                    self._annotation(arg.annotation, scope)
                    self.expression(arg.annotation, scope, unit)
                    self.module.parents[arg.annotation] = arg
                    unit.ops.append((SINK, ("annotated", arg.annotation), inner, arg.arg))
        inner.params = [arg.arg for arg in [*positional, *args.kwonlyargs]]
        inner.star_params = [arg.arg for arg in (args.vararg, args.kwarg) if arg is not None]
        if positional and scope.kind == "class":
            unit.ops.append((SINK, ("self", scope), inner, positional[0].arg))
        defaults: list[tuple[ast.arg, ast.expr | None]] = [
            *zip(reversed(positional), reversed(args.defaults), strict=False),
            *zip(args.kwonlyargs, args.kw_defaults, strict=True),
        ]
        for arg, default in defaults:
            if default is not None:
                self.expression(default, scope, unit)
                unit.ops.append((SINK, ("var", inner.names[arg.arg]), scope, (default, False)))

    def _annotation(self, node: ast.expr, scope: Scope) -> None:
        self.module.annotations.append((node, scope))
        self.expression(node, scope, self._unit())

    def target(self, node: ast.expr, source: ast.expr | None, scope: Scope, unit: Unit, elements: bool) -> None:
        """Bind what `source` evaluates to, or its elements, to a target."""
        stack: list[tuple[ast.expr, ast.expr | None, bool]] = [(node, source, elements)]
        while stack:
            target, origin, inside = stack.pop()
            if isinstance(target, ast.Starred):
                stack.append((target.value, origin, False))
            elif isinstance(target, (ast.Tuple, ast.List)):
                pairs = _pairs(target, origin, inside)
                stack.extend(pairs or [(child, origin, True) for child in target.elts])
            elif isinstance(target, ast.Name):
                unit.ops.append((SINK, ("var", scope.bind(target.id)), scope, (origin, inside)))
                if target.id.startswith("__") or scope.kind == "module":
                    unit.ops.append((SINK, ("named", target), scope, None))
            elif isinstance(target, (ast.Attribute, ast.Subscript)):
                self.expression(target.value, scope, unit)
                self.module.parents[target.value] = target
                if isinstance(target, ast.Subscript):
                    self.expression(target.slice, scope, unit)
                kind = "attr" if isinstance(target, ast.Attribute) else "item"
                unit.ops.append((SINK, (kind, target), scope, (origin, inside)))

    def expression(self, root: ast.expr, scope: Scope, unit: Unit) -> None:
        """Append the operations of an expression, children first."""
        ops, parents = unit.ops, self.module.parents
        stack: list[tuple[int, Any, Scope]] = [(0, root, scope)]
        while stack:
            done, node, here = stack.pop()
            if done:
                ops.append(node)
                continue
            kind = type(node)
            if kind is ast.Name or kind is ast.Constant:
                ops.append((EVAL, node, here, None))
            elif kind is ast.Attribute or kind is ast.Starred or kind is ast.Await:
                stack.append((1, (EVAL, node, here, None), here))
                parents[node.value] = node
                stack.append((0, node.value, here))
            elif kind is ast.Call:
                stack.append((1, (EVAL, node, here, None), here))
                for keyword in reversed(node.keywords):
                    parents[keyword.value] = node
                    stack.append((0, keyword.value, here))
                for child in reversed(node.args):
                    parents[child] = node
                    stack.append((0, child, here))
                parents[node.func] = node
                stack.append((0, node.func, here))
            elif kind is ast.Lambda:
                self._lambda(node, here, unit, stack)
            elif kind in COMPREHENSIONS:
                self._comprehension(node, here, stack)
            else:
                stack.append((1, (EVAL, node, here, None), here))
                if kind is ast.NamedExpr:
                    owner = here
                    while owner.kind == "comprehension" and owner.parent is not None:
                        owner = owner.parent
                    sink = (SINK, ("var", owner.bind(node.target.id)), here, (node.value, False))
                    stack.append((1, sink, here))
                    parents[node.value] = node
                    stack.append((0, node.value, here))
                    continue
                if (kind is ast.Yield and node.value is not None) or kind is ast.YieldFrom:
                    function = here
                    while function.kind == "comprehension" and function.parent is not None:
                        function = function.parent
                    stack.append((1, (SINK, ("yield", function.result), here, (node.value, False)), here))
                for child in reversed(list(children(node))):
                    if isinstance(child, ast.expr):
                        parents[child] = node
                        stack.append((0, child, here))

    def _lambda(self, node: ast.Lambda, scope: Scope, unit: Unit, stack: list[tuple[int, Any, Scope]]) -> None:
        inner = Scope("function", scope, self.module, node)
        self._arguments(node.args, scope, inner, unit)
        stack.append((1, (EVAL, node, scope, inner), scope))
        stack.append((1, (SINK, ("var", inner.result), inner, (node.body, False)), scope))
        self.module.parents[node.body] = node
        stack.append((0, node.body, inner))

    def _comprehension(self, node: Any, scope: Scope, stack: list[tuple[int, Any, Scope]]) -> None:
        inner = Scope("comprehension", scope, self.module, node)
        inner.global_names = scope.global_names
        stack.append((1, (EVAL, node, scope, None), scope))
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for child in reversed(results):
            self.module.parents[child] = node
            stack.append((0, child, inner))
        for position, generator in reversed(list(enumerate(node.generators))):
            for condition in reversed(generator.ifs):
                self.module.parents[condition] = node
                stack.append((0, condition, inner))
            sinks = Unit()
            self.target(generator.target, generator.iter, inner, sinks, True)
            stack.extend((1, op, inner) for op in reversed(sinks.ops))
            self.module.parents[generator.iter] = node
            stack.append((0, generator.iter, scope if position == 0 else inner))


def _pairs(target: Any, origin: ast.expr | None, inside: bool) -> list[tuple[ast.expr, ast.expr | None, bool]] | None:
    """Target and value side by side, where both are written out."""
    if inside or not isinstance(origin, (ast.Tuple, ast.List)) or len(origin.elts) != len(target.elts):
        return None
    if any(isinstance(child, ast.Starred) for child in [*target.elts, *origin.elts]):
        return None
    return [(left, right, False) for left, right in zip(target.elts, origin.elts, strict=True)]


COMPREHENSIONS = {ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp}
NEW_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
STATEMENTS: dict[type[ast.stmt], Any] = {
    ast.Assign: Flattener._assign,
    ast.AnnAssign: Flattener._ann_assign,
    ast.AugAssign: Flattener._aug_assign,
    ast.For: Flattener._for,
    ast.AsyncFor: Flattener._for,
    ast.With: Flattener._with,
    ast.AsyncWith: Flattener._with,
    ast.Try: Flattener._try,
    ast.TryStar: Flattener._try,
    ast.Match: Flattener._match,
    ast.Import: Flattener._import,
    ast.ImportFrom: Flattener._import,
    ast.Delete: Flattener._delete,
    ast.Global: Flattener._global,
    ast.Nonlocal: Flattener._global,
    ast.FunctionDef: Flattener._function,
    ast.AsyncFunctionDef: Flattener._function,
    ast.ClassDef: Flattener._class,
    ast.Return: Flattener._return,
    ast.Raise: Flattener._raise,
}
