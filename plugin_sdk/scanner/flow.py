"""What every expression of a plugin may be: values flow through names, attributes, containers, calls and imports.

The answer is an upper bound that ignores order and conditions; it grows until nothing changes, within a budget.
"""

import ast
import builtins
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from plugin_sdk.scanner.judge import MODULES, is_known
from plugin_sdk.scanner.libraries import LIBRARY_DOORS
from plugin_sdk.scanner.scopes import EVAL, SINK, Flattener, Module, Scope, Unit, Value, Var
from plugin_sdk.scanner.tables import (
    FORBIDDEN_BUILTINS,
    HARMLESS,
    PLATFORM_ROOTS,
    REACHED_FUNCTIONS,
    SENSITIVE,
    STDLIB_OBJECT_DOORS,
    WARNING_DUNDERS,
    words,
)

Values = frozenset[Value]
NOTHING: Values = frozenset()
BUILTINS = set(dir(builtins)) | {"__builtins__", "__loader__", "__spec__"}
DEADLINE_S = 3.0
MAX_PARTS = 9
MAX_TEXTS = 6
MAX_TEXT = 4096
MAX_VALUES = 48

REACHABLE = set(REACHED_FUNCTIONS)
"""Attribute names that, read from an object of unknown kind, may be the module of that name."""
KEPT_ROOTS = set(STDLIB_OBJECT_DOORS) | words(
    "functools operator types cProfile profile timeit contextlib collections dataclasses copy itertools weakref inspect"
)
"""Modules of the harmless standard library whose objects are worth following."""
INERT = HARMLESS - KEPT_ROOTS - SENSITIVE - {"os", "sys"}
"""Modules whose functions and classes need not be followed once their names are judged."""
FOLLOWED = set(STDLIB_OBJECT_DOORS) | set(LIBRARY_DOORS) | PLATFORM_ROOTS
"""Roots whose classes have methods that matter."""
LISTED = set(WARNING_DUNDERS) | {"__dict__"}
PASS_THROUGH = {
    f"builtins.{name}"
    for name in ["list", "tuple", "set", "frozenset", "dict", "iter", "next", "aiter", "anext", "reversed", "sorted", "enumerate", "zip", "max", "min", "filter", "map", "sum"]
} | {
    "copy.copy", "copy.deepcopy", "typing.cast", "functools.partial", "functools.partialmethod", "functools.cache",
    "functools.lru_cache()", "functools.wraps()", "itertools.chain", "itertools.cycle", "itertools.repeat",
    "itertools.islice", "itertools.chain.from_iterable", "collections.deque", "collections.ChainMap", "operator.getitem",
    "operator.itemgetter()", "functools.reduce", "types.MappingProxyType", "types.SimpleNamespace", "dataclasses.replace",
    "weakref.ref", "weakref.proxy", "contextlib.nullcontext", "asyncio.to_thread", "collections.OrderedDict",
    "collections.defaultdict", "collections.UserDict", "builtins.staticmethod", "builtins.classmethod", "builtins.property",
    "asyncio.run", "functools.singledispatch", "typing.NamedTuple", "itertools.starmap", "operator.call", "asyncio.gather",
}  # fmt: skip
"""Functions whose result holds, or is, what they are given."""
ADDERS = words(
    "append add insert extend update setdefault put put_nowait appendleft push set send __setitem__ submit offer"
)
"""Methods that put their arguments into the object before the dot."""
CONTAINER_METHODS = ADDERS | words(
    "get pop popitem values items keys copy popleft get_nowait index count remove clear sort reverse"
)
OPERATORS = words(
    """
    __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __matmul__ __rmatmul__ __truediv__ __rtruediv__ __floordiv__ __mod__
    __rmod__ __pow__ __and__ __rand__ __or__ __ror__ __xor__ __rxor__ __lshift__ __rlshift__ __rshift__ __rrshift__
    __contains__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __neg__ __pos__ __invert__ __iadd__ __ior__ __rfloordiv__
    __isub__ __imul__ __iand__ __ixor__ __rpow__ __divmod__ __imatmul__
    """
)


DULL: set[Value] = {
    ("lib", f"builtins.{name}")
    for name in BUILTINS
    - set(FORBIDDEN_BUILTINS)
    - words("type super object __builtins__ map filter iter next sorted reversed")
}
"""Builtins that need not be followed once they are kept somewhere: types and plain functions."""
PLAIN_BASES = words(
    """
    object ABC BaseModel Exception ValueError RuntimeError TypeError KeyError Enum IntEnum StrEnum Protocol NamedTuple
    TypedDict str int float dict list tuple Generic RootModel BaseSettings UserDict UserList Flag IntFlag
    """
)


