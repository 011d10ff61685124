"""The flow of values through a plugin.

The answer is an upper bound that ignores order and conditions; it grows until nothing changes, within a budget.
"""

import ast
import time
from collections.abc import Iterable
from itertools import chain

from plugin_sdk.scanner.flatten import Flattener
from plugin_sdk.scanner.flow.expressions import HANDLERS
from plugin_sdk.scanner.flow.families import families, shared_names
from plugin_sdk.scanner.flow.stores import SINKS, Stores
from plugin_sdk.scanner.scopes import EVAL, Unit

DEADLINE_S = 3.5
"""Processor time for the flow and the rules together."""

CLOCK_EVERY = 16


class TooTangled(Exception):
    """The flow of values did not settle within its budget."""


class Flow(Stores):
    """The modules of one plugin and what their expressions may be."""

    _deadline = 0.0
    _steps = 0

    def run(self, budget: int = 40) -> None:
        """Evaluate until nothing changes; at most `budget` times as many operations as the plugin has."""
        for module in self.modules.values():
            Flattener(module).run()
            for node, _ in module.imports:
                if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
                    source = module.absolute(node) if node.level else node.module
                    if source is not None:
                        module.stars.extend([("mod", source)] if node.level else self.resolve(source))
        self._queue.extend(_definitions_first(chain.from_iterable(module.units for module in self.modules.values())))
        for unit in self._queue:
            unit.queued = True
        for module in self.modules.values():
            for scope in module.classes:
                self._special_names |= {name for name in scope.names if name.startswith("__")}
        self.families = families([scope for module in self.modules.values() for scope in module.classes])
        self.shared = shared_names(self.families)
        self._callable = {family for scope, family in self.families.items() if "__call__" in scope.names}
        self._deadline = time.thread_time() + DEADLINE_S
        left = 20_000 + budget * sum(len(unit.ops) for unit in self._queue)
        while self._queue:
            unit = self._queue.popleft()
            unit.queued = False
            left -= len(unit.ops) + 1
            if left < 0:
                raise TooTangled
            self.check_time()
            self.evaluate(unit)
        self._settled = True
        self.defined = set(self._stored)
        for module in self.modules.values():
            for scope in module.classes:
                self.defined |= scope.names.keys()

    def check_time(self) -> None:
        """Give up once the time for this plugin is spent; the clock is asked now and then, it takes a system call."""
        self._steps += 1
        if self._steps % CLOCK_EVERY == 0 and time.thread_time() > self._deadline:
            raise TooTangled

    def evaluate(self, unit: Unit) -> None:
        self._unit = unit
        values, evaluate, sinks = self.values, HANDLERS.get, SINKS
        for kind, node, scope, extra in unit.ops:
            if kind != EVAL:
                sinks[node[0]](self, node, scope, extra)
            elif (node_type := type(node)) is ast.Name and (var := scope.plain.get(node.id)) is not None:
                values[node] = self.read(var)
            elif (handler := evaluate(node_type)) is not None:
                values[node] = handler(self, node, scope)
            elif extra is not None:
                values[node] = frozenset({("def", extra)})
        if self._joins:
            self.join()


def _definitions_first(units: Iterable[Unit]) -> list[Unit]:
    """What modules and classes do themselves, then what functions do: most that these read is then known at once."""
    return sorted(units, key=lambda unit: bool(unit.ops) and unit.ops[-1][2].kind not in {"module", "class"})
