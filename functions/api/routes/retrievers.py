"""Routes of retrievers as records; the data routes execute them."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from core.paging import Paging, page_of
from core.retrievers import (
    Retriever,
    address,
    change_retriever,
    create_retriever,
    delete_retriever,
    find_retriever,
    list_retrievers,
)
from core.stores import Stores
from core.tenancy import Scope
from core.web.bodies import Body
from core.web.callers import DeleteScope, ReadScope, WriteScope
from functions.api.deps import Answer, PagingOf, Router, StoresOf, either, given
from functions.api.listing import ListBody, SortsBody

scoped = Router(prefix="/retrievers", tags=["retrievers"])
SEARCHED = ("retriever_name", "retriever_id", "description")
Visibility = Literal["private", "public", "marketplace"]
Name = Annotated[str, Field(min_length=1)]


class BudgetLimits(Body):
    """BudgetLimits: kept and shown; nothing here costs credits."""

    max_credits: float | None = Field(None, ge=0)
    max_time_ms: int | None = Field(None, ge=0)


class CreateRetriever(Body):
    """CreateRetrieverRequest."""

    retriever_name: Name | None = None
    name: Name | None = None
    description: str | None = None
    visibility: Visibility = "private"
    requires_subscription: Literal[False] = False  # the official client always sends it
    collection_identifiers: list[str] | None = None
    collection_ids: list[str] | None = None
    stages: Annotated[list[dict[str, Any]], Field(min_length=1)]
    input_schema: dict[str, dict[str, Any]] = {}
    budget_limits: BudgetLimits = BudgetLimits()
    tags: list[str] = []


class ChangeRetriever(Body):
    """PatchRetrieverRequest."""

    retriever_name: Name | None = None
    description: str | None = None
    visibility: Visibility | None = None
    tags: list[str] | None = None


@scoped.post("")
def create(stores: StoresOf, scope: WriteScope, body: CreateRetriever) -> Answer:
    named = body.collection_identifiers is not None or body.collection_ids is not None
    names = ("collection_identifiers", "collection_ids")
    collections = either(body.collection_identifiers, body.collection_ids, *names) if named else []
    retriever = create_retriever(
        stores,
        scope,
        either(body.retriever_name, body.name, "retriever_name", "name"),
        body.stages,
        collections,
        description=body.description,
        visibility=body.visibility,
        input_schema=body.input_schema,
        budget_limits=given(body.budget_limits),
        tags=body.tags,
    )
    return Answer(wrapped(retriever))


@scoped.get("")
def list_get(
    stores: StoresOf,
    scope: ReadScope,
    limit: Annotated[int, Query(ge=1, le=1000)] = 10,
    offset: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
    cursor: Annotated[str | None, Query()] = None,
) -> Answer:
    return Answer(listed(stores, scope, ListBody(), Paging(limit, offset, cursor)))


@scoped.post("/list")
def list_post(stores: StoresOf, scope: ReadScope, paging: PagingOf, body: SortsBody | None = None) -> Answer:
    return Answer(listed(stores, scope, body or SortsBody(), paging))


@scoped.get("/{retriever_id}")
def get(stores: StoresOf, scope: ReadScope, retriever_id: str) -> Answer:
    return Answer(shown(find_retriever(stores, scope, retriever_id)))


@scoped.patch("/{retriever_id}")
def change(stores: StoresOf, scope: WriteScope, retriever_id: str, body: ChangeRetriever) -> Answer:
    retriever = find_retriever(stores, scope, retriever_id)
    return Answer(wrapped(change_retriever(stores, scope, retriever, **given(body))))


@scoped.delete("/{retriever_id}")
def delete(stores: StoresOf, scope: DeleteScope, retriever_id: str) -> Answer:
    delete_retriever(stores, scope, find_retriever(stores, scope, retriever_id))
    return Answer({"success": True, "message": "Retriever deleted.", "task_id": None})


def shown(retriever: Retriever) -> dict[str, Any]:
    """RetrieverModel."""
    addresses = [a for a in map(address, retriever.feature_uris) if a]
    return retriever.body() | {"feature_dependencies": addresses, "is_published": False}


def wrapped(retriever: Retriever) -> dict[str, Any]:
    """CreateRetrieverResponse and PatchRetrieverResponse: both places where clients look for the id."""
    return {"retriever": shown(retriever), "retriever_id": retriever.retriever_id}


def listed(stores: Stores, scope: Scope, body: ListBody, query: Paging) -> dict[str, Any]:
    """ListRetrieversResponse."""
    found = map(shown, list_retrievers(stores, scope))
    page, pagination = page_of(found, body.page(query), body.selection, SEARCHED)
    return {"results": page, "total": pagination["total"], "pagination": pagination}
