"""What a manifest declares, from its `metadata` dict and its module-level names, as one table of raw values."""

from collections.abc import Mapping
from typing import Any

from plugin_sdk.manifest.hints import did_you_mean, nearest
from plugin_sdk.manifest.issues import Findings
from plugin_sdk.manifest.vocabulary import ALIASES, KEYS, UNUSED


class Opaque:
    """A value that is there and can't be known without running the manifest."""

    def __repr__(self) -> str:
        return "<known when the manifest runs>"


OPAQUE = Opaque()


def declared(names: Mapping[str, Any], find: Findings) -> dict[str, Any]:
    """One value per manifest key; `names` are the module's names. A key given twice must have one value."""
    values: dict[str, Any] = {}
    metadata = names.get("metadata", {})
    if isinstance(metadata, Mapping):
        _take(metadata, values, find)
        _name_unknown(metadata, find)
    elif metadata is not OPAQUE:
        find.error("metadata", f"is a {type(metadata).__name__}, not a dict.", "Write metadata = {...}.")
    own = {key: value for key, value in names.items() if key in KEYS or (key in ALIASES and ALIASES[key] not in values)}
    _take(own, values, find)  # a loop variable called `name` is no second name of the plugin
    _name_misspelt(names, values, find)
    return values


def _take(source: Mapping[str, Any], values: dict[str, Any], find: Findings) -> None:
    for written, value in source.items():
        key = ALIASES.get(written, written)
        if key not in KEYS:
            continue
        if key in values and not _same(values[key], value):
            find.error(key, f"is given twice: {_shown(values[key])} and {_shown(value)}.", "Give it once.")
        values.setdefault(key, value)


def _name_unknown(metadata: Mapping[Any, Any], find: Findings) -> None:
    for key in metadata:
        if key not in KEYS and key not in ALIASES and key not in UNUSED:
            find.warn(f"metadata.{key}", "is unknown and has no effect.", did_you_mean(str(key), KEYS))


def _name_misspelt(names: Mapping[str, Any], values: Mapping[str, Any], find: Findings) -> None:
    """A module may have any names of its own; one that is nearly a missing key is most likely that key."""
    for name, value in names.items():
        if name in KEYS or name in ALIASES or name in UNUSED or name.startswith("_") or callable(value):
            continue
        meant = nearest(name, (*KEYS, "metadata"))
        if meant and meant not in values and meant not in names:
            find.warn(name, "is unknown and has no effect.", f"Did you mean '{meant}'?")


def _same(a: Any, b: Any) -> bool:
    return a is OPAQUE or b is OPAQUE or a is b or (type(a) is type(b) and bool(a == b))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
