"""Routes of collections: create, list, change, trigger, describe, delete."""

from typing import Annotated, Any, Literal

from pydantic import Field

from core.collections import (
    Collection,
    change_collection,
    create_collection,
    delete_collection,
    find_collection,
    list_collections,
)
from core.document_counts import document_counts
from core.errors import InvalidRequest
from core.migration import is_moved, move_collection
from core.paging import page_of
from core.stores import Stores
from core.tenancy import Scope
from core.triggers import backfill, trigger_collection
from core.web.bodies import Body
from core.web.callers import DeleteScope, ReadScope, WriteScope
from functions.api.deps import Answer, PagingOf, Router, StoresOf, either, given
from functions.api.listing import ListBody
from functions.api.routes.buckets import Schema

scoped = Router(prefix="/collections", tags=["collections"])
SEARCHED = ("collection_name", "collection_id", "description")
Name = Annotated[str, Field(min_length=3, max_length=100)]


class InputMapping(Body):
    """InputMapping."""

    input_key: str
    source_type: Literal["payload", "literal", "vector"] | None = None
    path: str | None = None
    override: Any = None


class FieldPassthrough(Body):
    """FieldPassthrough."""

    source_path: str
    target_path: str | None = None
    default: Any = None
    required: bool = False


class Extractor(Body):
    """FeatureExtractorConfigInput."""

    feature_extractor_name: str
    version: str
    params: dict[str, Any] | None = None
    parameters: dict[str, Any] | None = None
    input_mappings: dict[str, str] | list[InputMapping] | None = None
    field_passthrough: list[FieldPassthrough] | None = None
    include_all_source_fields: bool = False


class ExtractorPatch(Extractor):
    """What of a collection's extractor changes; the rest stays."""

    feature_extractor_name: str | None = None  # type: ignore[assignment]
    version: str | None = None  # type: ignore[assignment]


class Source(Body):
    """SourceConfig."""

    type: Literal["bucket", "collection", "taxonomy", "cluster"]
    bucket_ids: Annotated[list[str] | None, Field(min_length=1)] = None
    collection_id: str | None = None
    collection_ids: Annotated[list[str] | None, Field(min_length=1)] = None
    inherited_bucket_ids: list[str] | None = None
    source_filters: dict[str, Any] | None = None
    source_namespace_id: str | None = None


class CreateCollection(Body):
    """CreateCollectionRequest."""

    collection_name: Name | None = None
    name: Name | None = None
    description: str | None = None
    source: Source
    input_schema: Schema | None = None
    feature_extractor: Extractor | None = None
    feature_extractors: Annotated[list[Extractor] | None, Field(min_length=1, max_length=1)] = None
    enabled: bool = True
    metadata: dict[str, Any] | None = None


class ChangeCollection(Body):
    """CollectionPatch; the source of a collection stays what it is, its extractor may move to another version."""

    collection_name: Name | None = None
    description: str | None = None
    enabled: bool | None = None
    metadata: dict[str, Any] | None = None
    feature_extractor: ExtractorPatch | None = None


class Trigger(Body):
    """TriggerCollectionRequest."""

    include_buckets: list[str] | None = None
    include_collections: list[str] | None = None
    source_filters: dict[str, Any] | None = None
    filters: dict[str, Any] | None = None
    full: bool = False


@scoped.post("")
def create(stores: StoresOf, scope: WriteScope, body: CreateCollection) -> Answer:
    only = body.feature_extractors[0] if body.feature_extractors else None
    extractor = either(body.feature_extractor, only, "feature_extractor", "feature_extractors")
    collection, warnings = create_collection(
        stores,
        scope,
        either(body.collection_name, body.name, "collection_name", "name"),
        given(body.source),
        given(extractor),
        description=body.description,
        input_schema=given(body.input_schema) if body.input_schema else None,
        enabled=body.enabled,
        metadata=body.metadata,
    )
    return Answer(shown(collection, 0) | ({"warnings": warnings} if warnings else {}))


@scoped.post("/list")
def list_post(stores: StoresOf, scope: ReadScope, paging: PagingOf, body: ListBody | None = None) -> Answer:
    body = body or ListBody()
    found = map(shown, list_collections(stores, scope))
    page, pagination = page_of(found, body.page(paging), body.selection, SEARCHED)
    told = {"pagination": pagination, "total_count": pagination["total"]}
    return Answer({"results": counted(stores, scope, *page)} | told)


