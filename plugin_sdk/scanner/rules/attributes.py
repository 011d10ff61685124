"""Rules for names and attributes: builtins, modules as values, library chains, dunders, private names."""

import ast
from functools import lru_cache
from typing import Any

from plugin_sdk.scanner import libraries, tables
from plugin_sdk.scanner.flow import LISTED
from plugin_sdk.scanner.flow.paths import REACHABLE
from plugin_sdk.scanner.flow.values import ANYTHING
from plugin_sdk.scanner.judge import Verdict, import_is_refused, is_sensitive_module, judge_path, reached
from plugin_sdk.scanner.rules.environment import harmless_method
from plugin_sdk.scanner.rules.imports import ImportRules
from plugin_sdk.scanner.rules.reporting import (
    DUNDER,
    DUNDER_FIX,
    DUNDER_WHY,
    last_name,
    listed_parts,
    state_change,
    whole_modules,
)
from plugin_sdk.scanner.scopes import Scope, Value
from plugin_sdk.scanner.tables import ORDINARY_DUNDERS, words

MAPPINGS = {"__globals__", "__builtins__", "__dict__", "__code__"}

DESCRIPTIVE = words("__name__ __qualname__ __doc__ __module__ __len__ __annotations__ __version__ __file__")

HANDLES = {"__globals__", "__builtins__", "__code__"}

READERS = words(
    """
    get items values keys pop popitem setdefault update replace copy clear __getitem__ __iter__
    """
)

BY_NAME = "it reaches attributes by a computed name"

CHANGEABLE = {("lib", path) for path in tables.CHANGEABLE}

MODULE_FIX = "Write module.function where it is used"


def _harmless(value: Value) -> bool:
    """Whether a value may stand anywhere, whatever is done with it there."""
    return value[0] != "lib" or _harmless_path(value[1])


@lru_cache(maxsize=20_000)
def _harmless_path(path: str) -> bool:
    special = path in {"builtins.__builtins__", "builtins.__loader__", "builtins.__spec__", "?.__class__"}
    return not special and judge_path(path) is None and not is_sensitive_module(path)


