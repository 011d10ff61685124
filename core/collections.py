"""Collection: documents, plus the feature extractor and the source that make them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from core.buckets import Bucket, find_bucket
from core.builtins import BUILTINS
from core.conditions import parse
from core.document_counts import COUNTS
from core.errors import InvalidRequest, NotFound
from core.extractors import Extractor, bucket_schema_of, resolve, vector_indexes
from core.ids import new_id
from core.named import Named
from core.names import check_name
from core.noun import Noun
from core.stores import Stores
from core.tenancy import Scope
from plugin_sdk.errors import InvalidParameters

SYSTEM_COLUMNS = frozenset(
    ("data", "document_id", "object_id", "blob_id", "blob_property", "blob_type", "mime_type", "size_bytes")
)
WRITTEN = frozenset(
    ("collection_id", "bucket_id", "batch_id", "blob_url", "feature_extractor_id", "created_at", "updated_at")
)
"""Columns that the platform writes, beside those of which a mapping may read."""


class ExtractorConfig(BaseModel):
    """The extractor of a collection, resolved when it was created: `params` are complete and valid."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    feature_extractor_name: str
    version: str
    plugin_id: str | None = None
    params: dict[str, Any] = {}
    input_mappings: dict[str, str] = {}
    field_passthrough: list[dict[str, Any]] = []
    include_all_source_fields: bool = False

    @property
    def extractor_id(self) -> str:
        """The plugin's id, or `text_extractor_v1`."""
        return self.plugin_id or f"{self.feature_extractor_name}_{self.version}"


class Collection(Noun):
    """A collection as stored. `output_schema` and `vector_indexes` come from the extractor's manifest."""

    collection_id: str
    collection_name: str
    description: str | None = None
    source: dict[str, Any]
    input_schema: dict[str, Any] = {"properties": {}}
    output_schema: dict[str, Any] = {"properties": {}}
    feature_extractor: ExtractorConfig
    vector_indexes: list[dict[str, Any]] = []
    enabled: bool = True
    metadata: dict[str, Any] | None = None
    schema_version: int = 1

    @property
    def bucket_ids(self) -> list[str]:
        """The buckets that it is made from."""
        return list(self.source.get("bucket_ids") or ())


COLLECTIONS = Named(Collection, "collection", "col")


class Created(NamedTuple):
    """A new collection, and what its author should know about the request."""

    collection: Collection
    warnings: list[str]


def create_collection(
    stores: Stores,
    scope: Scope,
    name: str,
    source: Mapping[str, Any],
    extractor: Mapping[str, Any],
    *,
    description: str | None = None,
    input_schema: dict[str, Any] | None = None,
    enabled: bool = True,
    metadata: dict[str, Any] | None = None,
) -> Created:
    """A collection whose source, extractor and parameters exist and fit, so that a batch can't fail for them.

    Raises:
        InvalidRequest: one of them does not; `field` is its path.
        AlreadyExists: the name is taken.
    """
    check_name(name, "collection_name", "col")
    buckets = _source_buckets(stores, scope, source)
    found = resolve(stores, scope, str(extractor["feature_extractor_name"]), str(extractor["version"]))
    _check_runs(found)
    config, warnings = configured(found, extractor, buckets)
    collection = Collection(
        collection_id=new_id("col"),
        collection_name=name,
        description=description,
        source=dict(source) | {"type": "bucket", "bucket_ids": [b.bucket_id for b in buckets]},
        input_schema=input_schema or _union(b.bucket_schema for b in buckets),
        output_schema=output_schema_of(found, config, buckets),
        feature_extractor=config,
        vector_indexes=vector_indexes(found.manifest),
        enabled=enabled,
        metadata=metadata,
    )
    COLLECTIONS.create(stores, scope.key, collection)
    return Created(collection, warnings)


def find_collection(stores: Stores, scope: Scope, identifier: str) -> Collection:
    """The collection of this id or name.

    Raises:
        NotFound: the namespace has none.
    """
    return COLLECTIONS.find(stores, scope.key, identifier)


def list_collections(stores: Stores, scope: Scope) -> list[Collection]:
    """Every collection of the namespace, oldest first."""
    return COLLECTIONS.all(stores, scope.key)


def collections_of_bucket(stores: Stores, scope: Scope, bucket_id: str) -> list[Collection]:
    """The enabled collections that are made from this bucket."""
    return [c for c in list_collections(stores, scope) if c.enabled and bucket_id in c.bucket_ids]


