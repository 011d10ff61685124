"""Variables and attributes: what was written to them, and who must look again when that grows."""

import ast
from collections import deque
from collections.abc import Iterable

from plugin_sdk.scanner.flow.texts import MAX_TEXTS
from plugin_sdk.scanner.flow.values import DULL, MAX_VALUES, NOTHING, Values
from plugin_sdk.scanner.scopes import Module, Scope, Unit, Value, Var


class Memory:
    """The modules of one plugin, and every value that their names may hold."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.modules = {module.name: module for module in modules}
        self.folders = {""}
        for name in self.modules:
            parts = name.split(".")
            self.folders.update(".".join(parts[:depth]) for depth in range(1, len(parts)))
        self.values: dict[ast.AST, Values] = {}
        self.attributes: dict[str, Var] = {}
        self.defined: set[str] = set()
        """Attribute names that the plugin itself gives to objects."""
        self._stored: set[str] = set()
        self._special_names: set[str] = set()
        """Dunders that the plugin's classes define."""
        self.plain: set[Scope] = set()
        """Classes whose instances need not be told apart: nothing from a library's class, and not callable."""
        self._plain_class: Scope | None = None
        self.sent = Var()
        self.raised = Var()
        self._unit = Unit()
        self._queue: deque[Unit] = deque()
        self._settled = False

    def of(self, node: ast.AST | None) -> Values:
        return self.values.get(node, NOTHING) if node is not None else NOTHING

    def read(self, var: Var) -> set[Value]:
        if not self._settled:
            var.readers.add(self._unit)
        return var.values

    def write(self, var: Var, values: Iterable[Value]) -> None:
        changed = False
        for value in values:
            if value in var.values or value in DULL:
                continue
            if value[0] == "box":
                old = next((what for kind, what in var.values if kind == "box"), NOTHING)
                merged = self._merged(old, value[1])
                if merged != old:
                    var.values.discard(("box", old))
                    var.values.add(("box", merged))
                    changed = True
                continue
            if value[0] == "txt":
                if var.texts >= MAX_TEXTS:
                    continue
                var.texts += 1
            if len(var.values) >= MAX_VALUES and value[0] == "lib" and "(" in value[1]:
                continue
            if len(var.values) < MAX_VALUES * 4:
                var.values.add(value)
                changed = True
        if changed:
            for unit in var.readers:
                if not unit.queued:
                    unit.queued = True
                    self._queue.append(unit)

    @staticmethod
    def _merged(old: Values, new: Values) -> Values:
        """One container for all that a variable may hold, so that their number stays bounded."""
        added = new - old - DULL
        if len(old) + len(added) > MAX_VALUES:
            added = frozenset(
                value for value in added if value[0] != "txt" and not (value[0] == "lib" and "(" in value[1])
            )
        return old | added if len(old) <= MAX_VALUES * 4 else old

    def attribute(self, name: str) -> Var:
        var = self.attributes.get(name)
        if var is None:
            var = self.attributes[name] = Var()
        return var

    def instance(self, scope: Scope) -> Value:
        """An instance of one of the plugin's classes."""
        if scope in self.plain and self._plain_class is not None:
            return ("obj", self._plain_class)
        return ("obj", scope)
