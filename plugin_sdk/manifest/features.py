"""The rules on `features`: their keys, their numbers, and that the output schema has them."""

import re
from collections.abc import Mapping
from typing import Any

from plugin_sdk.manifest.declared import OPAQUE
from plugin_sdk.manifest.hints import FEATURE_KEYS as MEANT_KEYS
from plugin_sdk.manifest.hints import METRICS as MEANT_METRICS
from plugin_sdk.manifest.hints import did_you_mean, nearest
from plugin_sdk.manifest.issues import Findings
from plugin_sdk.manifest.json_schema import resolve
from plugin_sdk.manifest.model import Feature, output_field
from plugin_sdk.manifest.vocabulary import FEATURE_KEYS, METRIC_ALIASES, METRICS, SYSTEM_COLUMNS

FEATURE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
MAX_FEATURES = 64


def features(value: Any, find: Findings) -> list[Feature]:
    """The features that are right; every wrong key and value is an error of its own."""
    if value is None or value is OPAQUE:
        return []
    if not isinstance(value, list | tuple):
        find.error("features", f"is a {type(value).__name__}, not a list.", "Write features = [{...}].")
        return []
    if len(value) > MAX_FEATURES:
        find.error("features", f"has {len(value)} entries.", f"A plugin can have {MAX_FEATURES}.")
        return []
    read = [_feature(entry, f"features[{i}]", find) for i, entry in enumerate(value)]
    found = [feature for feature in read if feature is not None]
    _refuse_twice([f.feature_name for f in found], find)
    return found


def in_schema(found: list[Feature], name: str, output_schema: Mapping[str, Any], find: Findings) -> None:
    """Each feature stands in the output schema: under its name, or that without the extractor's prefix."""
    properties = output_schema.get("properties", {})
    for i, feature in enumerate(found):
        column = output_field(name, feature.feature_name, output_schema)
        if column in properties:
            _is_vector(resolve(properties[column], output_schema), column, feature, f"features[{i}]", find)
        else:
            find.error(
                f"features[{i}].feature_name",
                f"'{feature.feature_name}' is not in output_schema.",
                _how_to_add(feature.feature_name, column, name, list(properties)),
            )


def _feature(entry: Any, field: str, find: Findings) -> Feature | None:
    if not isinstance(entry, Mapping):
        if entry is not OPAQUE:
            find.error(field, f"is a {type(entry).__name__}, not a dict.", f"Its keys are {', '.join(FEATURE_KEYS)}.")
        return None
    known = _known_keys(entry, field, find)
    values = {
        "feature_name": _name(known.get("feature_name"), field, find),
        "feature_type": _type(known.get("feature_type", "embedding"), field, find),
        "embedding_dim": _dim(known.get("embedding_dim"), field, find),
        "distance_metric": _metric(known.get("distance_metric", "cosine"), field, find),
    }
    return Feature(**values) if all(value is not None for value in values.values()) else None


def _known_keys(entry: Mapping[Any, Any], field: str, find: Findings) -> dict[str, Any]:
    """The known keys; a wrong one that means a known one stands in for it as OPAQUE, so that it is told once."""
    known = {key: value for key, value in entry.items() if key in FEATURE_KEYS}
    for key in entry:
        if key in FEATURE_KEYS:
            continue
        meant = nearest(str(key), FEATURE_KEYS, MEANT_KEYS)
        hint = f"Write '{meant}' instead." if meant else f"Use one of {', '.join(FEATURE_KEYS)}."
        find.error(
            f"{field}.{key}", f"{field} has no key '{key}'.", f"Did you mean '{meant}'? {hint}" if meant else hint
        )
        if meant:
            known.setdefault(meant, OPAQUE)
    return known


def _name(value: Any, field: str, find: Findings) -> str | None:
    if value is None:
        find.error(f"{field}.feature_name", "is missing.", "Give the column that holds the vector.")
    elif value is OPAQUE:
        return None
    elif not isinstance(value, str) or not FEATURE_NAME.fullmatch(value):
        find.error(f"{field}.feature_name", f"is {value!r}.", "Use letters, digits and underscores, a letter first.")
    elif value in SYSTEM_COLUMNS:
        find.error(f"{field}.feature_name", f"'{value}' is a column of the platform.", "Choose another name.")
    else:
        return value
    return None


def _type(value: Any, field: str, find: Findings) -> str | None:
    if value == "embedding":
        return "embedding"
    if value is not OPAQUE:
        find.error(f"{field}.feature_type", f"is {value!r}.", "Write 'embedding': it is the only type so far.")
    return None


def _dim(value: Any, field: str, find: Findings) -> int | None:
    if value is OPAQUE:
        return None
    if value is None:
        find.error(f"{field}.embedding_dim", "is missing.", "Give the vector's length, e.g. 384.")
    elif isinstance(value, bool) or not isinstance(value, int):
        find.error(f"{field}.embedding_dim", f"is {value!r}.", "Give a whole number, e.g. 384.")
    elif not 1 <= value <= 16384:
        find.error(f"{field}.embedding_dim", f"is {value}.", "Give a number from 1 to 16384.")
    else:
        return value
    return None


def _metric(value: Any, field: str, find: Findings) -> str | None:
    if value is OPAQUE:
        return None
    metric = METRIC_ALIASES.get(value, value) if isinstance(value, str) else value
    if metric in METRICS:
        return str(metric)
    find.error(f"{field}.distance_metric", f"is {value!r}.", did_you_mean(str(value), METRICS, MEANT_METRICS))
    return None


def _refuse_twice(names: list[str], find: Findings) -> None:
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        find.error("features", f"has '{name}' {names.count(name)} times.", "Give each feature its own name.")


def _is_vector(rule: Any, column: str, feature: Feature, field: str, find: Findings) -> None:
    """What the output schema says about the column must not contradict the feature."""
    if not isinstance(rule, Mapping):
        return
    if rule.get("type") in ("string", "integer", "number", "boolean", "object", "null"):
        message = f"output_schema says that '{column}' is of type {rule['type']}."
        find.error(f"{field}.feature_name", message, "An embedding is a list of numbers: List[float].")
    least, most = rule.get("minItems", 0), rule.get("maxItems", feature.embedding_dim)
    if isinstance(least, int) and isinstance(most, int) and not least <= feature.embedding_dim <= most:
        message = f"is {feature.embedding_dim}, but output_schema allows '{column}' {least} to {most} numbers."
        find.error(f"{field}.embedding_dim", message, "Make the two agree.")


def _how_to_add(feature: str, column: str, name: str, properties: list[str]) -> str:
    close = nearest(column, properties) or nearest(feature, properties)
    if close:
        return f"Did you mean '{name}_{close}' or '{close}'?"
    either = f"'{feature}'" if feature == column else f"'{feature}' or '{column}'"
    return f"Add a field {either} of type List[float] to output_schema."