class TooTangled(Exception):
    """The flow of values did not settle within its budget."""


class Flow:
    """The modules of one plugin and what their expressions may be."""

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

    def instance(self, scope: Scope) -> Value:
        """An instance of one of the plugin's classes."""
        if scope in self.plain and self._plain_class is not None:
            return ("obj", self._plain_class)
        return ("obj", scope)

    def evaluate(self, unit: Unit) -> None:
        self._unit = unit
        for kind, node, scope, extra in unit.ops:
            if kind == EVAL:
                self.values[node] = self._evaluate(node, scope, extra)
            else:
                self._sink(node, scope, extra)

    def of(self, node: ast.AST | None) -> Values:
        return self.values.get(node, NOTHING) if node is not None else NOTHING

    # variables

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

    def lookup(self, scope: Scope, name: str) -> Var | None:
        """The variable that a load of the name reads; None where it falls through to star imports and builtins."""
        if name in scope.found:
            return scope.found[name]
        here: Scope | None = scope
        while here is not None:
            if name in here.global_names:
                here = here.module.scope
            if name in here.names and (here is scope or here.kind != "class"):
                scope.found[name] = here.names[name]
                return here.names[name]
            here = here.parent
        if self._settled or name in BUILTINS:
            scope.found[name] = None
        return None

    def name(self, node: ast.Name, scope: Scope) -> Values:
        var = self.lookup(scope, node.id)
        found: set[Value] = set(self.read(var)) if var is not None else set()
        if var is None:
            found |= self._starred(scope.module, node.id)
        if node.id in BUILTINS:
            if var is None:
                hidden = any(value[0] != "lib" for value in found)
            else:
                hidden = node.id not in FORBIDDEN_BUILTINS or not self.may_be_builtin(node, scope)
            if not hidden:
                found.add(("lib", f"builtins.{node.id}"))
        if node.id == "__class__" and var is None:
            found.add(("lib", "?.__class__"))
        return frozenset(found)

    def may_be_builtin(self, node: ast.Name, scope: Scope) -> bool:
        """Whether a load of a name that is bound somewhere could still see the builtin."""
        here: Scope | None = scope
        while here is not None and here.kind != "module":
            if node.id in here.names and (here is scope or here.kind != "class"):
                if here.kind != "class":
                    return False
                return not _bound_before(here.node.body, node)  # type: ignore[attr-defined]
            here = here.parent
        module = scope.module
        return node.id in module.deleted or not _bound_before(module.tree.body, node, scope.kind != "module")

    def _starred(self, module: Module, name: str) -> set[Value]:
        found: set[Value] = set()
        for kind, path in module.stars:
            if kind == "mod":
                found |= self.member(path, name)
            elif name not in BUILTINS:
                found.add(("lib", f"{path}.{name}"))
        return found

    def member(self, module: str, name: str, seen: frozenset[str] = frozenset()) -> set[Value]:
        """A name of one of the plugin's own modules, through star imports too."""
        found: set[Value] = set()
        own = self.modules.get(module)
        if own is not None and module not in seen and len(seen) < 50:
            if name in own.scope.names:
                found |= self.read(own.scope.names[name])
            elif "__getattr__" in own.scope.names:
                for kind, function in tuple(self.read(own.scope.names["__getattr__"])):
                    found |= self.read(function.result) if kind == "def" else set()
            for kind, path in own.stars:
                found |= self.member(path, name, seen | {module}) if kind == "mod" else {("lib", f"{path}.{name}")}
        inner = f"{module}.{name}" if module else name
        if inner in self.modules or inner in self.folders:
            found.add(("mod", inner))
        return found

    def binds(self, module: str, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether one of the plugin's modules binds the name itself or through a star import of its own."""
        own = self.modules.get(module)
        if own is None or module in seen or len(seen) > 50:
            return False
        return name in own.scope.names or any(
            kind == "mod" and self.binds(path, name, seen | {module}) for kind, path in own.stars
        )

    # what is written

    def _sink(self, spec: tuple[object, ...], scope: Scope, extra: object) -> None:
        getattr(self, f"_sink_{spec[0]}")(spec, scope, extra)

    def _origin(self, extra: tuple[ast.expr | None, bool]) -> Values:
        origin, inside = extra
        values = self.of(origin)
        return self.elements(values) if inside else values

    def _sink_var(self, spec: tuple[str, Var], scope: Scope, extra: tuple[ast.expr | None, bool]) -> None:
        values = self._origin(extra)
        self.write(spec[1], values)
        if scope.kind == "class" and values:
            for name, var in scope.names.items():
                if var is spec[1]:
                    self.write(self.attribute(name), values)

    def _sink_named(self, spec: tuple[str, ast.Name], scope: Scope, extra: object) -> None:
        """A name is stored; the rules look at it."""

    def _sink_raised(self, spec: tuple[str, ast.expr], scope: Scope, extra: object) -> None:
        """Whoever catches an exception may get what it was made of."""
        self.write(self.raised, (value for value in self.of(spec[1]) if value[0] != "txt"))
        if isinstance(spec[1], ast.Call):
            for argument in spec[1].args:
                self.write(self.raised, boxed(value for value in self.of(argument) if value[0] != "txt"))

    def _sink_caught(self, spec: tuple[str, Var], scope: Scope, extra: object) -> None:
        self.write(spec[1], (value for value in self.read(self.raised) if value[0] == "box"))

    def _sink_yield(self, spec: tuple[str, Var], scope: Scope, extra: tuple[ast.expr | None, bool]) -> None:
        self.write(spec[1], boxed(self.of(extra[0])))

    def _sink_attr(self, spec: tuple[str, ast.Attribute], scope: Scope, extra: tuple[ast.expr | None, bool]) -> None:
        target = spec[1]
        values = self._origin(extra)
        self._stored.add(target.attr)
        self.write(self.attribute(target.attr), values)
        for kind, what in self.of(target.value):
            if kind == "mod" and what in self.modules:
                self.write(self.modules[what].scope.bind(target.attr), values)

    def _sink_item(self, spec: tuple[str, ast.Subscript], scope: Scope, extra: tuple[ast.expr | None, bool]) -> None:
        self._fill(spec[1].value, boxed(self._origin(extra)), scope)

    def _fill(self, container: ast.expr, values: Values, scope: Scope) -> None:
        """Something was put into a container that has a name."""
        if not values:
            return
        if isinstance(container, ast.Name):
            var = self.lookup(scope, container.id)
            if var is not None:
                self.write(var, values)
        elif isinstance(container, ast.Attribute):
            self.write(self.attribute(container.attr), values)

    def _sink_annotated(self, spec: tuple[str, ast.expr], scope: Scope, name: str) -> None:
        """An annotation tells the kind of what a library made: `batch: pd.DataFrame`."""
        var = scope.names.get(name)
        instances: set[Value] = set()
        for kind, what in self.of(spec[1]):
            if (
                kind == "lib"
                and not what.startswith(("builtins.", "typing.", "?"))
                and "(" not in what
                and "[" not in what
            ):
                instances.add(("lib", f"{what}()"))
        if var is not None:
            self.write(var, instances)

    def _sink_self(self, spec: tuple[str, Scope], scope: Scope, name: str) -> None:
        self.write(scope.names[name], {self.instance(spec[1])})

    def _sink_own(self, spec: tuple[str, str, Scope], scope: Scope, extra: tuple[Var, ast.AST]) -> None:
        var, node = extra
        values: set[Value] = {(spec[1], spec[2])}
        for decorator in getattr(node, "decorator_list", ()):
            for value in self.of(decorator):
                if value[0] in {"def", "obj", "cls"}:
                    values |= self._call(value, [frozenset(values)], {}, False)
        self.write(var, values)
        if scope.kind == "class":
            self.write(self.attribute(node.name), values)  # type: ignore[attr-defined]

    def _sink_import(self, spec: tuple[str, ast.Import | ast.ImportFrom, ast.alias], scope: Scope, name: str) -> None:
        self.write(scope.bind(name), self.imported(spec[1], spec[2], scope.module))
        if scope.kind == "class":
            self.write(self.attribute(name), scope.bind(name).values)

    def imported(self, node: ast.Import | ast.ImportFrom, alias: ast.alias, module: Module) -> set[Value]:
        """What an import statement binds to one of its names."""
        if isinstance(node, ast.Import):
            path = alias.name if alias.asname else alias.name.split(".")[0]
            return self.resolve(path)
        source = node.module or ""
        if node.level:
            absolute = module.absolute(node)
            return self.member(absolute, alias.name) if absolute is not None else set()
        found: set[Value] = set()
        for kind, what in self.resolve(source):
            if kind == "mod":
                found |= self.member(what, alias.name)
            elif what.split(".", 1)[0] not in INERT or f"{what}.{alias.name}" in MODULES or alias.name in REACHABLE:
                found.add(("lib", f"{what}.{alias.name}"))
        return found

    def resolve(self, path: str) -> set[Value]:
        """A dotted path from an absolute import: the plugin's own module, else one from outside."""
        found: set[Value] = set()
        if path in self.modules or path in self.folders:
            found.add(("mod", path))
        if not found or is_known(path):
            found.add(("lib", path))
        return found

    # what is read

    def _evaluate(self, node: ast.AST, scope: Scope, extra: object) -> Values:
        handler: Any = _HANDLERS.get(type(node))
        if handler is not None:
            return handler(self, node, scope)  # type: ignore[no-any-return]
        if isinstance(node, ast.Lambda):
            return frozenset({("def", extra)})
        return NOTHING

    def _constant(self, node: ast.Constant, scope: Scope) -> Values:
        if isinstance(node.value, str) and len(node.value) <= MAX_TEXT:
            return frozenset({("txt", node.value)})
        if isinstance(node.value, bytes) and len(node.value) <= MAX_TEXT:
            return frozenset({("txt", node.value.decode("latin-1"))})
        return NOTHING

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Values:
        return self.member_of(self.of(node.value), node.attr)

    def member_of(self, bases: Values, name: str) -> Values:
        """An attribute of a value; of what the plugin made itself, and of unknown objects, anything stored under the name."""
        found: set[Value] = set()
        outside = own = False
        for kind, what in bases:
            if kind == "lib":
                outside = True
                if path := member_path(what, name):
                    found.add(("lib", path))
            elif kind in {"obj", "cls"}:
                own = True
                found |= self.inherited(kind, what, name)
            elif kind == "mod":
                found |= self.member(what, name)
            elif kind == "box":
                found.add((kind, what))
                if name not in CONTAINER_METHODS:
                    found |= {("lib", f"{path}.{name}") for inner, path in what if inner == "lib" and "." not in path}
            elif kind == "def":
                found |= self.member_of(frozenset(value for value in self.read(what.result) if value[0] == "lib"), name)
        if own or not outside:
            stored = self.read(self.attribute(name))
            found |= stored
            for kind, function in tuple(stored):
                if kind == "def" and getattr(function.node, "decorator_list", None):
                    found |= self.read(function.result)  # a property, of whatever kind
            if any(kind == "obj" for kind, _ in stored):
                found |= self.given_by("__get__")
        if own:
            found |= self.given_by("__getattr__", "__getattribute__")
        if not outside and (name in LISTED or name in REACHABLE):
            found.add(("lib", f"?.{name}"))
        return frozenset(found)

    def inherited(self, kind: str, scope: Scope, name: str) -> set[Value]:
        """What an instance or class of the plugin has from a library's class: `class P(Path)` reads files too."""
        if name in scope.names:
            return set()
        call = "()" if kind == "obj" else ""
        return {
            ("lib", f"{path}{call}.{name}") for base in scope.bases for inner, path in self.of(base) if inner == "lib"
        }

    def given_by(self, *methods: str) -> set[Value]:
        """Results of the plugin's own special methods of these names, whichever class defines them."""
        found: set[Value] = set()
        for method in self._special_names.intersection(methods):
            for kind, function in tuple(self.read(self.attribute(method))):
                if kind == "def":
                    found |= self.read(function.result)
        return found

    def handed_to(self, methods: Iterable[str], values: Iterable[Value]) -> None:
        """An operator hands values to the plugin's own special methods of these names."""
        given = [value for value in values if value[0] in {"lib", "box"}]
        if given:
            for method in self._special_names.intersection(methods):
                for kind, function in tuple(self.read(self.attribute(method))):
                    if kind == "def":
                        for name in [*function.params[is_method(function) :], *function.star_params]:
                            self.write(function.names[name], given)

    def elements(self, values: Iterable[Value]) -> Values:
        """What iterating over the values, or subscripting them, gives."""
        found: set[Value] = set()
        for kind, what in values:
            if kind == "box":
                found |= what
                found.add((kind, what))
            elif kind == "lib" and (path := item_path(what)):
                found.add(("lib", path))
            elif kind == "def":
                found |= self.read(what.result)
            elif kind in {"obj", "cls"}:
                found |= self.given_by(
                    "__iter__", "__next__", "__getitem__", "__class_getitem__", "__aiter__", "__anext__"
                )
        return frozenset(found)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Values:
        values = self.of(node.value)
        if any(kind in {"obj", "cls"} for kind, _ in values):
            self.handed_to(("__getitem__", "__class_getitem__", "__missing__"), self.of(node.slice))
        return self.elements(values)

    def _same(self, node: ast.Starred | ast.NamedExpr, scope: Scope) -> Values:
        return self.of(node.value)

    def _await(self, node: ast.Await, scope: Scope) -> Values:
        """Awaiting, or entering with `with`."""
        values = self.of(node.value)
        if any(kind == "obj" for kind, _ in values):
            values |= self.given_by("__enter__", "__aenter__", "__await__")
        if any(kind == "box" for kind, _ in values):
            values |= self.elements(values)
        return values

    def _yield(self, node: ast.Yield, scope: Scope) -> Values:
        return frozenset(self.read(self.sent))

    def _operands(self, node: ast.AST, scope: Scope) -> Values:
        """Comparisons and unary operators: only the plugin's own special methods matter."""
        parts = [node.left, *node.comparators] if isinstance(node, ast.Compare) else [node.operand]  # type: ignore[attr-defined]
        return self._special([self.of(part) for part in parts])

    def _special(self, operands: list[Values]) -> Values:
        values = frozenset().union(*operands)
        if any(kind in {"obj", "cls"} for kind, _ in values):
            self.handed_to(OPERATORS, values)
            return frozenset(self.given_by(*OPERATORS))
        return NOTHING

    def _either(self, node: ast.AST, scope: Scope) -> Values:
        parts = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]  # type: ignore[attr-defined]
        return frozenset().union(*(self.of(part) for part in parts))

    def _container(self, node: ast.AST, scope: Scope) -> Values:
        if isinstance(node, ast.Dict):
            parts: list[ast.expr] = [*node.values, *(key for key in node.keys if key is not None)]
        else:
            parts = node.elts  # type: ignore[attr-defined]
        found: set[Value] = set()
        for part in parts:
            found |= self.of(part)
        return boxed(found)

    def _comprehension(self, node: ast.AST, scope: Scope) -> Values:
        if isinstance(node, ast.DictComp):
            return boxed(self.of(node.key) | self.of(node.value))
        return boxed(self.of(node.elt))  # type: ignore[attr-defined]

    def _binary(self, node: ast.BinOp, scope: Scope) -> Values:
        left, right = self.of(node.left), self.of(node.right)
        found = {value for value in left | right if value[0] == "box" or (value[0] == "lib" and "(" in value[1])}
        found |= self._special([left, right])
        if isinstance(node.op, ast.Add):
            found |= joined([left, right])
        elif isinstance(node.op, ast.Mod):
            found |= {("txt", value[1]) for value in left if value[0] == "txt"}
            found |= {("txt", _percent(a[1], b[1])) for a in left for b in right if a[0] == b[0] == "txt"}
        elif isinstance(node.op, ast.Mult):
            found |= {value for value in left | right if value[0] == "txt"}
        return frozenset(found)

    def _f_string(self, node: ast.JoinedStr, scope: Scope) -> Values:
        return joined([self.of(part) or frozenset({("txt", "\0")}) for part in node.values])

    def _formatted(self, node: ast.FormattedValue, scope: Scope) -> Values:
        return frozenset(value for value in self.of(node.value) if value[0] == "txt")

    def _call_node(self, node: ast.Call, scope: Scope) -> Values:
        functions = self.of(node.func)
        if ("lib", "builtins.super") in functions:
            return self.self_of(scope)
        arguments = [self.of(argument) for argument in node.args]
        keywords = {keyword.arg or "**": self.of(keyword.value) for keyword in node.keywords}
        spread = any(isinstance(argument, ast.Starred) for argument in node.args)
        found: set[Value] = set()
        for function in functions:
            found |= self._call(function, arguments, keywords, spread)
        if isinstance(node.func, ast.Attribute):
            base = self.of(node.func.value)
            if any(value[0] == "txt" for value in base):
                found |= text_method(node.func.attr, base, arguments)
                if node.func.attr == "join" and node.args and isinstance(node.args[0], (ast.List, ast.Tuple)):
                    found |= self._joined_list(base, node.args[0].elts)
            if node.func.attr in ADDERS:
                given = boxed(
                    value for values in [*arguments, *keywords.values()] for value in values if value[0] != "txt"
                )
                self._fill(node.func.value, given, scope)
            if node.func.attr in {"send", "asend"}:
                for values in arguments:
                    self.write(self.sent, values)
        self._callbacks(arguments, keywords, functions)
        if not any(kind in {"def", "cls"} for kind, _ in functions):
            found |= self._carried(arguments, keywords)
        if ("lib", "builtins.type") in functions and len(arguments) == 3:
            found |= arguments[2]
        return frozenset(found)

    def _carried(self, arguments: list[Values], keywords: dict[str, Values]) -> Values:
        """A module handed to somebody else's function may come back inside what that returns."""
        carried: set[Value] = set()
        for values in [*arguments, *keywords.values()]:
            for value in values:
                if value[0] == "lib" and "." not in value[1]:
                    carried.add(value)
                elif value[0] == "box":
                    carried |= {inner for inner in value[1] if inner[0] == "lib" and "." not in inner[1]}
        return boxed(carried)

    def _joined_list(self, separators: Values, parts: list[ast.expr]) -> Values:
        """`"x".join([a, b])` with the list written out."""
        between = frozenset(value for value in separators if value[0] == "txt")
        pieces = [values for part in parts for values in (between, self.of(part))][1:]
        return joined(pieces[:200])

    def self_of(self, scope: Scope) -> Values:
        here: Scope | None = scope
        while here is not None and here.kind != "class":
            here = here.parent
        return frozenset({self.instance(here)}) if here is not None else NOTHING

    def _callbacks(self, arguments: list[Values], keywords: dict[str, Values], functions: Values) -> None:
        """Own functions handed to somebody may be called with what is handed over beside them."""
        everything = [*arguments, *keywords.values()]
        callbacks = [value for values in everything for value in values if value[0] == "def"]
        if not callbacks or any(value[0] in {"def", "cls"} for value in functions):
            return
        given: set[Value] = set()
        for values in everything:
            for value in values:
                if value[0] in {"lib", "mod", "obj"}:
                    given.add(value)
                elif value[0] == "box":
                    given |= {inner for inner in value[1] if inner[0] in {"lib", "mod", "obj", "box"}}
        for _, function in callbacks:
            for name in [*function.params[is_method(function) :], *function.star_params]:
                self.write(function.names[name], given)

    def _call(self, function: Value, arguments: list[Values], keywords: dict[str, Values], spread: bool) -> set[Value]:
        kind, what = function
        if kind == "lib":
            if what in PASS_THROUGH:
                everything = frozenset().union(*arguments, *keywords.values())
                passed = {value for value in everything if value[0] != "txt"}
                made = called_path(what)
                return passed | self.elements(passed) | ({("lib", made)} if made else set())
            if what == "builtins.type" and len(arguments) == 1:
                return {_type_of(value) for value in arguments[0] if value[0] in {"lib", "obj"}}
            made = called_path(what)
            return {("lib", made)} if made else set()
        if kind == "def":
            self._bind(what, arguments, keywords, spread)
            return set(self.read(what.result))
        if kind == "cls":
            self._construct(what, arguments, keywords, spread)
            return {self.instance(what)}
        if kind == "obj":
            return self._call_method(what, "__call__", arguments, keywords, spread)
        if kind == "box":
            return set(what) | {function}
        return set()

    def _construct(self, scope: Scope, arguments: list[Values], keywords: dict[str, Values], spread: bool) -> None:
        if scope is self._plain_class:  # it may stand for any plain class
            for kind, function in tuple(self.read(self.attribute("__init__"))):
                if kind == "def":
                    self._bind(function, arguments, keywords, spread)
        if "__init__" not in scope.names:  # a dataclass or model: arguments become attributes
            for name, values in keywords.items():
                self.write(self.attribute(name), values)
            for name, values in zip(self._fields(scope), arguments, strict=False):
                self.write(self.attribute(name), values)
        for method in ("__init__", "__new__", "__post_init__", "__init_subclass__"):
            self._call_method(scope, method, arguments, keywords, spread)

    def _fields(self, scope: Scope) -> list[str]:
        """Annotated names of a class and its bases, in the order in which a dataclass takes them."""
        names: list[str] = []
        for base in scope.bases:
            for kind, other in self.of(base):
                if kind == "cls" and other is not scope and isinstance(other.node, ast.ClassDef):
                    names += _annotated(other.node)
        return names + (_annotated(scope.node) if isinstance(scope.node, ast.ClassDef) else [])

    def _call_method(
        self, scope: Scope, name: str, arguments: list[Values], keywords: dict[str, Values], spread: bool
    ) -> set[Value]:
        """Call a special method of one of the plugin's classes, or of its bases."""
        found: set[Value] = set()
        classes, seen = [scope], {scope}
        while classes:
            here = classes.pop()
            if name in here.names:
                for kind, function in tuple(self.read(here.names[name])):
                    if kind == "def":
                        self._bind(function, arguments, keywords, spread)
                        found |= self.read(function.result)
                continue
            for base in here.bases:
                for kind, other in self.of(base):
                    if kind == "cls" and other not in seen:
                        seen.add(other)
                        classes.append(other)
        return found

    def _bind(self, function: Scope, arguments: list[Values], keywords: dict[str, Values], spread: bool) -> None:
        """Hand arguments to parameters; a method called through its object gets them one place later."""
        shift = is_method(function)
        names = function.params
        everything = [*names[shift:], *function.star_params]
        for position, values in enumerate(arguments):
            if spread:
                values |= self.elements(values)
            targets = (
                everything if spread else names[position + shift : position + shift + 1] or function.star_params[:1]
            )
            for target in targets:
                self.write(function.names[target], values)
        if shift and arguments:  # called through its class, a method gets its first argument as `self`
            modules = [value for value in arguments[0] if value[0] == "lib" and "." not in value[1]]
            self.write(function.names[names[0]], modules)
        for name, values in keywords.items():
            if name == "**":
                for target in everything:
                    self.write(function.names[target], values | self.elements(values))
            elif name in names:
                self.write(function.names[name], values)
            elif function.star_params:
                self.write(function.names[function.star_params[-1]], boxed(values))


