"""A small validator over JSON Schema: the part of it that pydantic writes, in bounded time, with paths in its errors.

Source: JSON Schema 2020-12, validation and applicator vocabularies; `format` is an annotation there and here.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from plugin_sdk.manifest.hints import did_you_mean

Schema = Mapping[str, Any] | bool
MAX_CHECKS = 20_000
"""Schema nodes visited for one value; a schema that needs more is refused, however it nests."""
MAX_DEPTH = 64

TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: _is_number(v) and (isinstance(v, int) or v.is_integer()),
    "number": lambda v: _is_number(v),
    "boolean": lambda v: isinstance(v, bool),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
    "null": lambda v: v is None,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that breaks its schema; `path` is dotted, empty for the value itself."""

    path: str
    message: str
    hint: str


def problems(schema: Schema, value: Any, *, root: Mapping[str, Any] | None = None) -> list[Problem]:
    """All that is wrong with `value`; references are looked up in `root`, or in the schema itself."""
    base = root if root is not None else (schema if isinstance(schema, Mapping) else {})
    try:
        return list(Check(base).value(schema, value, "", 0))
    except (TypeError, AttributeError, LookupError, ArithmeticError, ValueError, RecursionError):
        return [Problem("", "can't be checked.", "The schema is no JSON Schema: have the plugin's author correct it.")]


def resolve(schema: Schema, root: Mapping[str, Any]) -> Schema:
    """The schema that a chain of local `$ref`s leads to; an unknown or circular one allows everything."""
    for _ in range(MAX_DEPTH):
        if not (isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str)):
            return schema
        schema = _at(root, schema["$ref"])
    return True


