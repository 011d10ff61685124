"""Dotted paths of what comes from outside the plugin: how attributes, calls and subscripts make them longer."""

from functools import lru_cache

from plugin_sdk.scanner.judge import MODULES
from plugin_sdk.scanner.libraries import LIBRARY_DOORS
from plugin_sdk.scanner.scopes import Value
from plugin_sdk.scanner.tables import (
    HARMLESS,
    PLATFORM_ROOTS,
    REACHED_FUNCTIONS,
    SENSITIVE,
    STDLIB_OBJECT_DOORS,
    WARNING_DUNDERS,
    words,
)

MAX_PARTS = 9

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

REGISTRARS = ("_accessor", "_namespace", "_accessor()", "_namespace()")
"""Endings of the functions that give a library's objects an attribute: `pd.api.extensions.register_series_accessor`."""

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


def type_of(value: Value) -> Value:
    kind, what = value
    if kind == "lib" and what.startswith("?"):
        return value
    return ("cls", what) if kind == "obj" else (kind, what.removesuffix("()") if what.endswith("()") else f"{what}()")


@lru_cache(maxsize=50_000)
def member_path(path: str, name: str) -> str | None:
    """The path of an attribute. Of what a call made only the last name is kept: paths must not grow without end."""
    if path.startswith("?"):
        listed = next((part for part in path.split(".") if part.removesuffix("[]") in LISTED), None)
        return f"?.{listed}.{name}" if listed else f"?.{name}"
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
