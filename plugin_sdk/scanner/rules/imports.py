"""Rules for imports and for the names that a plugin defines."""

import ast

from plugin_sdk.scanner import tables
from plugin_sdk.scanner.judge import is_known, judge_import, judge_path
from plugin_sdk.scanner.rules.reporting import DUNDER, DUNDER_WHY, Reporting
from plugin_sdk.scanner.scopes import Scope
from plugin_sdk.scanner.tables import ORDINARY_DUNDERS


class ImportRules(Reporting):
    """Judges imports and definitions."""

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._import_module(node, alias.name)
            return
        if node.level:
            if self.module.absolute(node) is None:
                self.report(
                    node, "Relative import leaves the plugin", "it reaches other code", "Import from the plugin itself"
                )
            return
        source = node.module or ""
        if not self._import_module(node, source):
            return
        for alias in node.names:
            if any(kind == "lib" for kind, _ in self.flow.resolve(source)):
                verdict = judge_path(f"{source}.{alias.name}")
                if verdict is not None:
                    path = verdict.message.split(": ", 1)[1]
                    self.report(node, f"Forbidden import: {path}", verdict.why, verdict.fix, verdict.severity)
                elif DUNDER.fullmatch(alias.name) and alias.name not in ORDINARY_DUNDERS:
                    self.report(
                        node, f"Forbidden import: {source}.{alias.name}", DUNDER_WHY, "Import public names only"
                    )

    def _import_module(self, node: ast.Import | ast.ImportFrom, module: str) -> bool:
        """Judge one imported module; whether its names are worth a look of their own."""
        if not is_known(module) and self._own(module):
            return True
        verdict = judge_import(module)
        if verdict is not None:
            self.verdict(node, verdict)
        return verdict is None or verdict.severity == "warning"

    def _own(self, module: str) -> bool:
        return any(kind == "mod" for kind, _ in self.flow.resolve(module.split(".")[0]))

    def _definition(self, node: ast.stmt, scope: Scope) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = node.name
            if name in tables.FORBIDDEN_DEFINITIONS:
                self.report(node, f"Forbidden name: {name}", DUNDER_WHY, "Choose another name")

    def _stored_name(self, node: ast.Name) -> None:
        name = node.id
        if name in tables.FORBIDDEN_DEFINITIONS:
            self.report(node, f"Forbidden name: {name}", DUNDER_WHY, "Choose another name")
