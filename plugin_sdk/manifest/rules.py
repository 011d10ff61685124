"""The rules on a manifest's plain values: name, version, category, input types, mappings, dependencies, profile, URI.

Each rule takes the raw value and gives the normalised one, or None when it is absent, opaque or wrong.
"""

import re
from collections.abc import Mapping
from typing import Any

from plugin_sdk.errors import InvalidManifest
from plugin_sdk.manifest.declared import OPAQUE
from plugin_sdk.manifest.hints import did_you_mean
from plugin_sdk.manifest.issues import Findings
from plugin_sdk.manifest.names import NAME, normalise_name, normalise_version
from plugin_sdk.manifest.vocabulary import CATEGORIES, INPUT_TYPE_ALIASES, INPUT_TYPES, PROFILE_KEYS

PATH = re.compile(r"[A-Za-z_][\w-]*(\.[\w-]+)*", re.ASCII)
PACKAGE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
RESOURCES = ("CPU", "GPU", "API")


def name(value: Any, find: Findings) -> str | None:
    """`feature_extractor_name`."""
    if value is None:
        find.error("feature_extractor_name", "is missing.", "Add 'feature_extractor_name' to metadata.")
    elif isinstance(value, str) and NAME.fullmatch(value):
        return value
    elif value is not OPAQUE:
        find.error("feature_extractor_name", f"is {value!r}.", _better_name(value))
    return None


def version(value: Any, find: Findings) -> str | None:
    """`version`, normalised to X.Y.Z."""
    if value is None:
        find.error("version", "is missing.", "Add 'version' to metadata, e.g. '1.0.0'.")
    elif value is OPAQUE:
        return None
    elif not isinstance(value, str):
        find.error("version", f"is {value!r}, not a string.", "Write it in quotes as X.Y.Z, e.g. '1.0.0'.")
    else:
        try:
            return normalise_version(value)
        except InvalidManifest as error:
            find.error("version", f"is {value!r}.", error.fix)
    return None


def description(value: Any, find: Findings) -> str:
    """`description`; may be absent."""
    if value is None or value is OPAQUE:
        return ""
    if not isinstance(value, str):
        find.error("description", f"is {value!r}, not a string.", "Write one sentence in quotes.")
        return ""
    return value.strip()


def category(value: Any, find: Findings) -> str | None:
    """`category`; may be absent."""
    if value is None or value is OPAQUE:
        return None
    if value not in CATEGORIES:
        find.error("category", f"is {value!r}.", did_you_mean(str(value), CATEGORIES))
        return None
    return str(value)


def input_types(value: Any, find: Findings) -> list[str]:
    """`supported_input_types`, aliases replaced, each once."""
    if value is None or value is OPAQUE:
        return []
    if not isinstance(value, list | tuple | set | frozenset):
        find.error("supported_input_types", f"is {value!r}, not a list.", 'Write a list, e.g. ["text"].')
        return []
    types: list[str] = []
    for i, given in enumerate(sorted(value, key=str) if isinstance(value, set | frozenset) else value):
        kind = INPUT_TYPE_ALIASES.get(given, given) if isinstance(given, str) else given
        if kind in INPUT_TYPES:
            types.append(kind)
        elif given is not OPAQUE:
            find.error(f"supported_input_types[{i}]", f"is {given!r}.", did_you_mean(str(given), INPUT_TYPES))
    return list(dict.fromkeys(types))


def input_mappings(value: Any, find: Findings) -> dict[str, str]:
    """`input_mappings`: a column of the row -> the object's property, or a dotted path into one."""
    if value is None or value is OPAQUE:
        return {}
    if not isinstance(value, Mapping):
        find.error("input_mappings", f"is {value!r}, not a dict.", 'Write {"column": "property.or.path"}.')
        return {}
    for column, source in value.items():
        if source is not OPAQUE and not (isinstance(source, str) and PATH.fullmatch(source)):
            find.error(f"input_mappings.{column}", f"is {source!r}.", "Write a property's name or a dotted path.")
    return {str(column): source for column, source in value.items() if isinstance(source, str)}


def dependencies(value: Any, find: Findings) -> list[str]:
    """`dependencies`: names of packages, without versions."""
    if value is None or value is OPAQUE:
        return []
    if not isinstance(value, list | tuple):
        find.error("dependencies", f"is {value!r}, not a list.", 'Write a list of names, e.g. ["numpy"].')
        return []
    for i, package in enumerate(value):
        if package is not OPAQUE and not (isinstance(package, str) and PACKAGE.fullmatch(package)):
            find.error(f"dependencies[{i}]", f"is {package!r}.", _bare_name(package))
    return [package for package in value if isinstance(package, str) and PACKAGE.fullmatch(package)]


def compute_profile(value: Any, find: Findings) -> dict[str, Any] | None:
    """`compute_profile`; numbers are checked, unknown keys are errors."""
    if value is None or value is OPAQUE:
        return None
    if not isinstance(value, Mapping):
        find.error("compute_profile", f"is {value!r}, not a dict.", f"Its keys are {', '.join(PROFILE_KEYS)}.")
        return None
    profile: dict[str, Any] = {}
    for key, given in value.items():
        field = f"compute_profile.{key}"
        if key not in PROFILE_KEYS:
            find.error(field, f"compute_profile has no key '{key}'.", did_you_mean(str(key), PROFILE_KEYS))
        elif key == "resource_type":
            profile[key] = _resource(given, field, find)
        elif given is not OPAQUE and given is not None:
            _positive(given, field, find, whole=not key.endswith("_gb"))
            profile[key] = given
    return profile


def feature_uri(value: Any, name: str | None, version: str | None, features: list[str], find: Findings) -> str | None:
    """`feature_uri`; it must say what name, version and features say."""
    if value is None or value is OPAQUE or name is None or version is None:
        return None
    right = f"mixpeek://{name}@{version}"
    found = re.fullmatch(r"mixpeek://([^@/]+)@([^@/]+)(?:/([^/]+))?", value) if isinstance(value, str) else None
    if not found or found[1] != name or _normal(found[2]) != version:
        find.error("feature_uri", f"is {value!r}, which is not this plugin.", f"Write '{right}', or leave it out.")
        return None
    if found[3] and found[3] not in features:
        find.error("feature_uri", f"names the feature '{found[3]}', which is not in features.", f"Write '{right}'.")
        return None
    return right + (f"/{found[3]}" if found[3] else "")


def _better_name(value: Any) -> str:
    rule = "Use 3 to 64 letters, digits and underscores, a letter first."
    try:
        return f"Write {normalise_name(re.sub(r'[^A-Za-z0-9]+', '_', str(value)).strip('_'))!r}. {rule}"
    except InvalidManifest:
        return rule


def _bare_name(package: Any) -> str:
    found = re.match(r"[A-Za-z0-9._-]*[A-Za-z0-9]", package) if isinstance(package, str) else None
    return f"Write the name alone: '{found[0]}'." if found else "Write the package's name in quotes."


def _resource(value: Any, field: str, find: Findings) -> str | None:
    text = str(getattr(value, "value", value)).upper()
    if text in RESOURCES:
        return text
    if value is not OPAQUE and value is not None:
        find.error(field, f"is {value!r}.", f"Use one of {', '.join(RESOURCES)}.")
    return None


def _positive(value: Any, field: str, find: Findings, *, whole: bool) -> None:
    kinds = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < 1e9:
        find.error(field, f"is {value!r}.", f"Give a {'whole ' if whole else ''}number above 0.")


def _normal(text: str) -> str | None:
    try:
        return normalise_version(text)
    except InvalidManifest:
        return None
