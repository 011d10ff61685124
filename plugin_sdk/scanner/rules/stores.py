"""Rules for stores: what may be changed of libraries, modules and objects."""

import ast

from plugin_sdk.scanner import libraries, tables
from plugin_sdk.scanner.flow import LISTED
from plugin_sdk.scanner.flow.values import ANYTHING
from plugin_sdk.scanner.judge import judge_path
from plugin_sdk.scanner.rules.calls import CallRules
from plugin_sdk.scanner.rules.environment import harmless_item
from plugin_sdk.scanner.rules.reporting import DUNDER, DUNDER_FIX, DUNDER_WHY, last_name, spelled, state_change
from plugin_sdk.scanner.scopes import Scope


class StoreRules(CallRules):
    """Judges stores into attributes and items, and subscripts."""

    def _subscript(self, node: ast.Subscript, scope: Scope) -> None:
        if isinstance(self.module.parents.get(node), ast.arg):
            return
        for kind, path in self.flow.of(node.value):
            if kind == "lib":
                tail = last_name(path)
                if tail in LISTED and (spelled(node.value) != tail or self.module.parents.get(node.value) is not node):
                    self.report(node, f"Forbidden attribute: {tail}", DUNDER_WHY, DUNDER_FIX)
                if path.startswith("typing.") and not path.startswith(("typing.Literal", "typing.Annotated")):
                    self._annotation(node.slice, scope)

    def _store(self, target: ast.expr, extra: tuple[ast.expr | None, bool], scope: Scope) -> None:
        """An attribute or item of something is changed or deleted."""
        base = target.value  # type: ignore[attr-defined]
        if isinstance(target, ast.Subscript):
            self._stored_item(target, extra[0])
        for kind, path in self.flow.of(base) if ANYTHING not in self.flow.of(base) else ():
            if kind != "lib":
                continue
            tail = last_name(path)
            if path in tables.CHANGEABLE:
                if path == "os.environ" and harmless_item(target, self.module, self.flow):
                    continue
                self.verdict(target, state_change(path))
            elif tail in LISTED:
                self.report(target, f"Forbidden attribute: {tail}", DUNDER_WHY, DUNDER_FIX)
            elif isinstance(target, ast.Subscript) or "(" in path or "[" in path or path.startswith("?"):
                continue
            elif path in tables.PROCESS_MODULES:
                self.verdict(target, state_change(f"{path}.{target.attr}"))  # type: ignore[attr-defined]
            elif verdict := judge_path(f"{path}.{target.attr}"):  # type: ignore[attr-defined]
                self.verdict(target, verdict)
            elif self._is_code(extra[0], path):
                why = "a changed library changes what others run"
                self.report(target, f"Changed library: {path}", why, "Wrap the function in one of your own")
        if isinstance(target, ast.Attribute):
            name = target.attr
            if name == "backend" and any(
                kind == "lib" and path.endswith("plotting") for kind, path in self.flow.of(base)
            ):
                self._door(target, "pandas.options.plotting.backend", libraries.CODE)
            if DUNDER.fullmatch(name) and name not in {"__doc__", "__name__", "__qualname__", "__module__", "__slots__", "__notes__"} | {
                "__cause__", "__context__", "__suppress_context__", "__signature__", "__wrapped__",
            }:  # fmt: skip
                self.report(target, f"Forbidden attribute: {name}", DUNDER_WHY, "Define it in the class body")
            elif name.lower().endswith("trust_remote_code") and not self._is_own(self.flow.of(base), name):
                self._option_value(target, "trust_remote_code", extra[0])
            elif name in tables.INTERNAL_ATTRIBUTES:
                self.report(
                    target, f"Forbidden attribute: {name}", DUNDER_WHY, "Leave the interpreter's internals alone"
                )
            else:
                paths = [path for kind, path in self.flow.of(base) if kind == "lib" and not path.startswith("?")]
                if name.startswith("_") and any("(" not in path for path in paths):
                    self.report(
                        target,
                        f"Private attribute: {name}",
                        "private names belong to the object's own code",
                        "Use the public name",
                    )

    def _stored_item(self, target: ast.Subscript, source: ast.expr | None) -> None:
        if spelled(target.value) == "__annotations__":
            self.report(
                target,
                "Forbidden attribute: __annotations__",
                "annotations are evaluated as code",
                "Write the annotation out",
            )
        for kind, text in self.flow.of(target.slice):
            if kind == "txt" and text in libraries.ANYWHERE_OPTIONS and text != "shell":
                self._option_value(target, str(text), source)

    def _is_code(self, source: ast.expr | None, path: str) -> bool:
        """Whether what is stored into a library may be something that can be called."""
        if source is None:
            return True
        if isinstance(source, (ast.Lambda, ast.Call, ast.Name, ast.Await, ast.Yield)) and not self.flow.of(source):
            return not any(part in path.split(".") for part in tables.LIBRARY_SETTINGS)
        return any(
            kind in {"def", "cls", "obj"}
            or (kind == "lib" and "(" not in path and path.rsplit(".", 1)[-1] not in {"inf", "nan", "pi"})
            for kind, path in self.flow.of(source)
        )