def _type_of(value: Value) -> Value:
    kind, what = value
    return ("cls", what) if kind == "obj" else (kind, what.removesuffix("()") if what.endswith("()") else f"{what}()")


def member_path(path: str, name: str) -> str | None:
    """The path of an attribute. Of what a call made only the last name is kept: paths must not grow without end."""
    made, call, _ = path.partition("()")
    if call:
        return f"{made}().{name}"
    if path.startswith(("builtins.", "typing.")):
        return f"?.{name}" if name in LISTED else None
    parts = path.split(".")
    if parts[0] in HARMLESS and len(parts) > 1 and path not in MODULES and parts[0] not in STDLIB_OBJECT_DOORS:
        return f"?.{name}" if name in LISTED else None
    if parts[0] in INERT and f"{path}.{name}" not in MODULES and name not in REACHABLE:
        return f"?.{name}" if name in LISTED else None
    if parts[-1][:1].isupper() and len(parts) > 1 and parts[0] not in FOLLOWED:
        return f"?.{name}" if name in LISTED else None
    if any(part[:1].isupper() for part in parts[1:-1]):
        return f"?.{name}" if name in LISTED else None
    if path.count(".") > MAX_PARTS or (path.endswith(f".{name}") and path.count(".") > 2):
        return None
    return f"{path}.{name}"


