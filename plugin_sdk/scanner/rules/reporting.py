"""What all rules share: the module, what is known of it, and how a violation is reported."""

import ast
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from plugin_sdk.scanner import tables
from plugin_sdk.scanner.flow import LISTED, Flow
from plugin_sdk.scanner.flow.widening import is_whole
from plugin_sdk.scanner.judge import Verdict
from plugin_sdk.scanner.report import Severity, Violation
from plugin_sdk.scanner.scopes import Module

DUNDER = re.compile(r"__\w+__")

DUNDER_WHY = "it leads to the interpreter's own objects"

DUNDER_FIX = "Use isinstance, type(x).__name__ or an attribute of your own"


class Reporting(ABC):
    """Looks at one module after the flow has settled."""

    def __init__(self, flow: Flow, module: Module, lines: list[str]) -> None:
        self.flow, self.module, self.lines = flow, module, lines
        self.found: list[Violation] = []
        self._anchor: ast.AST | None = None
        self._depth = 0
        self._docstrings = {
            statement.value for statement, _ in module.statements if isinstance(statement, ast.Expr)
        }  # fmt: skip

    @abstractmethod
    def run(self) -> list[Violation]:
        """Everything that is wrong with the module."""

    def report(self, node: ast.AST, message: str, why: str, fix: str, severity: Severity = "error") -> None:
        place = self._anchor or node
        line = getattr(place, "lineno", 1)
        column = getattr(place, "col_offset", 0)
        if 0 < line <= len(self.lines) and not self.lines[line - 1].isascii():
            column = len(self.lines[line - 1].encode()[:column].decode("utf-8", "ignore"))
        self.found.append(Violation(self.module.file, line, column, message, severity, fix, why))

    def verdict(self, node: ast.AST, verdict: Verdict) -> None:
        self.report(node, verdict.message, verdict.why, verdict.fix, verdict.severity)

    def _door(self, node: ast.AST, name: str, why: str) -> None:
        self.report(node, f"Forbidden function: {name}", why, tables.DANGEROUS_FIXES[why])

    def _defined(self, name: str) -> bool:
        return name in self.flow.defined


def state_change(path: str) -> Verdict:
    return Verdict(
        f"Forbidden change: {path}",
        "error",
        "the state of the whole process belongs to the host",
        "Keep settings in your config",
    )


def whole_modules(values: Iterable[tuple[str, Any]]) -> list[str]:
    """The libraries and modules among values, in containers too."""
    found: set[str] = set()
    for kind, what in values:
        if kind == "lib" and is_whole(what):
            found.add(what)
        elif kind == "box":
            found.update(path for inner, path in what if inner == "lib" and is_whole(path))
    return sorted(found)


def spelled(node: ast.expr) -> str:
    """The last name that an expression writes out."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def last_name(path: str) -> str:
    """The last name of a path, without the marks of calls of pass-through functions and of subscripts."""
    return path.rsplit(".", 1)[-1].replace("[]", "")


def listed_parts(path: str) -> bool:
    return any(part.replace("[]", "").replace("()", "") in LISTED for part in path.split("."))
