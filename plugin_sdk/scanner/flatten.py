"""Statements: a module's tree becomes units of operations, each knowing the scope it runs in.

Everything is walked with explicit stacks, so that no nesting of the source can exhaust Python's own.
"""

import ast
from collections.abc import Iterator
from typing import Any

from plugin_sdk.scanner.flatten_expressions import ExpressionFlattener
from plugin_sdk.scanner.scopes import EVAL, SINK, Scope, Unit
from plugin_sdk.scanner.source import children


class Flattener(ExpressionFlattener):
    """Turns one module's tree into units."""

    def run(self) -> None:
        self._declarations(self.module.scope, self.module.tree.body)
        blocks = [(self.module.scope, iter(self.module.tree.body))]
        while blocks:
            scope, statements = blocks[-1]
            statement = next(statements, None)
            if statement is None:
                blocks.pop()
                continue
            self.module.statements.append((statement, scope))
            for inner, body in reversed(self._statement(statement, scope)):
                blocks.append((inner, iter(body)))

    def _declarations(self, scope: Scope, body: list[ast.stmt]) -> None:
        """Note `global` and `nonlocal` of a whole block first: they hold for names bound above them too."""
        stack: list[ast.AST] = list(body)
        while stack:
            node = stack.pop()
            if isinstance(node, ast.Global):
                scope.global_names.update(node.names)
            elif isinstance(node, ast.Nonlocal):
                scope.nonlocal_names.update(node.names)
            else:
                for block in BLOCKS.get(type(node), ()):
                    stack.extend(getattr(node, block))

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

    def _assign(self, node: ast.Assign, scope: Scope) -> list[Any]:
        unit = self._unit()
        self.expression(node.value, scope, unit)
        for target in node.targets:
            self.target(target, node.value, scope, unit, False)
        return []

    def _ann_assign(self, node: ast.AnnAssign, scope: Scope) -> list[Any]:
        unit = self._unit()
        self._annotation(node.annotation, scope, unit)
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
        inner = self.module.inner("function", scope, node)
        self._decorators(node, scope, unit)
        self._arguments(node.args, scope, inner, unit)
        if node.returns is not None:
            self._annotation(node.returns, scope, unit)
        unit.ops.append((SINK, ("own", "def", inner), scope, (scope.bind(node.name), node)))
        self._declarations(inner, node.body)
        return [(inner, node.body)]

    def _class(self, node: ast.ClassDef, scope: Scope) -> list[Any]:
        unit = self._unit()
        inner = self.module.inner("class", scope, node, node.bases)
        self._decorators(node, scope, unit)
        for child in [*node.bases, *(keyword.value for keyword in node.keywords)]:
            self.expression(child, scope, unit)
        unit.ops.append((SINK, ("own", "cls", inner), scope, (scope.bind(node.name), node)))
        self.module.classes.append(inner)
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


BLOCKS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.If: ("body", "orelse"),
    ast.For: ("body", "orelse"),
    ast.AsyncFor: ("body", "orelse"),
    ast.While: ("body", "orelse"),
    ast.With: ("body",),
    ast.AsyncWith: ("body",),
    ast.Try: ("body", "handlers", "orelse", "finalbody"),
    ast.TryStar: ("body", "handlers", "orelse", "finalbody"),
    ast.ExceptHandler: ("body",),
    ast.Match: ("cases",),
    ast.match_case: ("body",),
}
"""The statements inside a statement that are no scope of their own."""


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
