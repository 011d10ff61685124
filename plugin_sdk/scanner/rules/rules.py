"""All rules together, applied to one module."""

import ast
from typing import Any

from plugin_sdk.scanner.report import Violation
from plugin_sdk.scanner.rules.texts import TextRules
from plugin_sdk.scanner.scopes import EVAL, Scope, Unit


class Rules(TextRules):
    """Looks at one module after the flow has settled."""

    def run(self) -> list[Violation]:
        for node, _ in self.module.imports:
            self._import(node)
        for statement, scope in self.module.statements:
            self._definition(statement, scope)
        for pattern, _ in self.module.patterns:
            for name in pattern.kwd_attrs:
                self._attribute_name(pattern, name, self.flow.of(pattern), pattern)
        for unit in self.module.units:
            self._unit(unit)
        for annotation, scope in self.module.annotations:
            self._annotation(annotation, scope)
        return self.found

    def _unit(self, unit: Unit) -> None:
        self.flow.check_time()
        rule_of = HANDLERS.get
        for kind, node, scope, extra in unit.ops:
            if kind == EVAL:
                if (rule := rule_of(type(node))) is not None:
                    rule(self, node, scope)
            elif node[0] in {"attr", "item"}:
                self._store(node[1], extra, scope)
            elif node[0] == "named":
                self._stored_name(node[1])

    def _attribute_node(self, node: ast.Attribute, scope: Scope) -> None:
        self._attribute(node, scope)
        self._format_method(node)

    def _call_node(self, node: ast.Call, scope: Scope) -> None:
        self._call(node, scope)
        values = self.flow.of(node)
        if values and "txt" in {kind for kind, _ in values}:
            self._constant(node, scope)


HANDLERS: dict[type[ast.AST], Any] = {
    ast.Name: Rules._name,
    ast.Attribute: Rules._attribute_node,
    ast.Call: Rules._call_node,
    ast.Subscript: Rules._subscript,
    ast.Constant: Rules._constant,
    ast.Dict: Rules._dict,
    ast.JoinedStr: Rules._text_node,
    ast.BinOp: Rules._text_node,
}
