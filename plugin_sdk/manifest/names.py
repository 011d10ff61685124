"""Names and versions of plugins: their one spelling, and the id made of both."""

import re

from plugin_sdk.errors import InvalidManifest

NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{2,63}")
NUMBER = r"[0-9]{1,9}"
VERSION = re.compile(rf"v?({NUMBER})(?:\.({NUMBER}))?(?:\.({NUMBER}))?", re.ASCII)


def normalise_name(name: str) -> str:
    """`my-extractor` becomes `my_extractor`.

    Raises:
        InvalidManifest: what remains is no plugin name.
    """
    normal = name.strip().replace("-", "_")
    if not NAME.fullmatch(normal):
        raise InvalidManifest(
            f"{name!r} is no plugin name.",
            "Use 3 to 64 letters, digits and underscores, a letter first.",
            "feature_extractor_name",
        )
    return normal


def normalise_version(version: str) -> str:
    """`v1`, `1.0` and `v2.1` become `1.0.0`, `1.0.0` and `2.1.0`.

    Raises:
        InvalidManifest: it is none of these forms.
    """
    found = VERSION.fullmatch(version.strip())
    if not found:
        raise InvalidManifest(f"{version!r} is no version.", "Write it as X.Y.Z, e.g. '1.0.0'.", "version")
    return ".".join(str(int(part or 0)) for part in found.groups())


def plugin_id(name: str, version: str) -> str:
    """`my_extractor` at `1.0.0` is `my_extractor_1_0_0`."""
    return f"{name}_{normalise_version(version).replace('.', '_')}"
