"""The ways to name a model: its id, its name with a version, its address."""

from plugin_sdk.errors import PlatformError
from plugin_sdk.manifest.names import normalise_name, normalise_version, plugin_id

ADDRESS = "mixpeek://models/"


def model_key(model_id: str) -> str:
    """The id behind `name_1_0_0`, `name@1.0.0` or `mixpeek://models/name_1_0_0`; never a path."""
    plain = model_id.removeprefix(ADDRESS).replace("/", "_")
    name, at, version = plain.partition("@")
    try:
        return plugin_id(normalise_name(name), normalise_version(version)) if at else plain
    except PlatformError:
        return plain
