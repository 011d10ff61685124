"""Wider terms: how a value is kept in a variable, and what it becomes once there are too many of its kind."""

import re
from functools import lru_cache

from plugin_sdk.scanner import libraries
from plugin_sdk.scanner.flow.paths import FOLLOWED, LISTED, PASS_THROUGH, REACHABLE
from plugin_sdk.scanner.judge import DOORS, MODULES, STDLIB, is_sensitive_module, options_of
from plugin_sdk.scanner.scopes import Value
from plugin_sdk.scanner.tables import STDLIB_OBJECT_DOORS

UNKNOWN = "\0"
TELLING = re.compile(r"__|@|[{(]|://|^_|\b(os|sys|eval|exec|import)\b|\d\.\d")
"""Texts that may be code, an address or a private name stay what they are."""

ARGUMENTS_MATTER = set(libraries.TEXT_FUNCTIONS) | libraries.TYPE_FUNCTIONS | PASS_THROUGH
"""Functions whose calls are looked at, whatever they are called through."""


@lru_cache(maxsize=20_000)
def arguments_matter(path: str) -> bool:
    """Whether a function's arguments decide on its harm, so that it must be known where it is called."""
    return path in ARGUMENTS_MATTER or bool(options_of(path))


def is_whole(path: str) -> bool:
    """Whether a path is a whole library or module that may be passed around."""
    return not any(mark in path for mark in ".?(") and not is_sensitive_module(path)


@lru_cache(maxsize=20_000)
def anything_of(path: str) -> Value | None:
    """What a path leaves in a variable that may hold anything: a module, or some object of a library with doors."""
    if is_whole(path):
        return ("lib", path)
    root = path.split(".", 1)[0].split("(", 1)[0]
    return ("lib", f"{root}.?()") if STDLIB_OBJECT_DOORS.get(root) or DOORS.get(root) else None


def kept(value: Value) -> Value:
    """The value as a variable keeps it: attributes of what a library made are that object again."""
    if value[0] != "lib":
        return value
    made, call, name = value[1].partition("()")
    return value if not name or arguments_matter(value[1]) else ("lib", f"{made}{call}")


def widened(value: Value) -> Value | None:
    """The value in wider terms: an object of the library, the library itself; None for what then need not be known."""
    kind, what = value
    if kind == "txt":
        return value if TELLING.search(what) else ("txt", UNKNOWN)
    return _widened_path(what) if kind == "lib" else value


@lru_cache(maxsize=20_000)
def _widened_path(path: str) -> Value | None:
    root = path.split(".", 1)[0].split("(", 1)[0]
    if root == "?":
        return ("lib", path) if path.rsplit(".", 1)[-1].removesuffix("[]") in LISTED | REACHABLE else None
    if "(" in path:
        return ("lib", f"{root}.?()") if root in FOLLOWED else None
    if "." not in path or path in MODULES or arguments_matter(path):
        return ("lib", path)
    if root in STDLIB:
        return ("lib", f"{root}.?") if root in STDLIB_OBJECT_DOORS else None
    return ("lib", f"{root}.?" if path.rsplit(".", 1)[-1][:1].isupper() else root)