def collections_using(stores: Stores, scope: Scope, plugin_id: str) -> list[Collection]:
    """The collections that a plugin makes."""
    return [c for c in list_collections(stores, scope) if c.feature_extractor.plugin_id == plugin_id]


def change_collection(stores: Stores, scope: Scope, collection: Collection, **fields: Any) -> Collection:
    """The collection with these fields changed; a new name must be free."""
    return COLLECTIONS.change(stores, scope.key, collection, lambda found: found.changed(**fields))


def delete_collection(stores: Stores, scope: Scope, collection: Collection) -> None:
    """Delete the collection now, and its documents by a job."""
    job = {
        "job": "delete_collection",
        "org_id": scope.org_id,
        "namespace_id": scope.namespace_id,
        "collection_id": collection.collection_id,
    }
    stores.queues.send(stores.settings.jobs_queue, job, delay_s=1)  # first, so that no dataset is left behind
    keys = [
        (scope.key("collection"), collection.collection_id),
        (scope.key(COUNTS), collection.collection_id),
    ]
    stores.records.delete_many(keys)
    COLLECTIONS.release(stores, scope.key, collection)


def _source_buckets(stores: Stores, scope: Scope, source: Mapping[str, Any]) -> list[Bucket]:
    if source.get("type") != "bucket":
        raise InvalidRequest(
            f"source.type is {source.get('type')!r}; collections are made from buckets here.",
            'Write {"type": "bucket", "bucket_ids": ["bkt_…"]}.',
            "source.type",
        )
    for name in ("collection_id", "collection_ids", "source_namespace_id"):
        if source.get(name) and source[name] != scope.namespace_id:
            raise InvalidRequest(
                f"source.{name} is {source[name]!r}; a collection is made from buckets of its own namespace.",
                "Leave it out, and name the buckets in bucket_ids.",
                f"source.{name}",
            )
    parse(source.get("source_filters") or None, "source.source_filters")  # refused by its part, if it is no filter
    identifiers = source.get("bucket_ids") or ()
    if not identifiers:
        raise InvalidRequest("source.bucket_ids is empty.", "Name at least one bucket.", "source.bucket_ids")
    buckets = {b.bucket_id: b for b in (_bucket(stores, scope, i, n) for n, i in enumerate(identifiers))}
    return list(buckets.values())


def _bucket(stores: Stores, scope: Scope, identifier: str, position: int) -> Bucket:
    try:
        return find_bucket(stores, scope, identifier)
    except NotFound as error:
        raise InvalidRequest(error.problem, error.fix, f"source.bucket_ids[{position}]") from error


def _check_runs(extractor: Extractor) -> None:
    if not extractor.runs:
        usable = ", ".join(name for name, builtin in BUILTINS.items() if builtin.runs)
        raise InvalidRequest(
            f"The built-in extractor {extractor.manifest.name!r} can't process collections in this installation.",
            f"Use {usable}, or publish a plugin that does the same.",
            "feature_extractor.feature_extractor_name",
        )


def configured(
    extractor: Extractor, given: Mapping[str, Any], buckets: Sequence[Bucket]
) -> tuple[ExtractorConfig, list[str]]:
    """The extractor as a collection keeps it, its parameters complete and valid, and what its author should know."""
    wanted, warnings = _wanted_params(extractor, given)
    try:
        params = extractor.manifest.validate_params(wanted)
    except InvalidParameters as error:
        path = f"feature_extractor.parameters.{error.field}".rstrip(".")
        raise InvalidRequest(error.problem, error.fix, path) from error
    mappings = _mappings(given.get("input_mappings"))
    _check_mappings(extractor, mappings, buckets)
    passed = list(given.get("field_passthrough") or ())
    _check_passed(extractor, passed, buckets)
    config = ExtractorConfig(
        feature_extractor_name=extractor.manifest.name,
        version=extractor.manifest.version,
        plugin_id=extractor.plugin.plugin_id if extractor.plugin else None,
        params=params,
        input_mappings=dict(extractor.manifest.input_mappings) | mappings,
        field_passthrough=passed,
        include_all_source_fields=bool(given.get("include_all_source_fields")),
    )
    return config, warnings


