"""Routes of a collection's documents."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field

from batch.serving.documents import Documents
from batch.serving.web import Json
from core.conditions import Filter, parse
from core.documents import shown
from core.errors import InvalidRequest
from core.paging import Paging, pagination
from core.web.bodies import Body, OpenBody
from core.web.callers import DeleteScope, ReadScope, WriteScope
from core.web.routes import CheckedRoute

scoped = APIRouter(
    prefix="/collections/{collection_identifier}/documents", route_class=CheckedRoute, tags=["documents"]
)
Items = dict[str, Any]
Flag = Annotated[bool, Query()]


class Sort(Body):
    """A field to order by."""

    field: str
    direction: Literal["asc", "desc"] = "asc"


class ListRequest(Body):
    """Which documents, in which order, and how much of each."""

    filters: Items | None = None
    sort: Sort | None = None
    search: str | None = None
    cursor: str | None = None
    return_vectors: bool | None = False
    group_by: str | None = None
    select: list[str] | None = None
    return_presigned_urls: bool | None = False
    return_vector_names: bool | list[str] | None = None
    limit: int | None = Field(default=None, ge=1, le=1000)
    offset: int | None = Field(default=None, ge=0, le=10_000)
    page_size: int | None = Field(default=None, ge=1, le=1000)


class Feature(Body):
    """What an extractor found: fields, and vectors by name."""

    feature_extractor_id: str | None = None
    payload: Items = {}
    vectors: Items | None = None


class CreateRequest(OpenBody):
    """A document that no batch made: its fields stand beside these."""

    collection_id: str
    root_object_id: str | None = None
    root_bucket_id: str | None = None
    source_type: Literal["bucket", "collection"] | None = None
    source_collection_id: str | None = None
    source_document_id: str | None = None
    source_object_id: str | None = None
    metadata: Items = {}
    features: list[Feature] = []


class Update(Body):
    """New values for one document."""

    document_id: str
    update_data: Items


class BatchUpdateRequest(Body):
    """Updates one by one, or one update for all that a filter keeps."""

    updates: list[Update] | None = Field(default=None, min_length=1, max_length=1000)
    filters: Items | None = None
    update_data: Items | None = None


class BatchDeleteRequest(Body):
    """Documents by id, or all that a filter keeps."""

    document_ids: list[str] | None = Field(default=None, min_length=1, max_length=1000)
    filters: Items | None = None


@scoped.post("")
def create_document(request: Request, scope: WriteScope, collection_identifier: str, body: CreateRequest) -> Json:
    """Write one document that no batch made."""
    documents: Documents = request.app.state.documents
    found = [item for feature in body.features for item in feature.payload.items()]
    fields = {**dict(found), **body.metadata, **(body.model_extra or {})}
    fields |= {"object_id": body.root_object_id or body.source_object_id, "bucket_id": body.root_bucket_id}
    row, names = documents.create(scope, collection_identifier, fields, _vectors(body.features))
    return Json(shown(row, scope, names))


@scoped.post("/list")
def list_documents(
    request: Request,
    scope: ReadScope,
    collection_identifier: str,
    body: ListRequest | None = None,
    limit: Annotated[int | None, Query(ge=1, le=1000)] = None,
    offset: Annotated[int | None, Query(ge=0, le=10_000)] = None,
    cursor: Annotated[str | None, Query()] = None,
    include_total: Flag = False,
) -> Json:
    """A page of documents."""
    documents: Documents = request.app.state.documents
    body = body or ListRequest()
    paging = Paging(
        body.limit or body.page_size or limit or 10, body.offset or offset or 0, body.cursor or cursor, include_total
    )
    listed = documents.page(
        scope,
        collection_identifier,
        paging,
        filters=parse(body.filters),
        search=body.search,
        sort=(body.sort.field, body.sort.direction == "desc") if body.sort else None,
        group_by=body.group_by,
        select=body.select,
        vectors=bool(body.return_vectors),
    )
    presign = request.app.state.presign(scope) if body.return_presigned_urls else None

    def show(row: Items) -> Items:
        return shown(row, scope, listed.vectors, select=body.select, presign=presign)

    answer: Items = {
        "results": [show(row) for row in listed.rows],
        "pagination": pagination(paging, total=listed.total, next_cursor=listed.cursor),
        "total_documents": listed.total,
    }
    if listed.groups is not None:
        answer["groups"] = [
            {"group_key": key, "documents": [show(r) for r in rows], "count": len(rows)} for key, rows in listed.groups
        ]
        answer["group_by_field"] = body.group_by
        answer["total_documents"] = None
    return Json(answer)


@scoped.post("/batch")
def update_documents(request: Request, scope: WriteScope, collection_identifier: str, body: BatchUpdateRequest) -> Json:
    """Change many documents."""
    documents: Documents = request.app.state.documents
    if body.updates is not None:
        updates = [(update.document_id, update.update_data) for update in body.updates]
    elif body.update_data is not None:
        ids = documents.ids_of(scope, collection_identifier, _filter_of(body.filters))
        updates = [(document_id, body.update_data) for document_id in ids]
    else:
        raise InvalidRequest("The body has no updates.", "Give updates, or filters with update_data.", "updates")
    results = documents.update_many(scope, collection_identifier, updates)
    failed = sum(problem is not None for _, problem in results)
    return Json(
        {
            "updated_count": len(results) - failed,
            "failed_count": failed,
            "results": [{"document_id": i, "success": p is None, "error": p} for i, p in results],
            "message": "Batch update completed",
        }
    )


@scoped.delete("/batch")
def delete_documents(
    request: Request, scope: DeleteScope, collection_identifier: str, body: BatchDeleteRequest
) -> Json:
    """Delete many documents."""
    documents: Documents = request.app.state.documents
    ids = body.document_ids
    if ids is None:
        ids = documents.ids_of(scope, collection_identifier, _filter_of(body.filters))
    deleted = set(documents.delete(scope, collection_identifier, ids)) if ids else set()
    missing = [i for i in ids if i not in deleted]
    results = [{"document_id": i, "success": i in deleted, "error": _absent(i) if i in missing else None} for i in ids]
    return Json(
        {
            "deleted_count": len(deleted),
            "failed_count": len(missing),
            "results": results,
            "message": "Batch delete completed",
        }
    )


@scoped.get("/{document_id}")
def get_document(
    request: Request,
    scope: ReadScope,
    collection_identifier: str,
    document_id: str,
    return_presigned_urls: Flag = False,
    return_vectors: Flag = False,
    return_vector_names: Flag = False,
) -> Json:
    """One document."""
    documents: Documents = request.app.state.documents
    row, names = documents.get(scope, collection_identifier, document_id, vectors=return_vectors)
    presign = request.app.state.presign(scope) if return_presigned_urls else None
    return Json(shown(row, scope, names, presign=presign))


@scoped.patch("/{document_id}")
def patch_document(
    request: Request, scope: WriteScope, collection_identifier: str, document_id: str, body: Items
) -> Json:
    """Change fields of one document."""
    documents: Documents = request.app.state.documents
    documents.update(scope, collection_identifier, document_id, body)
    row, names = documents.get(scope, collection_identifier, document_id)
    return Json(shown(row, scope, names))


@scoped.put("/{document_id}")
def put_document(
    request: Request, scope: WriteScope, collection_identifier: str, document_id: str, body: Items
) -> Json:
    """Change fields of one document, as PATCH does: what is not named stays."""
    return patch_document(request, scope, collection_identifier, document_id, body)


@scoped.delete("/{document_id}")
def delete_document(request: Request, scope: DeleteScope, collection_identifier: str, document_id: str) -> Json:
    """Delete one document."""
    documents: Documents = request.app.state.documents
    documents.delete_one(scope, collection_identifier, document_id)
    return Json({"message": "Successfully deleted", "success": True})


def _filter_of(filters: Items | None) -> Filter:
    wanted = parse(filters)
    if wanted is None:
        raise InvalidRequest("The body says neither which documents nor which filter.", "Add filters.", "filters")
    return wanted


def _absent(document_id: str) -> str:
    return f"There is no document {document_id}."


def _vectors(features: list[Feature]) -> dict[str, list[float]]:
    """Named vectors as the contract's features carry them: `vectors: {name: [numbers]}`, or `{name: {values}}`."""
    found: dict[str, list[float]] = {}
    for position, feature in enumerate(features):
        vectors = feature.vectors or {}
        named = vectors.get("vectors", vectors)
        if not isinstance(named, dict):
            raise InvalidRequest(
                f"features[{position}].vectors is no object.", "Write {feature name: [numbers]}.", "features"
            )
        for name, values in named.items():
            numbers = values.get("values") or values.get("vector") if isinstance(values, dict) else values
            found[name] = numbers or []
    return found