def called_path(path: str) -> str | None:
    """The path of what a call gives; None where nothing is known about it that matters."""
    made, call, _ = path.partition("()")
    if call:
        return f"{made}()"
    root = path.split(".", 1)[0]
    if root in {"?", "builtins", "typing"} or path.rsplit(".", 1)[-1] in LISTED:
        return None
    return f"{path}()" if root in FOLLOWED or root in KEPT_ROOTS else None


def item_path(path: str) -> str | None:
    """The path of what iterating or subscripting gives; a listed dunder stays visible behind it."""
    name = path.rsplit(".", 1)[-1]
    if name.removesuffix("[]") in LISTED:
        return path if name.endswith("[]") else f"{path}[]"
    return called_path(path)


def _annotated(node: ast.ClassDef) -> list[str]:
    return [
        item.target.id for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]


def is_method(function: Scope) -> bool:
    """Whether the first parameter is the object or class that the function is called on."""
    if function.parent is None or function.parent.kind != "class" or not function.params:
        return False
    decorators = getattr(function.node, "decorator_list", [])
    return not any(isinstance(node, ast.Name) and node.id == "staticmethod" for node in decorators)


def boxed(values: Iterable[Value]) -> Values:
    """A container of the values; containers inside it are opened."""
    inner: set[Value] = set()
    for kind, what in values:
        if kind == "box":
            inner |= what
        else:
            inner.add((kind, what))
    if not inner:
        return NOTHING
    if len(inner) > MAX_VALUES:
        inner = {value for value in inner if value[0] != "txt"}
    return frozenset({("box", frozenset(inner))})


