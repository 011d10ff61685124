"""Routes of namespaces."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from core import access
from core.namespaces import (
    MAX_TTL_S,
    Namespace,
    change_namespace,
    check_extractors,
    create_namespace,
    each_namespace,
    find_namespace,
    with_ids,
)
from core.operations import allow
from core.paging import Paging, Selection, page_of
from core.removal import remove_namespace
from core.stores import Stores
from core.tenancy import Principal
from core.web.bodies import Body
from core.web.callers import Deleter, Reader, Writer
from functions.api.deps import Answer, OrganizationWriter, PagingOf, Router, StoresOf, either, given
from functions.api.listing import ListBody

router = Router(prefix="/namespaces", tags=["namespaces"])
SEARCHED = ("namespace_name", "namespace_id", "description")
Ttl = Annotated[
    int | None, Field(ge=1, le=MAX_TTL_S, description="Seconds until it is deleted with all that it holds.")
]


class Extractor(Body):
    """A feature extractor that the namespace may use."""

    feature_extractor_name: str
    version: str
    params: dict[str, Any] | None = None


class PayloadIndex(Body):
    """A field of documents that is filtered by."""

    field_name: str
    type: Literal["integer", "float", "bool", "keyword", "text", "geo", "datetime", "uuid"]
    field_schema: dict[str, Any] | None = None
    is_protected: bool = False


class CreateNamespace(Body):
    """CreateNamespaceRequest."""

    namespace_name: str | None = None
    name: str | None = None
    namespace_type: Literal["standard", "marketplace"] | None = None
    description: str | None = None
    feature_extractors: list[Extractor] = []
    payload_indexes: list[PayloadIndex] | None = None
    auto_create_indexes: bool | None = None
    ttl_seconds: Ttl = None


class ChangeNamespace(Body):
    """PatchNamespaceRequest and UpdateNamespaceRequest."""

    namespace_name: str | None = None
    description: str | None = None
    payload_indexes: list[PayloadIndex] | None = None
    auto_create_indexes: bool | None = None
    ttl_seconds: Ttl = None


@router.post("")
def create(stores: StoresOf, caller: OrganizationWriter, body: CreateNamespace) -> Answer:
    name = either(body.namespace_name, body.name, "namespace_name", "name")
    fields = given(body, without=("namespace_name", "name"))
    check_extractors(fields.get("feature_extractors", []))
    return Answer(shown(create_namespace(stores, caller, name, **fields)))


@router.get("")
def list_get(
    stores: StoresOf,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=1000)] = 10,
    offset: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
    cursor: Annotated[str | None, Query()] = None,
) -> Answer:
    return Answer(listed(stores, caller, Selection(), Paging(limit, offset, cursor)))


@router.post("/list")
def list_post(stores: StoresOf, caller: Reader, paging: PagingOf, body: ListBody | None = None) -> Answer:
    body = body or ListBody()
    return Answer(listed(stores, caller, body.selection, body.page(paging)))


@router.get("/{namespace_identifier}")
def get(stores: StoresOf, caller: Reader, namespace_identifier: str) -> Answer:
    return Answer(shown(find_namespace(stores, caller, namespace_identifier)))


@router.patch("/{namespace_identifier}")
@router.put("/{namespace_identifier}")
def change(stores: StoresOf, caller: Writer, namespace_identifier: str, body: ChangeNamespace) -> Answer:
    namespace = find_namespace(stores, caller, namespace_identifier)
    allow(caller, namespace.namespace_id, "modify_infrastructure")
    fields = given(body)
    if "ttl_seconds" in body.model_fields_set:  # null says that it stays
        fields["ttl_seconds"] = body.ttl_seconds
    changed = change_namespace(stores, caller, namespace, **fields)
    access.forget_namespace(stores, caller.scope(namespace.namespace_id))
    return Answer(shown(changed))


@router.delete("/{namespace_identifier}")
def delete(stores: StoresOf, caller: Deleter, namespace_identifier: str, force: bool = False) -> Answer:
    """The namespace goes with all that it holds, for nothing in it can outlive it; with `force` work under way too."""
    namespace = find_namespace(stores, caller, namespace_identifier)
    allow(caller, namespace.namespace_id, "modify_infrastructure")
    task = remove_namespace(stores, caller, namespace, force=force)
    access.forget_namespace(stores, caller.scope(namespace.namespace_id))
    told = {"success": True, "message": f"Namespace {namespace.namespace_name!r} was deleted; what it held follows."}
    return Answer(told | {"task_id": task.task_id, "status": task.status})


def shown(namespace: Namespace) -> dict[str, Any]:
    """NamespaceModel."""
    return namespace.body() | {"feature_extractors": with_ids(namespace.feature_extractors)}


def listed(stores: Stores, caller: Principal, selection: Selection, paging: Paging) -> dict[str, Any]:
    """ListNamespacesResponse."""
    page, pagination = page_of(map(shown, each_namespace(stores, caller)), paging, selection, SEARCHED)
    return {"results": page, "pagination": pagination, "total_count": pagination["total"]}
