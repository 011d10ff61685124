"""The rules on a manifest's schemas: pydantic models and JSON Schemas, told as plain JSON Schemas."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticUndefined

from plugin_sdk.manifest.declared import OPAQUE
from plugin_sdk.manifest.issues import Findings
from plugin_sdk.manifest.json_schema import problems, resolve

HOW = "Give a pydantic model's class, or a JSON Schema as a dict with 'type' and 'properties'."
MAX_SCHEMA_BYTES = 200_000


def json_schema(value: Any, field: str, find: Findings) -> dict[str, Any] | None:
    """The schema as JSON, or None when it is absent or wrong."""
    if value is None or value is OPAQUE:
        return None
    if isinstance(value, BaseModel):
        find.error(field, f"is an instance of {type(value).__name__}.", f"Write {field} = {type(value).__name__}.")
    elif isinstance(value, type) and issubclass(value, BaseModel):
        return _of_model(value, field, find)
    elif isinstance(value, Mapping):
        return _of_dict(value, field, find)
    else:
        find.error(field, f"is {_kind(value)}.", HOW)
    return None


def check_defaults(value: Any, schema: dict[str, Any], find: Findings) -> None:
    """A default that its own schema refuses would fail every collection that leaves it out."""
    if isinstance(value, type) and issubclass(value, BaseModel):
        _check_model_defaults(value, find)
    else:
        _check_schema_defaults(schema, find)


def _of_model(model: type[BaseModel], field: str, find: Findings) -> dict[str, Any] | None:
    try:
        schema = model.model_json_schema()
    except (PydanticUserError, RecursionError) as error:
        find.error(
            field, f"{model.__name__} has no JSON Schema: {_first_line(error)}", "Use plain types in its fields."
        )
        return None
    return _plain(schema, field, find)


def _of_dict(value: Mapping[Any, Any], field: str, find: Findings) -> dict[str, Any] | None:
    properties = value.get("properties", {})
    if value.get("type", "object") != "object" or not ("type" in value or "properties" in value or "$ref" in value):
        find.error(field, "is no JSON Schema of an object.", 'Write {"type": "object", "properties": {...}}.')
        return None
    if not isinstance(properties, Mapping):
        find.error(f"{field}.properties", f"is {_kind(properties)}, not a dict.", HOW)
        return None
    wrong = [key for key, rule in properties.items() if not isinstance(rule, Mapping | bool)]
    for key in wrong:
        find.error(f"{field}.properties.{key}", "is no JSON Schema.", 'Write e.g. {"type": "string"}.')
    return None if wrong else _plain(value, field, find)


def _plain(schema: Mapping[Any, Any], field: str, find: Findings) -> dict[str, Any] | None:
    """The schema as it crosses to other processes: plain JSON, of bounded size."""
    try:
        text = json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        find.error(field, f"can't be written as JSON: {_first_line(error)}", "Use finite numbers and plain values.")
        return None
    if len(text) > MAX_SCHEMA_BYTES:
        find.error(field, f"is {len(text)} bytes of JSON.", f"A schema can have {MAX_SCHEMA_BYTES}.")
        return None
    plain: dict[str, Any] = json.loads(text)
    if "$ref" in plain and "properties" not in plain:  # pydantic writes a recursive model like this
        root = resolve(plain, plain)
        plain = {**plain, **root} if isinstance(root, Mapping) else plain
        plain.pop("$ref", None)
    if not isinstance(plain.get("properties", {}), dict):
        find.error(f"{field}.properties", f"is {_kind(plain['properties'])}, not a dict.", HOW)
        return None
    return plain


def _check_model_defaults(model: type[BaseModel], find: Findings) -> None:
    """All defaults go through the model at once; what is required and absent is no matter here."""
    given = {}
    for name, info in model.model_fields.items():
        if info.default is not PydanticUndefined:
            alias = info.validation_alias if isinstance(info.validation_alias, str) else info.alias
            given[alias or name] = info.default
    try:
        model.model_validate(given)
    except ValidationError as error:
        for wrong in error.errors(include_url=False):
            if wrong["type"] != "missing":
                key = ".".join(map(str, wrong["loc"]))
                message = f"has the default {_short(wrong['input'])}, which its own rule refuses: {wrong['msg']}."
                find.error(f"parameter_schema.{key}".rstrip("."), message, "Change the default or the rule.")


def _check_schema_defaults(schema: dict[str, Any], find: Findings) -> None:
    for key, rule in schema.get("properties", {}).items():
        if isinstance(rule, Mapping) and "default" in rule:
            for problem in problems(rule, rule["default"], root=schema):
                where = f"parameter_schema.{key}" + (f".{problem.path}" if problem.path else "")
                message = f"has the default {_short(rule['default'])}, which its own rule refuses: it {problem.message}"
                find.error(where, message, f"{problem.hint} Change the default or the rule.")


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