def joined(parts: list[Values]) -> Values:
    """All texts that the parts may make, side by side; what is not known stands as a NUL."""
    texts = [""]
    for part in parts:
        choices = [value[1] for value in part if value[0] == "txt"][:MAX_TEXTS] or ["\0"]
        texts = [text + choice for text in texts for choice in choices][: MAX_TEXTS * 2]
    return frozenset(("txt", text) for text in texts if text.strip("\0") and len(text) <= MAX_TEXT)


def text_method(name: str, base: Values, arguments: list[Values]) -> Values:
    """Texts that a method of a text gives, as far as it is worth following."""
    texts = [value[1] for value in base if value[0] == "txt"]
    if name == "format":
        fill = ["".join(value[1] for value in values if value[0] == "txt") for values in arguments]
        return frozenset(("txt", _braces(text, fill)) for text in texts)
    if name == "replace" and len(arguments) >= 2:
        old, new = (next((value[1] for value in values if value[0] == "txt"), None) for values in arguments[:2])
        if old is not None and new is not None:
            return frozenset(("txt", text.replace(old, new)[:MAX_TEXT]) for text in texts)
    if name == "join" and arguments:
        inner = [part[1] for value in arguments[0] if value[0] == "box" for part in value[1] if part[0] == "txt"]
        return frozenset(("txt", part) for part in inner)
    if (
        name in {"lower", "upper", "strip", "title", "casefold", "swapcase", "capitalize", "lstrip", "rstrip"}
        and not arguments
    ):
        return frozenset(("txt", getattr(text, name)()) for text in texts)
    return frozenset(("txt", text) for text in texts) if name in {"encode", "decode", "split"} else NOTHING


