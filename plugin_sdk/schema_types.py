"""The Arrow type in which a value of a JSON Schema is stored."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

JSON_METADATA = {b"openpeek": b"json"}
"""Metadata of a string field whose texts are JSON, for values that have no Arrow type of their own."""

SCALARS = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}


def property_type(schema: Mapping[str, Any], name: str) -> pa.DataType | None:
    """The Arrow type of property `name`; None when it is stored as JSON text.

    Args:
        schema: a JSON Schema of an object; references into its `$defs` are followed.
        name: one of its `properties`.
    """
    return _type(_resolved(schema["properties"][name], schema), schema)


def is_json(field: pa.Field) -> bool:
    """Whether the field's texts are JSON."""
    return bool(field.metadata) and field.metadata.get(b"openpeek") == b"json"


def vector_type(dim: int) -> pa.DataType:
    """The type of a vector of `dim` numbers."""
    return pa.list_(pa.float32(), dim)


def _type(schema: Mapping[str, Any], root: Mapping[str, Any]) -> pa.DataType | None:
    kind = schema.get("type")
    if isinstance(kind, str) and kind in SCALARS:
        return SCALARS[kind]
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        item = _resolved(schema["items"], root)
        scalar = SCALARS.get(str(item.get("type")))
        return None if scalar is None else pa.list_(scalar)
    return None


def _resolved(schema: Any, root: Mapping[str, Any], depth: int = 0) -> Mapping[str, Any]:
    """`schema` behind its references and its `X | None`; an empty schema where no single one is left."""
    if not isinstance(schema, Mapping) or depth > 8:
        return {}
    if "$ref" in schema:
        return _resolved(_target(str(schema["$ref"]), root), root, depth + 1)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema and "type" not in schema:
            choices = list(_not_null(schema[key]))
            return _resolved(choices[0], root, depth + 1) if len(choices) == 1 else {}
    kinds = schema.get("type")
    if isinstance(kinds, list):
        named = [kind for kind in kinds if kind != "null"]
        return {**schema, "type": named[0]} if len(named) == 1 else {}
    return schema


def _not_null(choices: Any) -> Iterator[Any]:
    for choice in choices:
        if not (isinstance(choice, Mapping) and choice.get("type") == "null"):
            yield choice


def _target(reference: str, root: Mapping[str, Any]) -> Any:
    here: Any = root
    for part in reference.removeprefix("#/").split("/"):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here
