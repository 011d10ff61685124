"""The parameters of a collection, checked against the plugin's schema, defaults filled in."""

import copy
from collections.abc import Mapping
from typing import Any

from plugin_sdk.errors import InvalidParameters
from plugin_sdk.manifest.json_schema import problems, resolve


def validate_parameters(schema: Mapping[str, Any] | None, params: Mapping[str, Any]) -> dict[str, Any]:
    """`params` with the schema's defaults filled in.

    A key that the schema does not name is refused, unless the schema itself allows more (`additionalProperties`):
    it would have no effect, and most often it is a misspelling.

    Raises:
        InvalidParameters: `field` is the dotted path of the first wrong key; the text names all.
    """
    filled = copy.deepcopy(dict(params))
    if schema is None:
        return filled
    filled = _with_defaults(schema, filled)
    strict = {"additionalProperties": False, **schema} if schema.get("properties") else schema
    if found := problems(strict, filled, root=schema):
        text = " ".join(f"Parameter {p.path or '(all)'} {p.message}" for p in found)
        raise InvalidParameters(text, " ".join(dict.fromkeys(p.hint for p in found)), found[0].path)
    return filled


def _with_defaults(schema: Mapping[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    for key, rule in properties.items() if isinstance(properties, Mapping) else ():
        rule = rule if isinstance(rule, Mapping) and "default" in rule else resolve(rule, schema)
        if key not in params and isinstance(rule, Mapping) and "default" in rule:
            params[key] = copy.deepcopy(rule["default"])
    return params