def _braces(text: str, fill: list[str]) -> str:
    for position, value in enumerate(fill):
        text = text.replace("{}", value, 1).replace(f"{{{position}}}", value)
        if len(text) > MAX_TEXT:
            return text[:MAX_TEXT]
    return text


def _percent(text: str, value: str) -> str:
    return text.replace("%s", value, 1)[:MAX_TEXT]


def _bound_before(body: list[ast.stmt], load: ast.Name, inside_function: bool = False) -> bool:
    """Whether a statement of the block itself surely binds the name before the load can run."""
    for statement in body:
        if _binds(statement, load.id):
            return True
        if inside_function and not _runs_code(statement):
            continue
        if (statement.end_lineno or 0) >= load.lineno or inside_function:
            return False
    return False


def _binds(statement: ast.stmt, name: str) -> bool:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return statement.name == name
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return any((alias.asname or alias.name.split(".")[0]) == name for alias in statement.names)
    if isinstance(statement, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)
    return False


def _runs_code(statement: ast.stmt) -> bool:
    """Whether a top-level statement may call one of the module's functions while the module is imported."""
    if isinstance(statement, (ast.Import, ast.ImportFrom, ast.Pass)):
        return False
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        if statement.decorator_list:
            return True
        if not isinstance(statement, ast.ClassDef):
            return False
        return any(_runs_code(inner) for inner in statement.body)
    return any(
        isinstance(node, (ast.Call, ast.Subscript, ast.BinOp, ast.With, ast.For)) for node in ast.walk(statement)
    )


_HANDLERS = {
    ast.Name: Flow.name,
    ast.Constant: Flow._constant,
    ast.Attribute: Flow._attribute,
    ast.Subscript: Flow._subscript,
    ast.Call: Flow._call_node,
    ast.Await: Flow._await,
    ast.Yield: Flow._yield,
    ast.Compare: Flow._operands,
    ast.UnaryOp: Flow._operands,
    ast.Starred: Flow._same,
    ast.NamedExpr: Flow._same,
    ast.BoolOp: Flow._either,
    ast.IfExp: Flow._either,
    ast.BinOp: Flow._binary,
    ast.List: Flow._container,
    ast.Tuple: Flow._container,
    ast.Set: Flow._container,
    ast.Dict: Flow._container,
    ast.ListComp: Flow._comprehension,
    ast.SetComp: Flow._comprehension,
    ast.GeneratorExp: Flow._comprehension,
    ast.DictComp: Flow._comprehension,
    ast.JoinedStr: Flow._f_string,
    ast.FormattedValue: Flow._formatted,
}
