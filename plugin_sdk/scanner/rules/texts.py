"""Rules for plain texts: format fields that reach attributes, names of internals, addresses."""

import ast
import re

from plugin_sdk.scanner import tables
from plugin_sdk.scanner.addresses import forbidden_address
from plugin_sdk.scanner.flow import LISTED
from plugin_sdk.scanner.rules.code import UNKNOWN_TEXT
from plugin_sdk.scanner.rules.reporting import DUNDER, DUNDER_FIX, DUNDER_WHY
from plugin_sdk.scanner.rules.stores import StoreRules
from plugin_sdk.scanner.scopes import Scope
from plugin_sdk.scanner.tables import ORDINARY_DUNDERS

FIELD = re.compile(r"\{([^{}!:]*[.\[][^{}!:]*)")


class TextRules(StoreRules):
    """Judges every text that a plugin writes out or puts together."""

    def _constant(self, node: ast.expr, scope: Scope) -> None:
        """Texts: format fields that reach attributes, and addresses."""
        if node in self._docstrings:
            return
        self._internal_text(node)
        if isinstance(node, ast.Constant):
            if not isinstance(node.value, str):
                return
            texts = [node.value[:100_000]]
        else:
            texts = [str(text) for kind, text in self.flow.of(node) if kind == "txt"]
        for text in texts:
            if "{" in text:
                for field in FIELD.findall(text):
                    self._field(node, field)
            if (":" in text or "." in text) and len(text) > 6:
                address = forbidden_address(text.replace(UNKNOWN_TEXT, "x"))
                if address is not None:
                    why = "it is an address of the machine itself or of its cloud"
                    self.report(node, f"Forbidden address: {address}", why, "Call public addresses only")

    def _internal_text(self, node: ast.expr) -> None:
        """The name of an internal attribute, given to a function as text."""
        parent = self.module.parents.get(node)
        if isinstance(parent, (ast.Call, ast.List, ast.Tuple, ast.Dict, ast.Subscript, ast.BinOp)):
            for kind, text in self.flow.of(node):
                if kind == "txt" and text in tables.INTERNAL_TEXTS:
                    self.report(
                        node, f"Forbidden attribute: {text}", "it is reached by its name in a text", "Leave it out"
                    )

    def _field(self, node: ast.expr, field: str) -> None:
        """`{0.name[key]}` reads attributes and items of what is formatted."""
        names = re.split(r"\s*([.\[])", field)
        steps = list(zip(names[1::2], (name.rstrip("] ") for name in names[2::2]), strict=True))
        for position, (mark, name) in enumerate(steps):
            internal = name in tables.INTERNAL_ATTRIBUTES
            if mark == "[" and not internal:
                continue
            if name in LISTED:
                reached_on = [mark for mark, later in steps[position + 1 :] if mark == "[" or later.startswith("_")]
                if reached_on or not DUNDER.fullmatch(name):
                    self.report(node, f"Forbidden attribute: {name}", DUNDER_WHY, "Format plain values")
                else:
                    self.report(node, f"Dunder attribute: {name}", DUNDER_WHY, DUNDER_FIX, "warning")
            elif internal or (
                name.startswith("_") and name not in ORDINARY_DUNDERS | tables.SAFE_PRIVATE and not self._defined(name)
            ):
                self.report(node, f"Forbidden attribute: {name}", DUNDER_WHY, "Format plain values")

    def _text_node(self, node: ast.expr, scope: Scope) -> None:
        self._constant(node, scope)
