"""Migration: a collection moved to another version of its plugin, or to other parameters, while it stays readable."""

from collections.abc import Mapping
from typing import Any

from core.buckets import find_bucket
from core.collections import Collection, Created, change_collection, configured, output_schema_of
from core.errors import Conflict
from core.extractors import Extractor, bucket_schema_of, resolve, vector_indexes
from core.stores import Stores
from core.tenancy import Scope


def move_collection(stores: Stores, scope: Scope, collection: Collection, extractor: Mapping[str, Any]) -> Created:
    """The collection with this extractor from now on; its documents stay until a batch makes them anew.

    Parameters and mappings that the request does not name stay as they are.

    Raises:
        Conflict: another plugin, or a version that keeps other vectors or values under the same name.
        InvalidRequest: the version does not exist, or parameters or mappings do not fit it.
    """
    before = collection.feature_extractor
    name = str(extractor.get("feature_extractor_name") or before.feature_extractor_name)
    if name != before.feature_extractor_name:
        raise Conflict(
            f"feature_extractor.feature_extractor_name is {name!r}; the documents of {collection.collection_name!r} "
            f"are made by {before.feature_extractor_name!r}.",
            "Create a collection of its own for another extractor.",
        )
    found = resolve(stores, scope, name, str(extractor.get("version") or before.version))
    asked = {k: v for k, v in extractor.items() if v is not None}
    if not {"params", "parameters"} & set(asked):
        known = (found.manifest.parameter_schema or {}).get("properties") or before.params
        asked["params"] = {k: v for k, v in before.params.items() if k in known}
    asked.setdefault("input_mappings", before.input_mappings)
    asked.setdefault("include_all_source_fields", before.include_all_source_fields)
    asked.setdefault("field_passthrough", before.field_passthrough)
    _check_columns(collection, found)
    buckets = [find_bucket(stores, scope, b) for b in collection.bucket_ids]
    config, warnings = configured(found, asked, buckets)
    changed = change_collection(
        stores,
        scope,
        collection,
        feature_extractor=config,
        output_schema=output_schema_of(found, config, buckets),
        vector_indexes=vector_indexes(found.manifest),
        schema_version=collection.schema_version + 1,
    )
    return Created(changed, warnings)


def is_moved(before: Collection, after: Collection) -> bool:
    """Whether documents that were made before have to be made anew."""
    return before.feature_extractor != after.feature_extractor


def _check_columns(collection: Collection, found: Extractor) -> None:
    """A name keeps one kind of vector: documents of both versions stand beside each other for a while."""
    known = {i["name"]: i["index"] for i in collection.vector_indexes}
    for feature in found.manifest.features:
        index = known.get(feature.feature_name)
        if index is None:
            continue
        old = (index["dimensions"], index["distance"])
        new = (feature.embedding_dim, feature.distance_metric)
        if old != new:
            raise Conflict(
                f"The feature {feature.feature_name!r} has {new[0]} numbers compared by {new[1]} in version "
                f"{found.manifest.version}, and {old[0]} by {old[1]} in the documents of {collection.collection_name!r}.",
                "Give the feature another name in the new version (it gets a column of its own), "
                "or create a new collection for that version.",
            )
    made = bucket_schema_of(found.manifest.output_schema)["properties"]
    for name, described in (collection.output_schema.get("properties") or {}).items():
        old_type, new_type = described.get("type"), made.get(name, described).get("type")
        if old_type != new_type and {old_type, new_type} != {"number", "float"}:
            raise Conflict(
                f"{name!r} is {new_type} in version {found.manifest.version}, and {old_type} in the documents of "
                f"{collection.collection_name!r}.",
                "Give the field another name in the new version, or create a new collection for that version.",
            )
