"""Expressions: the value of each kind of node from the values of its parts."""

import ast
from functools import reduce
from typing import Any

from plugin_sdk.scanner.flow.calls import Calls
from plugin_sdk.scanner.flow.objects import ADDERS, PUT
from plugin_sdk.scanner.flow.texts import MAX_TEXT, joined, percent, text_method
from plugin_sdk.scanner.flow.values import ANYTHING, NOTHING, Values, boxed
from plugin_sdk.scanner.scopes import Scope, Value
from plugin_sdk.scanner.tables import words

OPERATORS = words(
    """
    __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __matmul__ __rmatmul__ __truediv__ __rtruediv__ __floordiv__ __mod__
    __rmod__ __pow__ __and__ __rand__ __or__ __ror__ __xor__ __rxor__ __lshift__ __rlshift__ __rshift__ __rrshift__
    __contains__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __neg__ __pos__ __invert__ __iadd__ __ior__ __rfloordiv__
    __isub__ __imul__ __iand__ __ixor__ __rpow__ __divmod__ __imatmul__
    """
)


class Expressions(Calls):
    """Evaluates one expression whose parts were evaluated before."""

    def _constant(self, node: ast.Constant, scope: Scope) -> Values:
        if isinstance(node.value, str) and len(node.value) <= MAX_TEXT:
            return frozenset({("txt", node.value)})
        if isinstance(node.value, bytes) and len(node.value) <= MAX_TEXT:
            return frozenset({("txt", node.value.decode("latin-1"))})
        return NOTHING

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Values:
        return self.member_of(self.of(node.value), node.attr)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Values:
        values = self.of(node.value)
        if any(kind in {"obj", "cls"} for kind, _ in values):
            self.handed_to(("__getitem__", "__class_getitem__", "__missing__"), self.of(node.slice))
        return self.elements(values)

    def _same(self, node: ast.Starred | ast.NamedExpr, scope: Scope) -> Values:
        return self.of(node.value)

    def _await(self, node: ast.Await, scope: Scope) -> Values:
        """Awaiting, or entering with `with`."""
        values = self.of(node.value)
        if any(kind == "obj" for kind, _ in values):
            values |= self.given_by("__enter__", "__aenter__", "__await__")
        if any(kind == "box" for kind, _ in values):
            values |= self.elements(values)
        return values

    def _yield(self, node: ast.Yield, scope: Scope) -> Values:
        return frozenset(self.read(self.sent))

    def _operands(self, node: ast.AST, scope: Scope) -> Values:
        """Comparisons and unary operators: only the plugin's own special methods matter."""
        parts = [node.left, *node.comparators] if isinstance(node, ast.Compare) else [node.operand]  # type: ignore[attr-defined]
        return self._special([self.of(part) for part in parts])

    def _special(self, operands: list[Values]) -> Values:
        values = frozenset().union(*operands)
        if values and any(kind in {"obj", "cls"} for kind, _ in values):
            self.handed_to(OPERATORS, values)
            return frozenset(self.given_by(*OPERATORS))
        return NOTHING

    def _either(self, node: ast.AST, scope: Scope) -> Values:
        parts = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]  # type: ignore[attr-defined]
        return frozenset().union(*(self.of(part) for part in parts))

    def _container(self, node: ast.AST, scope: Scope) -> Values:
        if isinstance(node, ast.Dict):
            parts: list[ast.expr] = [*node.values, *(key for key in node.keys if key is not None)]
        else:
            parts = node.elts  # type: ignore[attr-defined]
        found: set[Value] = set()
        for part in parts:
            found |= self.of(part)
        return boxed(found)

    def _comprehension(self, node: ast.AST, scope: Scope) -> Values:
        if isinstance(node, ast.DictComp):
            return boxed(self.of(node.key) | self.of(node.value))
        return boxed(self.of(node.elt))  # type: ignore[attr-defined]

    def _binary(self, node: ast.BinOp, scope: Scope) -> Values:
        left, right = self.of(node.left), self.of(node.right)
        found = {value for value in left | right if value[0] == "box" or (value[0] == "lib" and "(" in value[1])}
        found |= self._special([left, right])
        if isinstance(node.op, ast.Add):
            found |= joined([left, right])
        elif isinstance(node.op, ast.Mod):
            found |= {("txt", value[1]) for value in left if value[0] == "txt"}
            found |= {("txt", percent(a[1], b[1])) for a in left for b in right if a[0] == b[0] == "txt"}
            if isinstance(node.right, ast.Tuple):
                found |= self._percent_tuple(left, node.right.elts)
        elif isinstance(node.op, ast.Mult):
            found |= {value for value in left | right if value[0] == "txt"}
        return frozenset(found)

    def _percent_tuple(self, texts: Values, parts: list[ast.expr]) -> Values:
        """`"%s.%s" % (a, b)` with the tuple written out."""
        given = [next((value[1] for value in self.of(part) if value[0] == "txt"), "\0") for part in parts[:50]]
        return frozenset(("txt", reduce(percent, given, value[1])) for value in texts if value[0] == "txt")

    def _f_string(self, node: ast.JoinedStr, scope: Scope) -> Values:
        return joined([self.of(part) or frozenset({("txt", "\0")}) for part in node.values])

    def _formatted(self, node: ast.FormattedValue, scope: Scope) -> Values:
        return frozenset(value for value in self.of(node.value) if value[0] == "txt")

    def _call_node(self, node: ast.Call, scope: Scope) -> Values:
        functions = self.of(node.func)
        if ("lib", "builtins.super") in functions:
            return self.super_of(scope)
        of = self.of
        arguments = [of(argument) for argument in node.args]
        keywords = {keyword.arg or "**": of(keyword.value) for keyword in node.keywords}
        given = NOTHING.union(*arguments, *keywords.values())
        spread = ast.Starred in map(type, node.args)
        method = type(node.func) is ast.Attribute and self.is_method_call(of(node.func.value), node.func.attr)
        found: set[Value] = set()
        if ANYTHING in functions:
            found |= self._call_anything(functions, [*arguments, *keywords.values()])
        else:
            for function in functions:
                found |= self._call(function, arguments, keywords, spread, method)
        if type(node.func) is ast.Attribute:
            base = of(node.func.value)
            if base and "txt" in {kind for kind, _ in base}:
                found |= text_method(node.func.attr, base, arguments)
                if node.func.attr == "join" and node.args and isinstance(node.args[0], (ast.List, ast.Tuple)):
                    found |= self._joined_list(base, node.args[0].elts)
            if node.func.attr in ADDERS:
                given = boxed(
                    value for values in [*arguments, *keywords.values()] for value in values if value[0] != "txt"
                )
                self._fill(node.func.value, given, scope)
            if node.func.attr in {"send", "asend"}:
                for values in arguments:
                    self.write(self.sent, values)
        if given and {"def", "cls"}.isdisjoint({kind for kind, _ in functions}):
            found |= self._handed_over(given)
            if "default_factory" in keywords:
                found |= self.elements(keywords["default_factory"])
        if ("lib", "builtins.type") in functions and len(arguments) == 3:
            found |= arguments[2]
        return frozenset(found)

    def _joined_list(self, separators: Values, parts: list[ast.expr]) -> Values:
        """`"x".join([a, b])` with the list written out."""
        between = frozenset(value for value in separators if value[0] == "txt")
        pieces = [values for part in parts for values in (between, self.of(part))][1:]
        return joined(pieces[:200])

    def _fill(self, container: ast.expr, values: Values, scope: Scope) -> None:
        """Something was put into a container that has a name."""
        if not values:
            return
        if isinstance(container, ast.Name):
            var = self.lookup(scope, container.id)
            if var is not None:
                self.write(var, values)
        elif isinstance(container, ast.Attribute):
            self.store(container.attr, values)
            if self.is_made(container.value):
                self.write(self.attribute(f"{PUT}{container.attr}"), values)


HANDLERS: dict[type[ast.AST], Any] = {
    ast.Name: Expressions.name,
    ast.Constant: Expressions._constant,
    ast.Attribute: Expressions._attribute,
    ast.Subscript: Expressions._subscript,
    ast.Call: Expressions._call_node,
    ast.Await: Expressions._await,
    ast.Yield: Expressions._yield,
    ast.Compare: Expressions._operands,
    ast.UnaryOp: Expressions._operands,
    ast.Starred: Expressions._same,
    ast.NamedExpr: Expressions._same,
    ast.BoolOp: Expressions._either,
    ast.IfExp: Expressions._either,
    ast.BinOp: Expressions._binary,
    ast.List: Expressions._container,
    ast.Tuple: Expressions._container,
    ast.Set: Expressions._container,
    ast.Dict: Expressions._container,
    ast.ListComp: Expressions._comprehension,
    ast.SetComp: Expressions._comprehension,
    ast.GeneratorExp: Expressions._comprehension,
    ast.DictComp: Expressions._comprehension,
    ast.JoinedStr: Expressions._f_string,
    ast.FormattedValue: Expressions._formatted,
}
