"""Variables and attributes: what was written to them, and who must look again when that grows."""

import ast
from collections import Counter, deque
from collections.abc import Callable, Iterable
from itertools import chain

from plugin_sdk.scanner.flow.values import (
    ANYTHING,
    CAPS,
    DULL,
    MAX_CHANGES,
    MAX_KEPT,
    MAX_TEXTS,
    MAX_TOTAL,
    NOTHING,
    Values,
    is_method,
)
from plugin_sdk.scanner.flow.widening import anything_of, kept, widened
from plugin_sdk.scanner.scopes import Module, Scope, Unit, Value, Var


class Known(dict[ast.AST | None, Values]):
    """The values of expressions; nothing is known of those that are missing."""

    def __missing__(self, node: ast.AST | None) -> Values:
        return NOTHING


class Memory:
    """The modules of one plugin, and every value that their names may hold."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.modules = {module.name: module for module in modules}
        self.folders = {""}
        for name in self.modules:
            parts = name.split(".")
            self.folders.update(".".join(parts[:depth]) for depth in range(1, len(parts)))
        self.values = Known()
        self.of: Callable[[ast.AST | None], Values] = self.values.__getitem__
        """What an expression may be."""
        self.attributes: dict[str, Var] = {}
        self.defined: set[str] = set()
        """Attribute names that the plugin itself gives to objects."""
        self._stored: set[str] = set()
        self._special_names: set[str] = set()
        """Dunders that the plugin's classes define."""
        self.families: dict[Scope, Scope] = {}
        """Each of the plugin's classes with the scope that stands for all instances of its family."""
        self.shared: dict[Scope, set[str]] = {}
        """The names that every class of a family defines itself."""
        self._callable: set[Scope] = set()
        """Families whose instances may be called."""
        self.harmless_texts: set[tuple[str, str, Scope]] = set()
        """Texts that were judged as code in a scope, and are none or do no harm."""
        self.harmless_uses: set[tuple[str | Values, ...]] = set()
        """Names and attributes, with what they may be, that were judged and do no harm wherever they stand."""
        self.no_formats: set[Values] = set()
        """Sets of values without a text that could be a format."""
        self.sent = Var()
        self.raised = Var()
        self._unclear = Var()
        """Marked where `classmethod` is used by value: any `self` may then be a class."""
        self._hooks = Var()
        """What functions give that the plugin stores into objects of libraries, so that their methods may give it."""
        self._registered = Var()
        """What the attributes give that the plugin registers for a library's objects."""
        self._unit = Unit()
        self._queue: deque[Unit] = deque()
        self._any_function = Scope(
            "hub", None, Module("", "", False, ast.Module([], [])), ast.Pass(), star_params=["*"]
        )
        """Stands for all functions that are too many to be told apart."""
        self._hubbed: set[Scope] = set()
        self._called: set[Values] = set()
        """Sets of values of which every function is hubbed."""
        self._anything = Var()
        """Stands for all variables that may hold almost anything."""
        self._anything.values = frozenset({ANYTHING})
        self._any_function.names.update({"*": self._anything, "self": self._anything})
        self._any_function.result = self._anything
        self._joins: deque[tuple[Var, Var]] = deque()
        """Variables that are to become one."""
        self._settled = False

    def read(self, var: Var) -> Values:
        if var.joined is not None:
            var = var.root()
        if not self._settled:
            var.readers[self._unit] = None
        return var.values

    def attribute(self, name: str) -> Var:
        var = self.attributes.get(name)
        if var is None:
            var = self.attributes[name] = Var()
        return var

    def store(self, name: str, values: Iterable[Value], loose: bool = True) -> None:
        """Write to an attribute; what is no plain method may be called without a `self`."""
        var = self.attribute(name)
        if loose and not var.loose:
            var.loose = True
            self._look_again(var)
        self.write(var, values)

    def instance(self, scope: Scope) -> Value:
        """An instance of one of the plugin's classes."""
        return ("obj", self.families.get(scope, scope))

    # writing

    def write(self, var: Var, values: Iterable[Value]) -> None:
        """Add what is not there yet; a kind of which there is too much is kept in wider terms."""
        if not values:
            return
        if var.joined is not None:
            var = var.root()
        fresh = frozenset(values) - var.seen
        if not fresh:
            return
        var.seen |= fresh
        if var is self._anything:
            self._write_anything(fresh)
            return
        if "txt" in var.wide:
            fresh = self._fewer_texts(fresh, var.values)
        loose: set[Value] = set()
        inside = NOTHING
        for value in fresh:
            if value[0] == "box":
                inside |= value[1]
            elif (form := self._form(var, value)) is not None:
                loose.add(form)
        merged = self._widen(var, var.values | loose) if loose else var.values
        if inside:
            merged = self._with_box(var, merged, inside)
        if merged is not var.values and merged != var.values:
            var.values = merged
            var.changes += 1
            if ANYTHING in merged or len(merged) > MAX_TOTAL or var.changes > MAX_CHANGES:
                self._joins.append((var, self._anything))
            self._look_again(var)

    def _write_anything(self, values: Values) -> None:
        """Whole modules and objects of libraries are kept of it; its functions get whatever is handed around."""
        modules: set[Value] = set()
        for kind, what in chain(values, *(inner for outer, inner in values if outer == "box")):
            if kind == "def":
                self._hub(what)
            elif kind == "lib" and (form := anything_of(what)) is not None:
                modules.add(form)
        if not modules <= self._anything.values:
            self._anything.values |= modules
            self._look_again(self._anything)

    @staticmethod
    def _fewer_texts(fresh: Values, known: Values) -> Values:
        """Without texts, once a variable has held more of them than are told apart."""
        room = MAX_TEXTS - sum(kind == "txt" for kind, _ in known)
        texts = sorted(what for kind, what in fresh if kind == "txt")
        return fresh - {("txt", text) for text in texts[max(room, 0) :]}

    def _form(self, var: Var, value: Value) -> Value | None:
        """The value as the variable keeps it; None for what need not be kept."""
        if value in DULL:
            return None
        if value[0] in var.wide:
            return self._wide(value)
        return kept(value)

    def _wide(self, value: Value) -> Value | None:
        kind, what = value
        if kind == "def":
            return ("def", self._hub(what))
        if kind == "cls":
            return ("cls", self.families.get(what, what))
        return widened(value)

    def _widen(self, var: Var, values: Values) -> Values:
        """The values with every kind in wider terms of which there are too many."""
        if len(values) <= MAX_KEPT:
            return values
        counts = Counter(kind for kind, _ in values)
        over = {kind for kind, count in counts.items() if count > CAPS.get(kind, MAX_TOTAL)} - var.wide
        if over:
            var.wide |= over
            forms = {self._wide(value) if value[0] in over else value for value in values}
            values = frozenset(form for form in forms if form is not None)
        return values

    def _with_box(self, var: Var, values: Values, new: Values) -> Values:
        """One container for all that a variable may hold, so that their number stays bounded."""
        old: Values = next((what for kind, what in values if kind == "box"), NOTHING)
        fresh = new - old
        if "txt" in var.wide:
            fresh = self._fewer_texts(fresh, old)
        forms = {form for value in fresh if (form := self._form(var, value)) is not None}
        merged = self._widen(var, old | forms)
        return values if merged == old else (values - {("box", old)}) | {("box", merged)}

    def _look_again(self, var: Var) -> None:
        for unit in var.readers:
            if not unit.queued:
                unit.queued = True
                self._queue.append(unit)

    # joining

    def _hub(self, function: Scope) -> Scope:
        """One function for all that are too many to be told apart: arguments for one are arguments for each."""
        hub = self._any_function
        if function is not hub and function not in self._hubbed:
            self._hubbed.add(function)
            shift = is_method(function)
            for position, name in enumerate([*function.params, *function.star_params]):
                self._joins.append((function.names[name], hub.names["self" if shift and not position else "*"]))
            self._joins.append((function.result, hub.result))
        return hub

    def join(self) -> None:
        """Make one variable of each pair that is waiting for it."""
        while self._joins:
            var, other = (each.root() for each in self._joins.popleft())
            if var is not other:
                var.joined = other
                other.readers.update(var.readers)
                self.write(other, var.values)
                other.seen |= var.seen
                if other.values != var.values:
                    self._look_again(var)
                var.readers, var.seen, var.values = {}, set(), NOTHING
