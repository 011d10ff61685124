"""Format texts with attributes in their fields: `"{0.os.environ}"` reaches through a library as code would."""

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from plugin_sdk.scanner import libraries, tables
from plugin_sdk.scanner.judge import FORBIDDEN_ROOTS, ONLY, STDLIB, judge_path
from plugin_sdk.scanner.rules.code import CodeRules
from plugin_sdk.scanner.rules.reporting import whole_modules
from plugin_sdk.scanner.scopes import Value

FIELD = re.compile(r"\{(\w*(?:\[\w+\])*)((?:\.\w+)+)")

METHODS = {"format", "format_map", "vformat"}

MODULE_NAMES = (STDLIB | FORBIDDEN_ROOTS.keys()) - libraries.LIBRARY_OWN_NAMES

OS_NAMES = ONLY["os"] - {"name", "path", "error"}
"""What only the module `os` has: an attribute `os` may be anything."""


class FormatRules(CodeRules):
    """Judges format texts by what they are filled with, or, where that is a library's business, by what they ask for."""

    def _formatted(self, node: ast.Call) -> None:
        """`"{0.os.sep}".format(np)` reaches through a library as the same attributes written out would."""
        arguments = [*node.args, *(item.value for item in node.keywords)]
        paths = _modules(value for argument in arguments for value in self.flow.of(argument))
        if paths:
            texts = [self.flow.of(part) for part in (node.func.value, *arguments)]  # type: ignore[attr-defined]
            for text in sorted({what for values in texts for kind, what in values if kind == "txt"}):
                for _, attributes in FIELD.findall(text):
                    for verdict in filter(None, (judge_path(f"{path}{attributes}") for path in paths)):
                        self.verdict(node, verdict)

    def _handed_texts(self, node: ast.Call, functions: frozenset[Value]) -> None:
        """A library that is given a format text fills it with objects that nobody sees."""
        of, plain = self.flow.of, self.flow.no_formats
        for argument in (*node.args, *(item.value for item in node.keywords)):
            values = of(argument)
            if not values or values in plain:
                continue
            texts = list(_format_texts(values))
            if not texts:
                plain.add(values)
            elif not functions or any(kind not in {"def", "cls"} for kind, _ in functions):
                for text in texts:
                    self._reaching(argument, text)

    def _format_method(self, node: ast.Attribute) -> None:
        """`"{0.os.environ}".format` without a call: whoever gets it calls it."""
        parent = self.module.parents.get(node)
        if node.attr in METHODS and not (isinstance(parent, ast.Call) and parent.func is node):
            for text in _format_texts(self.flow.of(node.value)):
                self._reaching(node, text)

    def _reaching(self, node: ast.expr, text: str) -> None:
        for field, attributes in FIELD.findall(text):
            if _reaches_module(attributes[1:].split(".")):
                why = "it reaches a module through whatever is formatted"
                self.report(node, f"Forbidden format: {field}{attributes}", why, "Format plain values")


def _format_texts(values: Iterable[Value]) -> Iterator[str]:
    for kind, what in values:
        if kind == "txt":
            if "{" in what:
                yield what
        elif kind == "box":
            yield from (text for inner, text in what if inner == "txt" and "{" in text)


def _reaches_module(names: list[str]) -> bool:
    """Whether attributes lead through a module to something of it."""
    for name, member in pairwise(names):
        if name in MODULE_NAMES:
            processes = re.fullmatch(tables.REACHED_FUNCTIONS.get(name, ""), member)
            return name != "os" or member in OS_NAMES or processes is not None
    return False


def _modules(values: Iterable[Value]) -> list[str]:
    """Libraries, their parts and their functions among values: whatever has a path without a call."""
    known = list(values)
    parts = {what for kind, what in known if kind == "lib" and not any(mark in what for mark in "?([")}
    return sorted(parts.union(whole_modules(known)))
