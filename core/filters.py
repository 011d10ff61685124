"""Filters: the API's AND/OR/NOT tree of conditions, as one SQL expression over a collection's columns.

Every name is checked against the schema and every value is written as a literal of that column's type, so nothing that
a caller sends is ever SQL. Comparisons of text are exact; `contains`, `starts_with`, `ends_with`, `regex` and `text`
ignore case unless `case_sensitive` is true. A null fails every condition but `ne`, `nin`, `is_null` and NOT.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from core import patterns
from core.errors import InvalidRequest

MAX_DEPTH = 16
MAX_CONDITIONS = 1_000
COMPARISONS = {"eq": "=", "ne": "<>", "gt": ">", "lt": "<", "gte": ">=", "lte": "<="}
TEXT_FUNCTIONS = {"contains": "contains", "starts_with": "starts_with", "ends_with": "ends_with"}
GROUPS = ("AND", "OR", "NOT")


def to_sql(filters: Mapping[str, Any] | None, schema: pa.Schema) -> str | None:
    """The SQL of `filters`, or None when they let every row through.

    Raises:
        InvalidRequest: a field is not in the schema, or a value or operator does not fit it.
    """
    if not filters:
        return None
    budget = [MAX_CONDITIONS]
    return _node(filters, schema, "filters", bool(filters.get("case_sensitive") or False), budget, MAX_DEPTH)


def literal(value: Any) -> str:
    """`value` as an SQL literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise InvalidRequest(f"{value!r} can't be compared.", "Use a string, a finite number or a boolean.", "filters")


def column(name: str) -> str:
    """A schema's column as an SQL name."""
    return f"`{name}`"


def _node(node: Any, schema: pa.Schema, path: str, case_sensitive: bool, budget: list[int], depth: int) -> str | None:
    if not isinstance(node, Mapping) or depth == 0:
        raise InvalidRequest(f"{path} is no filter.", "Use {'AND': [{'field', 'operator', 'value'}]}.", path)
    if "field" in node:
        budget[0] -= 1
        if budget[0] < 0:
            raise InvalidRequest(f"filters hold over {MAX_CONDITIONS} conditions.", "Use 'in' with a list.", path)
        return _condition(node, schema, path, case_sensitive)
    unknown = set(node) - {*GROUPS, "case_sensitive"}
    if unknown:
        return _shorthand(node, unknown, schema, path, case_sensitive)
    case_sensitive = bool(node.get("case_sensitive") or case_sensitive)
    parts = []
    for group in GROUPS:
        children = node.get(group)
        if not children:
            continue
        if not isinstance(children, Sequence) or isinstance(children, str):
            raise InvalidRequest(f"{path}.{group} is no list.", "Give a list of conditions.", f"{path}.{group}")
        inner = [
            _node(child, schema, f"{path}.{group}[{i}]", case_sensitive, budget, depth - 1)
            for i, child in enumerate(children)
        ]
        parts.append(_join(group, [sql for sql in inner if sql]))
    kept = [part for part in parts if part]
    return f"({' AND '.join(kept)})" if kept else None


def _join(group: str, inner: list[str]) -> str | None:
    if not inner:
        return None
    if group == "NOT":
        return "((" + " OR ".join(inner) + ") IS NOT TRUE)"
    return f"({f' {group} '.join(inner)})"


def _shorthand(node: Mapping[str, Any], keys: set[str], schema: pa.Schema, path: str, case_sensitive: bool) -> str:
    """`{"label": "x"}`: the client's short form of equality."""
    if keys != set(node):
        raise InvalidRequest(f"{path} has unknown keys {sorted(keys)}.", "Use AND, OR, NOT, or field/value.", path)
    parts = [
        _condition({"field": k, "value": v}, schema, f"{path}.{k}", case_sensitive) for k, v in sorted(node.items())
    ]
    return f"({' AND '.join(parts)})"


def _condition(node: Mapping[str, Any], schema: pa.Schema, path: str, case_sensitive: bool) -> str:
    field = find_field(str(node["field"]), schema, path)
    operator, value = str(node.get("operator") or "eq"), node.get("value")
    name = column(field.name)
    if operator in ("is_null", "exists"):
        missing = (operator == "is_null") == (value is not False)
        return f"({name} IS {'' if missing else 'NOT '}NULL)"
    build = _BUILDERS.get(operator)
    if build is None:
        raise InvalidRequest(
            f"{path}.operator is {operator!r}.", f"Use one of {', '.join([*_BUILDERS, 'exists', 'is_null'])}.", path
        )
    if field.metadata and field.metadata.get(b"openpeek") == b"json" and operator not in TEXT_FUNCTIONS:
        raise InvalidRequest(
            f"{path}: field {field.name!r} holds JSON, which {operator!r} can't compare.", "Use 'contains'.", path
        )
    return build(field, operator, value, path, case_sensitive)


