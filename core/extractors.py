"""Extractor: a built-in or a plugin at one version, as collections and lists see it."""

from dataclasses import dataclass
from typing import Any

from core.builtins import BUILTINS, Builtin
from core.errors import InvalidRequest, NotFound
from core.plugins import Plugin, list_plugins
from core.stores import Stores
from core.tenancy import Principal, Scope
from plugin_sdk.manifest import Feature, Manifest, normalise_version


@dataclass(frozen=True, slots=True)
class Extractor:
    """What makes documents: its manifest, and the plugin that it comes from (None for a built-in)."""

    manifest: Manifest
    plugin: Plugin | None = None
    builtin: Builtin | None = None

    @property
    def extractor_id(self) -> str:
        """`my_extractor_1_0_0`, or `text_extractor_v1`."""
        return self.plugin.plugin_id if self.plugin else f"{self.manifest.name}_{self.manifest.version}"

    @property
    def runs(self) -> bool:
        """Whether a collection can be processed with it here."""
        return self.plugin is not None or bool(self.builtin and self.builtin.runs)


def list_extractors(stores: Stores, scope: Scope, source: str = "all") -> list[Extractor]:
    """The built-ins, the namespace's plugins, or both."""
    builtins = [Extractor(b.manifest, builtin=b) for b in BUILTINS.values()] if source != "custom" else []
    plugins = [Extractor(p.manifest, p) for p in list_plugins(stores, scope)] if source != "builtin" else []
    return builtins + plugins


def disabled_extractors(stores: Stores, principal: Principal, scope: Scope) -> list[Extractor]:
    """The organization's plugins that the namespace could have and has not."""
    own = {p.plugin_id for p in list_plugins(stores, scope)}
    shared = list_plugins(stores, principal.organization)
    return [Extractor(p.manifest, p) for p in shared if p.plugin_id not in own]


def get_extractor(stores: Stores, scope: Scope, extractor_id: str) -> Extractor:
    """The extractor of that id, or of that `name@version`.

    Raises:
        NotFound: there is none.
    """
    for extractor in list_extractors(stores, scope):
        if extractor_id in (extractor.extractor_id, f"{extractor.manifest.name}@{extractor.manifest.version}"):
            return extractor
    known = ", ".join(e.extractor_id for e in list_extractors(stores, scope))
    raise NotFound(f"There is no extractor {extractor_id!r} in this namespace.", f"It has {known}.")


def resolve(stores: Stores, scope: Scope, name: str, version: str) -> Extractor:
    """The extractor that a collection asks for.

    Raises:
        InvalidRequest: its name or its version is unknown; the message lists those that exist.
    """
    wanted = normalise_version(version)
    known = list_extractors(stores, scope)
    named = [e for e in known if e.manifest.name == name]
    if not named:
        names = ", ".join(sorted({e.manifest.name for e in known}))
        raise InvalidRequest(
            f"There is no feature extractor {name!r} in this namespace.",
            f"It has {names}; publish a plugin with 'mixpeek plugin publish'.",
            "feature_extractor.feature_extractor_name",
        )
    for extractor in named:
        if normalise_version(extractor.manifest.version) == wanted:
            return extractor
    versions = ", ".join(e.manifest.version for e in named)
    raise InvalidRequest(
        f"The feature extractor {name!r} has no version {version!r}.",
        f"Use one of its versions: {versions}.",
        "feature_extractor.version",
    )


def feature_uri(manifest: Manifest, feature: Feature) -> str:
    """`mixpeek://my_extractor@1.0.0/my_extractor_embedding`."""
    return f"{manifest.uri}/{feature.feature_name}"


def vector_indexes(manifest: Manifest) -> list[dict[str, Any]]:
    """One definition a feature: how its vectors are indexed and by which URI they are searched."""
    return [
        {
            "feature_uri": feature_uri(manifest, feature),
            "name": feature.feature_name,
            "description": f"Vectors of {feature.feature_name} from {manifest.name} {manifest.version}.",
            "type": "single",
            "index": {
                "name": feature.feature_name,
                "description": f"{feature.embedding_dim} numbers, compared by {feature.distance_metric}.",
                "dimensions": feature.embedding_dim,
                "type": "dense",
                "distance": feature.distance_metric,
                "datatype": "float32",
                "supported_inputs": manifest.supported_input_types or None,
                "inference_name": manifest.name,
            },
        }
        for feature in manifest.features
    ]


def bucket_schema_of(schema: dict[str, Any] | None) -> dict[str, Any]:
    """A JSON Schema's properties in the form of a bucket schema: `{"properties": {name: {"type": …}}}`."""
    schema = schema or {}
    required = set(schema.get("required", ()))
    properties = {
        name: _bucket_field(prop, schema) | ({"required": True} if name in required else {})
        for name, prop in schema.get("properties", {}).items()
    }
    return {"properties": properties}


def _bucket_field(prop: Any, root: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    prop = _plain(prop, root)
    kind = _one_type(prop.get("type"))
    field: dict[str, Any] = {"type": kind if kind in _BUCKET_TYPES else "object"}
    if isinstance(prop.get("description"), str):
        field["description"] = prop["description"]
    if kind == "array" and depth < 4 and isinstance(prop.get("items"), dict):
        field["items"] = _bucket_field(prop["items"], root, depth + 1)
    return field


_BUCKET_TYPES = {"string", "number", "integer", "boolean", "object", "array"}


def _plain(prop: Any, root: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """`prop` with its reference followed and `X | None` taken as X."""
    if not isinstance(prop, dict) or depth > 8:
        return {}
    reference = prop.get("$ref")
    if isinstance(reference, str):
        return _plain(root.get("$defs", {}).get(reference.rpartition("/")[2]), root, depth + 1)
    choices = [c for c in prop.get("anyOf") or [] if isinstance(c, dict) and c.get("type") != "null"]
    if len(choices) == 1:
        return _plain(choices[0], root, depth + 1) | {k: v for k, v in prop.items() if k == "description"}
    return prop


def _one_type(kind: Any) -> Any:
    if isinstance(kind, list):
        named = [k for k in kind if k != "null"]
        return named[0] if len(named) == 1 else "object"
    return kind