def _wanted_params(extractor: Extractor, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The namespace's defaults, then `parameters`, then `params`, the later over the earlier.

    `parameters` are left out where a client turned them into another extractor's defaults.
    """
    parameters = dict(given.get("parameters") or {})
    kind = parameters.pop("extractor_type", None)
    warnings = []
    if isinstance(kind, str) and kind in BUILTINS and kind != extractor.manifest.name:
        warnings.append(
            f"feature_extractor.parameters was ignored: its extractor_type is {kind!r}, the extractor is "
            f"{extractor.manifest.name!r}. Send the values as 'params'."
        )
        parameters = {}
    defaults = extractor.plugin.params if extractor.plugin else {}
    return defaults | parameters | dict(given.get("params") or {}), warnings


def _mappings(given: Any) -> dict[str, str]:
    """Column → property path, from the dict form or the list form."""
    if not given:
        return {}
    if isinstance(given, Mapping):
        return {str(k): str(v) for k, v in given.items()}
    mappings = {}
    for position, item in enumerate(given):
        field = f"feature_extractor.input_mappings[{position}]"
        if (item.get("source_type") or "payload") != "payload" or item.get("override") is not None:
            raise InvalidRequest(
                f"{field} is of source_type {item.get('source_type')!r}.", "Map a property: source_type payload.", field
            )
        if not item.get("path"):
            raise InvalidRequest(f"{field} has no path.", "Name the property that fills the column.", field)
        mappings[str(item["input_key"])] = str(item["path"])
    return mappings


def _check_mappings(extractor: Extractor, mappings: Mapping[str, str], buckets: Sequence[Bucket]) -> None:
    columns = (extractor.manifest.input_schema or {}).get("properties")
    properties = _union(b.bucket_schema for b in buckets)["properties"]
    typed = all(b.bucket_schema and b.bucket_schema.get("properties") for b in buckets)
    for column, path in mappings.items():
        field = f"feature_extractor.input_mappings.{column}"
        if columns and column not in columns:
            raise InvalidRequest(
                f"{field}: the input schema of {extractor.manifest.name!r} has no {column!r}.",
                f"It has {', '.join(columns)}.",
                field,
            )
        root = path.split(".")[0]
        if typed and root not in properties and root not in SYSTEM_COLUMNS and root != "metadata":
            raise InvalidRequest(
                f"{field}: no source bucket has a property {root!r}.", f"They have {', '.join(properties)}.", field
            )


def _check_passed(extractor: Extractor, passed: Sequence[Mapping[str, Any]], buckets: Sequence[Bucket]) -> None:
    made = set(bucket_schema_of(extractor.manifest.output_schema)["properties"])
    made |= {feature.feature_name for feature in extractor.manifest.features}
    properties = _union(b.bucket_schema for b in buckets)["properties"]
    typed = all(b.bucket_schema and b.bucket_schema.get("properties") for b in buckets)
    for position, item in enumerate(passed):
        field = f"feature_extractor.field_passthrough[{position}]"
        path, target = str(item["source_path"]), item.get("target_path")
        root = path.removeprefix("metadata.").split(".")[0]
        if typed and root not in properties and root not in SYSTEM_COLUMNS:
            raise InvalidRequest(
                f"{field}.source_path is {path!r}; no source bucket has a property {root!r}.",
                f"They have {', '.join(properties)}.",
                f"{field}.source_path",
            )
        if target in SYSTEM_COLUMNS | WRITTEN or target in made or str(target or path).startswith("_"):
            raise InvalidRequest(
                f"{field}.target_path is {target!r}, a name that the platform or the extractor writes.",
                "Give the field another name.",
                f"{field}.target_path",
            )


def output_schema_of(extractor: Extractor, config: ExtractorConfig, buckets: Sequence[Bucket]) -> dict[str, Any]:
    """The fields that its documents have."""
    source = _union(b.bucket_schema for b in buckets)["properties"]
    made = bucket_schema_of(extractor.manifest.output_schema)["properties"]
    if extractor.plugin is None or config.include_all_source_fields:
        return {"properties": source | made}
    passed = {
        str(p.get("target_path") or p["source_path"]): source.get(
            str(p["source_path"]).split(".")[0], {"type": "string"}
        )
        for p in config.field_passthrough
    }
    return {"properties": passed | made}


def _union(schemas: Iterable[dict[str, Any] | None]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for schema in schemas:
        properties |= (schema or {}).get("properties") or {}
    return {"properties": properties}
