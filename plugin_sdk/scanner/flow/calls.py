"""Calls: arguments flow into parameters, results flow back."""

import ast

from plugin_sdk.scanner.flow.objects import PUT, Objects
from plugin_sdk.scanner.flow.paths import PASS_THROUGH, REGISTRARS, called_path, type_of
from plugin_sdk.scanner.flow.values import NO_OBJECT, NOTHING, Values, boxed, is_method
from plugin_sdk.scanner.scopes import Scope, Value

CARRYING = {"lib", "box", "def"}
"""Kinds of values that may hold a module."""

GIVING = {"__getattr__", "__getattribute__", "__get__"}
"""Special methods that decide what an attribute of an object is."""

CALLED_BY_CLASSES = ("__init__", "__new__", "__post_init__", "__call__")
"""Methods that are called with the arguments for a class or an object."""


class Calls(Objects):
    """Binds the arguments of a call, whoever is called."""

    def _call(
        self, function: Value, arguments: list[Values], keywords: dict[str, Values], spread: bool, bound: bool = False
    ) -> set[Value]:
        kind, what = function
        if kind == "lib":
            if what.endswith(REGISTRARS):
                return self._register(what, arguments, keywords, spread)
            if what in PASS_THROUGH:
                everything = frozenset().union(*arguments, *keywords.values())
                passed = {value for value in everything if value[0] != "txt"}
                made = called_path(what)
                return passed | self.elements(passed) | ({("lib", made)} if made else set())
            if what == "builtins.type" and len(arguments) == 1:
                return {type_of(value) for value in arguments[0] if value[0] in {"lib", "obj"}}
            made = called_path(what)
            found = {("lib", made)} if made else set()
            return found | self.read(self._hooks) if "(" in what else found
        if kind == "def":
            self._bind(what, arguments, keywords, spread, bound)
            return set(self.read(what.result))
        if kind == "cls":
            return self._construct(what, arguments, keywords, spread) | {self.instance(what)}
        if kind == "obj":
            return self._call_attribute("__call__", arguments, keywords, spread) if what in self._callable else set()
        if kind == "box":
            return set(what) | {function}
        return set()

    def _register(self, path: str, arguments: list[Values], keywords: dict[str, Values], spread: bool) -> set[Value]:
        """`register_dataframe_accessor(name)(made_by)` gives every frame an attribute, made when it is first read."""
        given = NOTHING.union(*arguments, *keywords.values())
        if not path.endswith("()"):
            for name in (text for kind, text in given if kind == "txt"):
                for owner in ("", PUT):
                    self.store(owner + name, self.read(self._registered))
            return {("lib", f"{path}()")}
        frame = frozenset({("lib", f"{path.split('.')[0]}.?()")})
        for made_by in given:
            self.write(self._registered, self._call(made_by, [frame], {}, spread))
        return set(given)

    def _call_anything(self, functions: Values, arguments: list[Values]) -> Values:
        """Call what may be anything: whatever the plugin defines may get the arguments."""
        for values in (functions, *(self.read(self.attribute(name)) for name in CALLED_BY_CLASSES)):
            if values not in self._called:
                self._called.add(values)
                for kind, function in values:
                    if kind == "def":
                        self._hub(function)
        for values in arguments:
            self.write(self._anything, values)
        return self.read(self._anything)

    def _construct(
        self, scope: Scope, arguments: list[Values], keywords: dict[str, Values], spread: bool
    ) -> set[Value]:
        """Call what a class calls when it makes an instance; what its `__new__` gives may be something else."""
        if scope not in self.families:  # it stands for any class of a family
            self._call_attribute("__init__", arguments, keywords, spread)
        if "__init__" not in scope.names:  # a dataclass or model: arguments become attributes
            for name, values in keywords.items():
                self.store(name, values)
            for name, values in zip(self._fields(scope), arguments, strict=False):
                self.store(name, values)
        for method in ("__init__", "__post_init__", "__init_subclass__"):
            self._call_method(scope, method, arguments, keywords, spread)
        return self._call_method(scope, "__new__", arguments, keywords, spread)

    def _fields(self, scope: Scope) -> list[str]:
        """Annotated names of a class and its bases, in the order in which a dataclass takes them."""
        names: list[str] = []
        for base in scope.bases:
            for kind, other in self.of(base):
                if kind == "cls" and other is not scope and isinstance(other.node, ast.ClassDef):
                    names += _annotated(other.node)
        return names + (_annotated(scope.node) if isinstance(scope.node, ast.ClassDef) else [])

    def _call_attribute(
        self, name: str, arguments: list[Values], keywords: dict[str, Values], spread: bool
    ) -> set[Value]:
        """Call every function that the plugin stores under a name."""
        found: set[Value] = set()
        var = self.attribute(name)
        for kind, function in tuple(self.read(var)):
            if kind == "def":
                self._bind(function, arguments, keywords, spread, not var.loose)
                found |= self.read(function.result)
        return found

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
                        bound = function.parent is here and not getattr(function.node, "decorator_list", True)
                        self._bind(function, arguments, keywords, spread, bound)
                        found |= self.read(function.result)
                continue
            for base in here.bases:
                for kind, other in self.of(base):
                    if kind == "cls" and other not in seen:
                        seen.add(other)
                        classes.append(other)
        return found

    def is_method_call(self, objects: Values, name: str) -> bool:
        """Whether an attribute that is called is surely a method of one of the plugin's objects, which is its `self`."""
        own = bool(objects) and all(kind == "obj" for kind, _ in objects)
        return (
            own
            and not self.attribute(name).loose
            and self._special_names.isdisjoint(GIVING)
            and not self.read(self._unclear)
        )

    def _bind(
        self,
        function: Scope,
        arguments: list[Values],
        keywords: dict[str, Values],
        spread: bool,
        bound: bool = False,
    ) -> None:
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
        if (shift or function.kind == "hub") and arguments and not bound:
            # called through its class, its first argument is `self`
            modules = [value for value in arguments[0] if value[0] == "lib" and "." not in value[1]]
            self.write(function.names[names[0] if shift else "self"], modules)
            if shift and not (arguments[0] and all(kind == "obj" for kind, _ in arguments[0])):
                self._may_be_no_object(function)
        for name, values in keywords.items():
            if name == "**":
                for target in everything:
                    self.write(function.names[target], values | self.elements(values))
            elif name in names:
                self.write(function.names[name], values)
            elif function.star_params:
                self.write(function.names[function.star_params[-1]], values | boxed(values))

    def _handed_over(self, given: Values) -> Values:
        """What may come back of the arguments that somebody else's function is given."""
        kinds = {kind for kind, _ in given}
        if "def" in kinds:
            self._callbacks(given)
        return NOTHING if kinds.isdisjoint(CARRYING) else self._carried(given)

    def _callbacks(self, given: Values) -> None:
        """Own functions handed to somebody may be called with what is handed over beside them."""
        callbacks = [function for kind, function in given if kind == "def"]
        handed: set[Value] = set()
        for value in given:
            if value[0] in {"lib", "mod", "obj"}:
                handed.add(value)
            elif value[0] == "box":
                handed |= {inner for inner in value[1] if inner[0] in {"lib", "mod", "obj", "box"}}
        for function in callbacks:
            if is_method(function):
                self._may_be_no_object(function)
            for name in [*function.params[is_method(function) :], *function.star_params]:
                self.write(function.names[name], handed)

    def _may_be_no_object(self, function: Scope) -> None:
        """A method may get something else than an object of its class as `self`."""
        self.write(function.names[function.params[0]], {NO_OBJECT})

    def _carried(self, given: Values) -> Values:
        """A module handed to somebody else's function, or given by a lambda, may come back inside what that returns."""
        carried: set[Value] = set()
        for kind, what in given:
            if kind == "lib" and "." not in what:
                carried.add((kind, what))
            elif kind == "box" or (kind == "def" and isinstance(what.node, ast.Lambda)):
                inside = what if kind == "box" else self.read(what.result)
                carried |= {inner for inner in inside if inner[0] == "lib" and "." not in inner[1]}
        return boxed(carried) if carried else NOTHING


def _annotated(node: ast.ClassDef) -> list[str]:
    return [
        item.target.id for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]