class AttributeRules(ImportRules):
    """Judges every name and attribute that is read."""

    def _name(self, node: ast.Name, scope: Scope) -> None:
        values = self.flow.of(node)
        name = node.id
        if not values or (name, values) in self.flow.harmless_uses:
            return
        if all(map(_harmless, values)):
            self.flow.harmless_uses.add((name, values))
            return
        parent = self.module.parents.get(node)
        if ("lib", f"builtins.{name}") in values:
            verdict = judge_path(f"builtins.{name}")
            if verdict is not None:
                self.verdict(node, verdict)
            elif name == "__builtins__":
                self._listed(node, name, parent)
            elif name in {"__loader__", "__spec__"}:
                self.report(node, f"Forbidden name: {name}", DUNDER_WHY, "Leave it out")
        elif name == "__class__" and ("lib", "?.__class__") in values:
            self._listed(node, name, parent)
        self._module_value(node, parent)
        if (isinstance(parent, ast.Call) and parent.func is node) or self.flow.lookup(scope, name) is None:
            for kind, path in values:
                if kind == "lib" and "." in path and "(" not in path and not path.startswith(("?", "builtins.")):
                    verdict = judge_path(path)
                    if verdict is not None and verdict.severity == "error" and not import_is_refused(path):
                        self.verdict(node, verdict)

    def _module_value(self, node: ast.expr, parent: ast.AST | None) -> None:
        values = self.flow.of(node)
        if not values or (isinstance(parent, ast.Attribute) and parent.value is node) or ANYTHING in values:
            return
        for kind, path in values:
            if kind == "lib" and is_sensitive_module(path) and not import_is_refused(path):
                why = "a module in a variable can be used unseen"
                self.report(node, f"Module used as a value: {path}", why, MODULE_FIX)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> None:
        bases, values = self.flow.of(node.value), self.flow.of(node)
        use = (node.attr, bases, values)
        if use in self.flow.harmless_uses:
            return
        parent = self.module.parents.get(node)
        if isinstance(parent, ast.MatchClass):
            parent = None
        before = len(self.found)
        self._attribute_name(node, node.attr, bases, parent)
        self._module_value(node, parent)
        if len(self.found) == before and all(map(_harmless, values)) and bases.isdisjoint(CHANGEABLE):
            self.flow.harmless_uses.add(use)

    def _attribute_name(
        self, node: ast.AST, name: str, bases: frozenset[tuple[str, object]], parent: ast.AST | None
    ) -> None:
        paths = [str(path) for kind, path in bases if kind == "lib"]
        if name in REACHABLE:
            paths += [path for kind, what in bases if kind == "box" for path in whole_modules({(kind, what)})]
        if self._defined(name) and ANYTHING in bases:
            paths = []
        own = self._defined(name) and any(kind in {"obj", "cls"} for kind, _ in bases)
        if own and name.startswith("_") and not DUNDER.fullmatch(name) and all("." in path for path in paths):
            return
        if self._paths(node, name, paths) or self._inherited(node, name, bases):
            return
        if name in tables.INTERNAL_ATTRIBUTES:
            self.report(node, f"Forbidden attribute: {name}", DUNDER_WHY, "Leave the interpreter's internals alone")
        elif DUNDER.fullmatch(name):
            if name in LISTED:
                chained = any(listed_parts(path) for path in paths)
                self._listed(node, name, parent, chained)
            elif name not in ORDINARY_DUNDERS and not (self._defined(name) and self._is_own(bases, name)):
                self.report(node, f"Forbidden attribute: {name}", DUNDER_WHY, DUNDER_FIX)
        elif name.startswith("_") and name not in tables.SAFE_PRIVATE:
            if not self._is_own(bases, name):
                why = "private names belong to the object's own code"
                self.report(node, f"Private attribute: {name}", why, "Use the public name")
        elif name in tables.DOORS and not self._defined(name):
            why = tables.DOORS[name]
            self.report(node, f"Forbidden function: {name}", why, tables.DANGEROUS_FIXES[why])
        elif name in libraries.ANY_OBJECT_DOORS and not self._defined(name):
            why = libraries.ANY_OBJECT_DOORS[name]
            self.report(node, f"Forbidden function: {name}", why, tables.DANGEROUS_FIXES[why])
        elif name == "mro" and isinstance(parent, ast.Call):
            self._listed(node, "__mro__", parent)

    def _paths(self, node: ast.AST, name: str, paths: list[str]) -> bool:
        """Judge the attribute as the next part of each path; whether one of them was reported."""
        for path in paths:
            full = f"{path}.{name}"
            verdict: Verdict | None
            if path.endswith(".__builtins__"):
                verdict = Verdict(
                    f"Forbidden attribute: __builtins__.{name}", "error", DUNDER_WHY, "Use the name itself"
                )
            elif name == "__getattr__" and "(" not in path and not last_name(path)[:1].isupper():
                verdict = Verdict(f"Forbidden attribute: {full}", "error", BY_NAME, "Write the attribute out")
            elif path.startswith("?"):
                verdict = reached(full)
            elif import_is_refused(path) or judge_path(path) is not None:
                continue
            else:
                verdict = judge_path(full)
            tail = last_name(path)
            if verdict is None and tail in LISTED and DUNDER.fullmatch(name) and name not in DESCRIPTIVE | LISTED:
                verdict = Verdict(f"Forbidden attribute: {tail}", "error", DUNDER_WHY, DUNDER_FIX)
            if verdict is None and tail in MAPPINGS and name in READERS:
                verdict = Verdict(f"Forbidden attribute: {tail}", "error", DUNDER_WHY, DUNDER_FIX)
            if verdict is None and path in tables.CHANGEABLE and name in tables.MAPPING_WRITES:
                if path == "os.environ" and harmless_method(node, self.module, self.flow):
                    continue
                verdict = state_change(path)
            if verdict is not None:
                self.verdict(node, verdict)
                return True
        return False

    def _inherited(self, node: ast.AST, name: str, bases: frozenset[tuple[str, Any]]) -> bool:
        """A door that the plugin's own class has from a library's."""
        if name.startswith("_"):
            return False
        for kind, scope in bases:
            if kind in {"obj", "cls"}:
                for _, path in self.flow.inherited(str(kind), scope, name):
                    verdict = judge_path(path)
                    if verdict is not None and judge_path(path.rsplit(".", 1)[0]) is None:
                        self.verdict(node, verdict)
                        return True
        return False

    def _listed(self, node: ast.AST, name: str, parent: ast.AST | None, chained: bool = False) -> None:
        """One of the seven dunders: a warning when read, an error when more is done with it."""
        used = (
            chained
            or (isinstance(parent, ast.Call) and (parent.func is node or name in HANDLES))
            or isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            or (isinstance(parent, (ast.Subscript, ast.Attribute)) and parent.value is node and self._reaches(parent))
        )  # fmt: skip
        if used:
            self.report(node, f"Forbidden attribute: {name}", DUNDER_WHY, DUNDER_FIX)
        else:
            self.report(node, f"Dunder attribute: {name}", DUNDER_WHY, DUNDER_FIX, "warning")

    @staticmethod
    def _reaches(parent: ast.Subscript | ast.Attribute) -> bool:
        if isinstance(parent, ast.Subscript):
            return True
        if not isinstance(parent.ctx, ast.Load):
            return True
        return DUNDER.fullmatch(parent.attr) is not None and parent.attr not in DESCRIPTIVE

    def _is_own(self, bases: frozenset[tuple[str, object]], name: str) -> bool:
        """Whether the object is the plugin's own, as far as can be told."""
        if ANYTHING in bases:
            return self._defined(name)
        if any(kind == "lib" and not str(path).startswith("?") for kind, path in bases):
            return any(kind in {"obj", "cls"} for kind, _ in bases) and self._defined(name)
        return any(kind in {"obj", "cls", "mod", "def"} for kind, _ in bases) or self._defined(name)
