"""The flow of values through a plugin.

The answer is an upper bound that ignores order and conditions; it grows until nothing changes, within a budget.
"""

import ast
import time
from collections.abc import Iterable

from plugin_sdk.scanner.flatten import Flattener
from plugin_sdk.scanner.flow.stores import Stores
from plugin_sdk.scanner.scopes import EVAL, SINK, Module, Scope, Unit
from plugin_sdk.scanner.tables import words

DEADLINE_S = 3.0

PLAIN_BASES = words(
    """
    object ABC BaseModel Exception ValueError RuntimeError TypeError KeyError Enum IntEnum StrEnum Protocol NamedTuple
    TypedDict str int float dict list tuple Generic RootModel BaseSettings UserDict UserList Flag IntFlag
    """
)


class TooTangled(Exception):
    """The flow of values did not settle within its budget."""


class Flow(Stores):
    """The modules of one plugin and what their expressions may be."""

    def run(self, budget: int = 40) -> None:
        """Evaluate until nothing changes; at most `budget` times as many operations as the plugin has."""
        for module in self.modules.values():
            Flattener(module).run()
            self._queue.extend(module.units)
            for node, _ in module.imports:
                if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
                    source = module.absolute(node) if node.level else node.module
                    if source is not None:
                        module.stars.extend([("mod", source)] if node.level else self.resolve(source))
        for module in self.modules.values():
            for unit in module.units:
                unit.queued = True
        for module in self.modules.values():
            for scope in self._classes(module):
                self._special_names |= {name for name in scope.names if name.startswith("__")}
        self._find_plain()
        deadline = time.thread_time() + DEADLINE_S
        left = 20_000 + budget * sum(len(unit.ops) for unit in self._queue)
        while self._queue:
            unit = self._queue.popleft()
            unit.queued = False
            left -= len(unit.ops) + 1
            if left < 0 or time.thread_time() > deadline:
                raise TooTangled
            self.evaluate(unit)
        self._settled = True
        self.defined = set(self._stored)
        for module in self.modules.values():
            for scope in self._classes(module):
                self.defined |= scope.names.keys()

    def evaluate(self, unit: Unit) -> None:
        self._unit = unit
        for kind, node, scope, extra in unit.ops:
            if kind == EVAL:
                self.values[node] = self._evaluate(node, scope, extra)
            else:
                self._sink(node, scope, extra)

    @staticmethod
    def _classes(module: Module) -> Iterable[Scope]:
        for unit in module.units:
            for kind, spec, _, _ in unit.ops:
                if kind == SINK and spec[0] == "own" and spec[1] == "cls":
                    yield spec[2]

    def _find_plain(self) -> None:
        classes = [scope for module in self.modules.values() for scope in self._classes(module)]
        names = {scope.node.name for scope in classes if isinstance(scope.node, ast.ClassDef)}
        rest = classes
        while True:
            special = {scope.node.name for scope in rest if not self._is_plain(scope, names)}  # type: ignore[attr-defined]
            if not special & names:
                break
            names -= special
        self.plain = {scope for scope in classes if self._is_plain(scope, names)}
        if self.plain:
            module = next(iter(self.modules.values()))
            self._plain_class = Scope("class", None, module, ast.Pass())

    @staticmethod
    def _is_plain(scope: Scope, names: set[str]) -> bool:
        bases = [base.value if isinstance(base, ast.Subscript) else base for base in scope.bases]
        known = names | PLAIN_BASES
        return "__call__" not in scope.names and all(
            (base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")) in known for base in bases
        )