class Check:
    """One walk over a value and its schema."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = MAX_CHECKS

    def value(self, schema: Schema, value: Any, path: str, depth: int) -> Iterator[Problem]:
        """Problems of `value`, which stands at `path`."""
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            yield Problem(path, "is too deep or too large for its schema.", "Simplify the schema or the value.")
            return
        schema = resolve(schema, self._root)
        if schema is False:
            yield Problem(path, "is not allowed.", "Leave it out.")
        if not isinstance(schema, Mapping):
            return
        wrong = list(_own_rules(schema, value, path))
        yield from wrong
        if not wrong:
            yield from self._combined(schema, value, path, depth)
            if isinstance(value, list):
                yield from self._items(schema, value, path, depth)
            if isinstance(value, dict):
                yield from self._properties(schema, value, path, depth)

    def _passes(self, schema: Schema, value: Any, depth: int) -> bool:
        return next(self.value(schema, value, "", depth + 1), None) is None

    def _combined(self, schema: Mapping[str, Any], value: Any, path: str, depth: int) -> Iterator[Problem]:
        for part in schema.get("allOf", ()):
            yield from self.value(part, value, path, depth + 1)
        for key in ("anyOf", "oneOf"):
            choices = schema.get(key)
            if choices and not any(self._passes(choice, value, depth) for choice in choices):
                yield from self._no_choice(choices, value, path, depth)
        if "not" in schema and self._passes(schema["not"], value, depth):
            yield Problem(path, f"is {_shown(value)}, which the schema excludes.", "Give another value.")

    def _no_choice(self, choices: list[Schema], value: Any, path: str, depth: int) -> Iterator[Problem]:
        """The problems of the only choice that is not null; with several, one sentence for all."""
        real = [c for c in choices if not (isinstance(c, Mapping) and c.get("type") == "null")]
        if len(real) == 1:
            yield from self.value(real[0], value, path, depth + 1)
        else:
            yield Problem(path, f"is {_shown(value)}, which is none of the allowed forms.", "See the parameter schema.")

    def _items(self, schema: Mapping[str, Any], value: list[Any], path: str, depth: int) -> Iterator[Problem]:
        prefix = schema.get("prefixItems", ())
        for i, item in enumerate(value):
            rule = prefix[i] if i < len(prefix) else schema.get("items", True)
            yield from self.value(rule, item, f"{path}[{i}]", depth + 1)

    def _properties(self, schema: Mapping[str, Any], value: dict[Any, Any], path: str, depth: int) -> Iterator[Problem]:
        known = schema.get("properties", {})
        for key in schema.get("required", ()):
            if key not in value:
                yield Problem(_join(path, key), "is missing.", f"Give '{key}'.")
        for key, item in value.items():
            if key in known:
                yield from self.value(known[key], item, _join(path, key), depth + 1)
            elif (rest := schema.get("additionalProperties", not known)) is False:
                yield Problem(_join(path, key), "is unknown.", did_you_mean(str(key), list(known)))
            else:
                yield from self.value(rest, item, _join(path, key), depth + 1)


def _own_rules(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[Problem]:
    """The rules on the value alone: type, enum, bounds."""
    types = schema.get("type", ())
    names = [types] if isinstance(types, str) else list(types)
    if names and not any(TYPES.get(name, lambda _: True)(value) for name in names):
        yield Problem(path, f"is {_shown(value)}, not {_listed(names)}.", f"Give {_listed(names)}.")
        return
    if "const" in schema and not _equal(value, schema["const"]):
        yield Problem(path, f"is {_shown(value)}.", f"Give {_shown(schema['const'])}.")
    if "enum" in schema and not any(_equal(value, allowed) for allowed in schema["enum"]):
        yield Problem(path, f"is {_shown(value)}.", f"Use one of {', '.join(map(_shown, schema['enum']))}.")
    if _is_number(value):
        yield from _bounds(schema, value, path)
    if isinstance(value, str):
        yield from _size(schema, len(value), "characters", ("minLength", "maxLength"), path)
        if "pattern" in schema and not _matches(str(schema["pattern"]), value):
            yield Problem(path, f"is {_shown(value)}.", f"It must match {schema['pattern']}.")
    if isinstance(value, list):
        yield from _size(schema, len(value), "items", ("minItems", "maxItems"), path)
        if schema.get("uniqueItems") and len({json.dumps(v, sort_keys=True) for v in value}) < len(value):
            yield Problem(path, "has an item twice.", "Give each once.")
    if isinstance(value, dict):
        yield from _size(schema, len(value), "keys", ("minProperties", "maxProperties"), path)


def _bounds(schema: Mapping[str, Any], value: float, path: str) -> Iterator[Problem]:
    tests = (
        ("minimum", "at least", lambda v, b: v >= b),
        ("exclusiveMinimum", "more than", lambda v, b: v > b),
        ("maximum", "at most", lambda v, b: v <= b),
        ("exclusiveMaximum", "less than", lambda v, b: v < b),
        ("multipleOf", "a multiple of", _is_multiple),
    )
    for key, words, holds in tests:
        bound = schema.get(key)
        if bound is not None and _is_number(bound) and not holds(value, bound):
            yield Problem(path, f"is {_shown(value)}.", f"It must be {words} {bound}.")


def _size(schema: Mapping[str, Any], size: int, unit: str, keys: tuple[str, str], path: str) -> Iterator[Problem]:
    least, most = (schema.get(key) for key in keys)
    if isinstance(least, int) and size < least:
        yield Problem(path, f"has {size} {unit}.", f"It must have at least {least}.")
    if isinstance(most, int) and size > most:
        yield Problem(path, f"has {size} {unit}.", f"It must have at most {most}.")


def _at(root: Mapping[str, Any], reference: str) -> Schema:
    node: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        node = node.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping | bool) else True


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_multiple(value: float, step: float) -> bool:
    if isinstance(value, int) and isinstance(step, int):
        return step == 0 or value % step == 0
    return step == 0 or math.isclose(value / step, round(value / step), abs_tol=1e-9)


def _equal(a: Any, b: Any) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def _matches(pattern: str, value: str) -> bool:
    """Whether the pattern is found, in linear time; a pattern that this engine can't read allows everything."""
    try:
        _pattern(pattern).validate_python(value)
    except SchemaError:
        return True
    except ValidationError:
        return False
    return True


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> TypeAdapter[str]:
    return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _listed(names: list[str]) -> str:
    words = ["null" if n == "null" else f"an {n}" if n[0] in "aio" else f"a {n}" for n in names]
    return " or ".join(words)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
