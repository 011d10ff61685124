"""Bucket schema: which properties an object of the bucket may have, and what each may hold."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from core.errors import InvalidRequest

FILE_TYPES = frozenset({"image", "audio", "video", "pdf", "excel"})
BLOB_TYPES = FILE_TYPES | {"text"}
RESERVED = frozenset(
    {"object_id", "bucket_id", "key_prefix", "blobs", "blob", "metadata", "skip_duplicates", "source_details"}
)
MAX_PROPERTIES = 500
MAX_DEPTH = 16

Schema = Mapping[str, Any]


def check_schema(schema: Schema, field: str = "bucket_schema", depth: int = 0) -> None:
    """Let pass a schema whose properties can be told from an object's own fields.

    Raises:
        InvalidRequest: a property's name is reserved, empty or too long, or there are too many.
    """
    properties = schema.get("properties") or {}
    if len(properties) > MAX_PROPERTIES or depth > MAX_DEPTH:
        raise InvalidRequest(
            f"{field} has {len(properties)} properties at depth {depth}.",
            f"Use at most {MAX_PROPERTIES}, nested at most {MAX_DEPTH} deep.",
            field,
        )
    for name, described in properties.items():
        where = f"{field}.properties.{name}"
        if not 1 <= len(name) <= 100 or not name.isprintable():
            raise InvalidRequest(f"{where}: the name has {len(name)} characters.", "Use 1 to 100 printable.", where)
        if depth == 0 and name in RESERVED:
            raise InvalidRequest(f"{where}: every object has a field {name!r} of its own.", "Use another name.", where)
        check_schema(described, where, depth + 1)


def properties_of(schema: Schema | None) -> dict[str, dict[str, Any]]:
    """The schema's properties by name; none where there is no schema."""
    return dict((schema or {}).get("properties") or {})


def known_property(schema: Schema | None, name: str, field: str, instead: str = "") -> Schema | None:
    """How the schema describes the property; None where there is no schema, which lets everything through.

    Args:
        instead: what else the caller may do with a property that is not in the schema.

    Raises:
        InvalidRequest: there is a schema, and it has no such property; the message lists those it has.
    """
    if schema is None:
        return None
    properties = properties_of(schema)
    if name not in properties:
        known = ", ".join(sorted(properties)) or "none"
        raise InvalidRequest(
            f"{field}: the bucket's schema has no property {name!r}.",
            f"It has: {known}. Use one of these, {instead + ', ' * bool(instead)}or add {name!r} to the schema.",
            field,
        )
    described: Schema = properties[name]
    return described


def blob_property(schema: Schema | None) -> tuple[str, str]:
    """Name and type of the one property that holds blobs: where a blob goes that names none.

    Raises:
        InvalidRequest: there is none, or more than one.
    """
    found = [(n, str(p["type"])) for n, p in properties_of(schema).items() if p["type"] in BLOB_TYPES]
    if len(found) != 1:
        names = ", ".join(name for name, _ in found) or "none"
        raise InvalidRequest(
            f"The blob names no property, and the bucket's schema has {len(found)} that hold blobs ({names}).",
            'Send "blobs": [{"property": …, "type": …, "data": …}].',
            "blob",
        )
    return found[0]


def check_value(value: Any, described: Schema, field: str) -> None:
    """Let pass a value of the described type, and of the described enum.

    Raises:
        InvalidRequest: it is another; the message names field, type and value.
    """
    kind = str(described["type"])
    if value is None:
        return
    if not _is_a(kind, value):
        raise InvalidRequest(f"{field} is {_shown(value)}, not of type {kind}.", f"Send a {kind}.", field)
    allowed = described.get("enum")
    if allowed and value not in allowed:
        raise InvalidRequest(f"{field} is {_shown(value)}.", f"Use one of {', '.join(map(repr, allowed))}.", field)
    if kind == "array" and described.get("items"):
        for i, item in enumerate(value):
            check_value(item, described["items"], f"{field}[{i}]")
    if kind == "object":
        for name, inner in properties_of(described).items():
            check_value(value.get(name), inner, f"{field}.{name}")


def check_metadata(schema: Schema | None, metadata: Mapping[str, Any] | None, field: str) -> None:
    """Let pass what the schema does not describe, and what is as it describes.

    Raises:
        InvalidRequest: a value is of another type, or not of the enum.
    """
    properties = properties_of(schema)
    for name, value in (metadata or {}).items():
        if name in properties:
            check_value(value, properties[name], f"{field}.{name}")


def missing_properties(schema: Schema | None, present: set[str]) -> list[str]:
    """Properties that the schema requires, that have no default, and that are not present."""
    return [
        name
        for name, p in properties_of(schema).items()
        if p.get("required") and p.get("default") is None and name not in present
    ]


def _is_a(kind: str, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in ("number", "float"):
        return number
    if kind == "integer":
        return number and (isinstance(value, int) or value.is_integer())
    if kind in ("date", "datetime"):
        return isinstance(value, str) and _is_time(kind, value)
    python = {"boolean": bool, "object": dict, "array": list}.get(kind, str)
    return isinstance(value, python)


def _is_time(kind: str, text: str) -> bool:
    try:
        date.fromisoformat(text) if kind == "date" else datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
