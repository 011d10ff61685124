"""Rules for text that Python or a library runs: it is judged as the code that it is."""

import ast
import re

from plugin_sdk.scanner import libraries, tables
from plugin_sdk.scanner.flatten import Flattener
from plugin_sdk.scanner.rules.attributes import AttributeRules
from plugin_sdk.scanner.rules.reporting import DUNDER
from plugin_sdk.scanner.scopes import Module, Scope
from plugin_sdk.scanner.source import Unreadable, depth_over, looks_hostile, parse

UNKNOWN_TEXT = "\0"

MAX_CODE_TEXT = 20_000

TEXT_WHY = "text that is run cannot be checked"


class CodeRules(AttributeRules):
    """Judges annotations, table expressions, templates and code in texts."""

    def _text_arguments(
        self, node: ast.Call, names: list[str], language: str, scope: Scope, arguments: list[ast.expr]
    ) -> None:
        given = dict(zip(names, arguments, strict=False))
        given |= {item.arg: item.value for item in node.keywords if item.arg in names}
        for argument in given.values():
            self._text(argument, language, scope, certain=True)

    def _table_text(self, node: ast.Call, scope: Scope, paths: list[str]) -> None:
        """`x.query(text)` and `x.eval(text)` of an object that may be a DataFrame."""
        if any(path in libraries.TEXT_FUNCTIONS for path in paths):
            return
        for argument in [*node.args[:1], *(item.value for item in node.keywords if item.arg == "expr")]:
            self._text(argument, "pandas", scope, certain=False)

    def _methods_by_text(self, node: ast.Call) -> None:
        """`frame.agg("name")` calls the method of that name."""
        for argument in [*node.args, *(item.value for item in node.keywords)]:
            for kind, what in self.flow.of(argument):
                texts = (
                    [what]
                    if kind == "txt"
                    else [text for inner, text in what if inner == "txt"]
                    if kind == "box"
                    else []
                )
                for text in texts:
                    if text.startswith("_") or text in tables.INTERNAL_ATTRIBUTES:
                        why = "it is reached by its name in a text"
                        self.report(argument, f"Private attribute: {text}", why, "Use the public name")
                    elif text in libraries.ANY_OBJECT_DOORS:
                        self._door(argument, text, libraries.ANY_OBJECT_DOORS[text])

    def _text(self, argument: ast.expr, language: str, scope: Scope, certain: bool) -> None:
        values = self.flow.of(argument)
        texts = [str(text) for kind, text in values if kind == "txt"]
        if (
            certain
            and not texts
            and not any(kind == "def" for kind, _ in values)
            and not isinstance(argument, ast.Lambda)
        ):
            self.report(argument, "Computed code text", TEXT_WHY, "Write the text out, or use a function")
        for text in texts:
            if UNKNOWN_TEXT in text and certain:
                self.report(argument, "Computed code text", TEXT_WHY, "Write the text out", "warning")
            text = text.replace(UNKNOWN_TEXT, "0")
            if language == "template":
                self._template(argument, text)
                continue
            if language == "pandas":
                text = re.sub(r"`[^`]*`", "column", text).replace("@", "")
                text = re.sub(r"\s+", " ", text).strip()
            self._code(argument, text, "exec", scope, required=certain)

    def _template(self, argument: ast.expr, text: str) -> None:
        """Templates are code of their own; plain placeholders, loops and filters pass."""
        if re.search(r"__|\|\s*attr\b|\._|\[\s*['\"]_|\b(cycler|joiner|namespace|lipsum|self|config)\b\s*[.\[(]", text):
            self.report(argument, "Forbidden template", TEXT_WHY, "Use plain placeholders")

    def _annotation(self, root: ast.expr, scope: Scope) -> None:
        """Texts inside a type are forward references: Python evaluates them when asked for the type."""
        stack: list[ast.expr] = [root]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.Constant):
                if isinstance(node.value, str):
                    self._code(node, node.value, "eval", scope, required=False)
            elif isinstance(node, ast.Subscript):
                name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
                if name == "Literal":
                    continue
                inner = node.slice
                if name == "Annotated" and isinstance(inner, ast.Tuple) and inner.elts:
                    stack.append(inner.elts[0])
                else:
                    stack.append(inner)
                stack.append(node.value)
            elif isinstance(node, (ast.Call, ast.Attribute, ast.JoinedStr, ast.Name, ast.BinOp)):
                for kind, text in self.flow.of(node):
                    if kind == "txt":
                        self._code(node, str(text).replace(UNKNOWN_TEXT, "x"), "eval", scope, required=False)
                if isinstance(node, ast.BinOp):
                    stack.extend([node.left, node.right])
            elif not isinstance(node, ast.Lambda):
                stack.extend(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))

    def _code(self, place: ast.expr, text: str, mode: str, scope: Scope, required: bool) -> None:
        """Judge a text as code in its scope; what is reported stands at the text's place."""
        if text.isidentifier() and not DUNDER.fullmatch(text) and text not in tables.FORBIDDEN_BUILTINS:
            return

        if (text, mode, scope) in self.flow.harmless_texts:
            return
        if len(text) > MAX_CODE_TEXT or looks_hostile(text.encode("utf-8", "replace")) or self._depth > 3:
            self.report(place, "Code nested too deeply", TEXT_WHY, "Write the code as a function")
            return
        try:
            source = text.strip() if mode == "exec" else f"({text.strip()}\n)"
            tree = parse(self.module.file, source.encode("utf-8", "surrogatepass"))
        except Unreadable:
            if required:
                self.report(place, "Invalid code text", TEXT_WHY, "Write valid Python", "warning")
            else:
                self.flow.harmless_texts.add((text, mode, scope))
            return
        if depth_over(tree, 100):
            self.report(place, "Code nested too deeply", TEXT_WHY, "Write the code as a function")
            return
        before = len(self.found)
        self._judge_tree(place, tree, scope)
        if len(self.found) == before:
            self.flow.harmless_texts.add((text, mode, scope))

    def _judge_tree(self, place: ast.expr, tree: ast.Module, scope: Scope) -> None:
        module = Module(self.module.file, self.module.name, self.module.is_package, tree)
        module.stars = self.module.stars
        module.scope.parent = scope
        module.scope.kind = "function"
        Flattener(module).run()
        for unit in [*module.units, *module.units]:
            self.flow.evaluate(unit)
        inner = type(self)(self.flow, module, self.lines)
        inner._anchor, inner._depth = self._anchor or place, self._depth + 1
        self.found.extend(inner.run())
