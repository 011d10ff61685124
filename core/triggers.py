"""Triggers: a bucket, or all the buckets of a collection, submitted as batches of what is not up to date."""

from collections.abc import Iterator, Sequence
from typing import Any

from core.batches import Batch, create_batch, fed_by, submit_new
from core.buckets import Bucket, find_bucket
from core.collections import Collection
from core.conditions import Filter, parse
from core.errors import IllegalTransition, InvalidRequest
from core.stores import Stores
from core.stores.records import Body
from core.tasks import Task
from core.tenancy import Scope


def trigger_bucket(
    stores: Stores,
    scope: Scope,
    bucket: Bucket,
    *,
    collection_ids: list[str] | None = None,
    ids: Sequence[str] | None = None,
    full: bool = False,
    filters: dict[str, Any] | None = None,
) -> tuple[Batch, Task]:
    """A batch of all objects of the bucket, or of `ids`, submitted: those whose documents are up to date are left out.

    Args:
        full: process them too.
        filters: only objects that pass (the API's form).

    Raises:
        InvalidRequest: the bucket is empty, or no collection takes its objects.
    """
    collections = fed_by(stores, scope, bucket.bucket_id, collection_ids)
    wanted = parse(filters, "filters")
    found: Sequence[str]
    if wanted is not None:
        named = None if ids is None else set(ids)
        found = [i for i in _matching(stores, scope, bucket, wanted) if named is None or i in named]
    else:
        found = ids if ids is not None else list(stores.records.sort_keys(scope.key("object", bucket.bucket_id)))
    if not found and wanted is not None:
        raise InvalidRequest(
            f"No object of the bucket {bucket.bucket_name!r} passes the filter.",
            "Check its fields and values, or leave it out.",
            "filters",
        )
    if not found:
        raise InvalidRequest(
            f"The bucket {bucket.bucket_name!r} has no objects.",
            "Upload objects, then trigger it again.",
            "bucket_identifier",
        )
    batch = create_batch(
        stores, scope, bucket, found, collection_ids=collection_ids, checked=ids is None, filters=filters or None
    )
    return submit_new(stores, scope, batch, collections, full=full)


def trigger_collection(
    stores: Stores,
    scope: Scope,
    collection: Collection,
    include_buckets: Sequence[str] | None = None,
    *,
    full: bool = False,
    filters: dict[str, Any] | None = None,
) -> list[tuple[Batch, Task]]:
    """A batch for each of the collection's buckets that has objects, for this collection alone.

    Only what is new, changed, failed before, or was made by another plugin or other parameters is processed, unless
    `full` asks for all; `filters` leaves out objects that do not pass.

    Raises:
        IllegalTransition: the collection is disabled.
        InvalidRequest: a bucket is not among its sources, or all of them are empty, or no object passes the filter.
    """
    if not collection.enabled:
        raise IllegalTransition(
            f"The collection {collection.collection_name!r} is disabled.", 'PATCH it with {"enabled": true} first.'
        )
    sources = [find_bucket(stores, scope, b) for b in collection.bucket_ids]
    for position, identifier in enumerate(include_buckets or ()):
        if not any(identifier in (b.bucket_id, b.bucket_name) for b in sources):
            raise InvalidRequest(
                f"{identifier!r} is no source of the collection {collection.collection_name!r}.",
                f"Its buckets are {', '.join(b.bucket_id for b in sources)}.",
                f"include_buckets[{position}]",
            )
    wanted = [b for b in sources if not include_buckets or {b.bucket_id, b.bucket_name} & set(include_buckets)]
    filled = [b for b in wanted if _has_objects(stores, scope, b)]
    if not filled:
        names = ", ".join(b.bucket_name for b in wanted)
        raise InvalidRequest(f"There are no objects in {names}.", "Upload objects, then trigger again.", "source")
    if filters and (condition := parse(filters, "source_filters")):
        filled = [b for b in filled if next(_matching(stores, scope, b, condition), None) is not None]
        if not filled:
            raise InvalidRequest(
                f"No object of {', '.join(b.bucket_name for b in wanted)} passes the filter.",
                "Check its fields and values, or leave it out.",
                "source_filters",
            )
    only = [collection.collection_id]
    return [trigger_bucket(stores, scope, b, collection_ids=only, full=full, filters=filters) for b in filled]


def backfill(stores: Stores, scope: Scope, collection: Collection) -> list[tuple[Batch, Task]]:
    """Batches that make a collection's documents anew where they are not up to date; none where nothing can run now."""
    if not collection.enabled:
        return []
    sources = [find_bucket(stores, scope, b) for b in collection.bucket_ids]
    only = [collection.collection_id]
    return [trigger_bucket(stores, scope, b, collection_ids=only) for b in sources if _has_objects(stores, scope, b)]


def _matching(stores: Stores, scope: Scope, bucket: Bucket, wanted: Filter) -> Iterator[str]:
    """The ids of the bucket's objects that pass the filter, and of its imports, whose rows are judged as they are read."""
    for record in stores.records.each(scope.key("object", bucket.bucket_id)):
        body = record.body
        if "import_id" in body or wanted.matches({**body, **(body.get("metadata") or {}), **_values(body)}):
            yield record.sk


def _values(body: Body) -> Body:
    """What an object's blobs say under their properties' names."""
    return {b["property"]: b["data"] for b in body.get("blobs") or () if b.get("data") is not None}


def _has_objects(stores: Stores, scope: Scope, bucket: Bucket) -> bool:
    return bool(stores.records.query(scope.key("object", bucket.bucket_id), limit=1).records)