def find_field(name: str, schema: pa.Schema, path: str) -> pa.Field:
    """The column that a filter or sort means by `name`; `metadata.x` is the column `x`.

    Raises:
        InvalidRequest: there is none.
    """
    for candidate in (name, name.removeprefix("metadata."), name.removeprefix("source_")):
        index = schema.get_field_index(candidate)
        if index >= 0:
            return schema.field(index)
    raise InvalidRequest(
        f"{path}: there is no field {name!r}.", f"The collection has {', '.join(schema.names)}.", f"{path}.field"
    )


def _compare(field: pa.Field, operator: str, value: Any, path: str, case_sensitive: bool) -> str:
    name = column(field.name)
    if value is None and operator in ("eq", "ne"):
        return f"({name} IS {'NOT ' if operator == 'ne' else ''}NULL)"
    if pa.types.is_list(field.type) and operator in ("eq", "ne"):
        found = f"array_has({name}, {_typed(field.type.value_type, value, path)})"
        return f"({found})" if operator == "eq" else f"({found} IS NOT TRUE)"
    sql = f"{name} {COMPARISONS[operator]} {_typed(field.type, value, path)}"
    return f"({name} IS NULL OR {sql})" if operator == "ne" else f"({sql})"


def _within(field: pa.Field, operator: str, value: Any, path: str, case_sensitive: bool) -> str:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidRequest(f"{path}.value is no list.", f"Give {operator!r} a list of values.", f"{path}.value")
    name, listed = column(field.name), pa.types.is_list(field.type)
    kind = field.type.value_type if listed else field.type
    literals = ", ".join(_typed(kind, v, path) for v in value)
    if not literals:
        return "(false)" if operator == "in" else "(true)"
    sql = f"array_has_any({name}, make_array({literals}))" if listed else f"{name} IN ({literals})"
    return f"({sql})" if operator == "in" else f"(({sql}) IS NOT TRUE)"


def _text_function(field: pa.Field, operator: str, value: Any, path: str, case_sensitive: bool) -> str:
    if pa.types.is_list(field.type) and operator == "contains":
        return _compare(field, "eq", value, path, case_sensitive)
    name, text = _text(field, value, path)
    if case_sensitive:
        return f"({TEXT_FUNCTIONS[operator]}({name}, {literal(text)}))"
    return f"({TEXT_FUNCTIONS[operator]}(lower({name}), {literal(text.lower())}))"


def _regex(field: pa.Field, operator: str, value: Any, path: str, case_sensitive: bool) -> str:
    name, pattern = _text(field, value, path)
    patterns.check(pattern, f"{path}.value")
    return f"(regexp_like({name}, {literal(pattern)}{'' if case_sensitive else ', ' + literal('i')}))"


def _words(field: pa.Field, operator: str, value: Any, path: str, case_sensitive: bool) -> str:
    """Every word of `value` occurs."""
    _, text = _text(field, value, path)
    parts = [_text_function(field, "contains", word, path, case_sensitive) for word in text.split()]
    return f"({' AND '.join(parts)})" if parts else "(true)"


def _text(field: pa.Field, value: Any, path: str) -> tuple[str, str]:
    if not pa.types.is_string(field.type):
        raise InvalidRequest(f"{path}: field {field.name!r} is {field.type}, no text.", "Use eq, in, gt or lt.", path)
    if not isinstance(value, str):
        raise InvalidRequest(f"{path}.value is {value!r}.", "Give a string.", f"{path}.value")
    return column(field.name), value


def _typed(kind: pa.DataType, value: Any, path: str) -> str:
    """`value` as a literal of `kind`; a number never becomes text or the other way round."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if pa.types.is_string(kind) and isinstance(value, str):
        return literal(value)
    if pa.types.is_boolean(kind) and isinstance(value, bool):
        return literal(value)
    if pa.types.is_integer(kind) and number and float(value).is_integer() and -(2**63) <= value < 2**63:
        return literal(int(value))
    if pa.types.is_floating(kind) and number:
        return literal(float(value))
    if pa.types.is_timestamp(kind) and isinstance(value, str):
        return f"timestamp {literal(_instant(value, path))}"
    raise InvalidRequest(f"{path}.value is {value!r}, the field holds {kind}.", f"Give a {kind}.", f"{path}.value")


def _instant(value: str, path: str) -> str:
    try:
        return datetime.fromisoformat(value).isoformat()
    except ValueError as error:
        raise InvalidRequest(
            f"{path}.value is {value!r}, no ISO 8601 time.", "Write 2026-01-31T12:00:00Z.", path
        ) from error


Builder = Callable[[pa.Field, str, Any, str, bool], str]
_BUILDERS: dict[str, Builder] = {
    **dict.fromkeys(COMPARISONS, _compare),
    **dict.fromkeys(("in", "nin"), _within),
    **dict.fromkeys(TEXT_FUNCTIONS, _text_function),
    "regex": _regex,
    "text": _words,
}