@scoped.get("/{collection_identifier}")
def get(stores: StoresOf, scope: ReadScope, collection_identifier: str) -> Answer:
    return Answer(counted(stores, scope, shown(find_collection(stores, scope, collection_identifier)))[0])


@scoped.patch("/{collection_identifier}")
def change(stores: StoresOf, scope: WriteScope, collection_identifier: str, body: ChangeCollection) -> Answer:
    collection = find_collection(stores, scope, collection_identifier)
    fields = given(body, without=["feature_extractor"])
    changed = collection
    notes: dict[str, Any] = {}
    if body.feature_extractor is not None:
        changed, warnings = move_collection(stores, scope, collection, given(body.feature_extractor))
        notes = {"warnings": warnings} if warnings else {}
    if fields or body.feature_extractor is None:
        changed = change_collection(stores, scope, changed, **fields)
    if is_moved(collection, changed):
        started = backfill(stores, scope, changed)
        notes |= {"backfill": [{"batch_id": b.batch_id, "task_id": t.task_id} for b, t in started]}
    return Answer(counted(stores, scope, shown(changed))[0] | notes)


@scoped.delete("/{collection_identifier}")
def delete(stores: StoresOf, scope: DeleteScope, collection_identifier: str) -> Answer:
    collection = find_collection(stores, scope, collection_identifier)
    delete_collection(stores, scope, collection)
    return Answer({"success": True, "message": "Collection deleted; its documents are being removed.", "task_id": None})


@scoped.post("/{collection_identifier}/trigger")
def trigger(
    stores: StoresOf,
    scope: WriteScope,
    collection_identifier: str,
    body: Trigger | None = None,
    full: bool = False,
) -> Answer:
    body = body or Trigger()
    if body.include_collections:
        raise InvalidRequest(
            "include_collections can't be applied: a collection is made from buckets.",
            "Leave it out, or name buckets in include_buckets.",
            "include_collections",
        )
    if body.source_filters and body.filters:
        raise InvalidRequest("The body has source_filters and filters.", "Send one of them.", "source_filters")
    collection = find_collection(stores, scope, collection_identifier)
    submitted = trigger_collection(
        stores,
        scope,
        collection,
        body.include_buckets,
        full=body.full or full,
        filters=body.source_filters or body.filters,
    )
    batches, tasks = zip(*submitted, strict=True)
    objects = sum(b.object_count for b in batches)
    return Answer(
        {
            "batch_id": batches[0].batch_id,
            "task_id": tasks[0].task_id,
            "batch_ids": [b.batch_id for b in batches],
            "task_ids": [t.task_id for t in tasks],
            "collection_id": collection.collection_id,
            "source_bucket_ids": [b.bucket_id for b in batches],
            "source_collection_ids": None,
            "object_count": objects,
            "total_tiers": 1,
            "message": f"{objects} objects are queued in {len(batches)} batch{'es' if len(batches) > 1 else ''}.",
        },
        202,
    )


@scoped.get("/{collection_identifier}/features")
def features(stores: StoresOf, scope: ReadScope, collection_identifier: str) -> Answer:
    collection = find_collection(stores, scope, collection_identifier)
    extractor = collection.feature_extractor
    described = [
        {
            "feature_address": index["feature_uri"],
            "feature_extractor_name": extractor.feature_extractor_name,
            "version": extractor.version,
            "vector_index": index["index"],
            "primary": position == 0,
        }
        for position, index in enumerate(collection.vector_indexes)
    ]
    return Answer({"features": described})


def shown(collection: Collection, documents: int | None = None) -> dict[str, Any]:
    """CollectionResponse."""
    extractor = collection.feature_extractor
    parameters = {"extractor_type": extractor.feature_extractor_name} | extractor.params
    config = extractor.model_dump(mode="json", exclude={"plugin_id"})
    config |= {"feature_extractor_id": extractor.extractor_id, "parameters": parameters}
    return collection.body() | {
        "feature_extractor": config,
        "source_bucket_schemas": None,
        "payload_indexes": [],
        "document_count": documents,
    }


def counted(stores: Stores, scope: Scope, *collections: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers with the number of documents as it is now."""
    counts = document_counts(stores, scope, [c["collection_id"] for c in collections])
    return [c | {"document_count": counts[c["collection_id"]]} for c in collections]
