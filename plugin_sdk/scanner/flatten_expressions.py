"""Evaluation order: an expression becomes a flat list of operations, its parts first."""

import ast
from typing import Any

from plugin_sdk.scanner.scopes import EVAL, SINK, Module, Scope, Unit, Var
from plugin_sdk.scanner.source import children


class ExpressionFlattener:
    """Appends the operations of expressions and of the targets they are bound to."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self._declare: list[tuple[Scope, list[ast.stmt]]] = []

    def _unit(self) -> Unit:
        unit = Unit()
        self.module.units.append(unit)
        return unit

    def _arguments(self, args: ast.arguments, scope: Scope, inner: Scope, unit: Unit) -> None:
        positional = [*args.posonlyargs, *args.args]
        for arg in [*positional, *args.kwonlyargs, args.vararg, args.kwarg]:
            if arg is not None:
                inner.names[arg.arg] = Var()
                if arg.annotation is not None:
                    self._annotation(arg.annotation, scope, unit)
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

    def _annotation(self, node: ast.expr, scope: Scope, unit: Unit) -> None:
        self.module.annotations.append((node, scope))
        self.expression(node, scope, unit)

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
            if kind is ast.Name or (kind is ast.Constant and type(node.value) in TEXTS):
                ops.append((EVAL, node, here, None))
            elif kind is ast.Constant:
                continue
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
        inner = self.module.inner("function", scope, node)
        self._arguments(node.args, scope, inner, unit)
        stack.append((1, (EVAL, node, scope, inner), scope))
        stack.append((1, (SINK, ("var", inner.result), inner, (node.body, False)), scope))
        self.module.parents[node.body] = node
        stack.append((0, node.body, inner))

    def _comprehension(self, node: Any, scope: Scope, stack: list[tuple[int, Any, Scope]]) -> None:
        inner = self.module.inner("comprehension", scope, node)
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


TEXTS = {str, bytes}

COMPREHENSIONS = {ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp}
