"""Narrowing: what a key that is limited to single buckets, collections or retrievers may do with the request at hand.

Such a scope holds for the routes that have its resource in their path: there the key is as one that is limited to the
namespace. Everywhere else, where a body might name any resource, the scope gives nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.buckets import find_bucket
from core.collections import find_collection
from core.errors import Forbidden, InvalidRequest, NotFound
from core.namespaces import each_namespace, find_namespace
from core.retrievers import find_retriever
from core.stores import Stores
from core.tenancy import Principal, Resource, Scope

FINDERS: Mapping[str, Any] = {"bucket": find_bucket, "collection": find_collection, "retriever": find_retriever}
PARAMETERS = {"bucket": "bucket_identifier", "collection": "collection_identifier", "retriever": "retriever_id"}
"""What routes call a resource in their paths."""


def narrowed(stores: Stores, principal: Principal, path: Mapping[str, str], x_namespace: str | None) -> Principal:
    """The holder of the key as far as its scopes let it come by this route.

    Args:
        path: the parameters in the route's path.

    Raises:
        Forbidden: its scopes name resources alone, and the route leads to none of them.
    """
    if not principal.resources:
        return principal
    found = [r for r in principal.resources if _leads_to(stores, principal, r, path, x_namespace)]
    if not found and not principal.grants:
        told = ", ".join(f"{r.kind} {r.resource_id}" for r in principal.resources)
        raise Forbidden(f"The API key is limited to {told}.", "Use a key whose scopes hold what this route needs.")
    grants = (*principal.grants, *((r.namespace_id, r.operations) for r in found))
    places = frozenset(place for place, _ in grants)
    return replace(principal, grants=grants, namespaces=None if "" in places else places, resources=())


def resource_of(stores: Stores, principal: Principal, kind: str, resource_id: str, where: str) -> str:
    """The namespace in which the organization has a resource of this id; `where` is the field that names it.

    Raises:
        InvalidRequest: none of its namespaces has one.
    """
    scopes = [principal.scope(namespace.namespace_id) for namespace in each_namespace(stores, principal)]
    by_key = {scope.key(kind): scope.namespace_id for scope in scopes}
    for record in stores.records.get_many([(pk, resource_id) for pk in by_key]):
        return by_key[record.pk]
    raise InvalidRequest(
        f"Your organization has no {kind} of the id {resource_id!r}.",
        f"Give the id that the {kind} was created with, not its name.",
        where,
    )


def _leads_to(
    stores: Stores, principal: Principal, resource: Resource, path: Mapping[str, str], x_namespace: str | None
) -> bool:
    name = path.get(PARAMETERS[resource.kind])
    place = path.get("namespace_id") or x_namespace
    anywhere = replace(principal, namespaces=None)
    try:
        if not name or not place or find_namespace(stores, anywhere, place).namespace_id != resource.namespace_id:
            return False
        meant = FINDERS[resource.kind](stores, Scope(principal.org_id, resource.namespace_id), name)
    except NotFound:
        return False
    return bool(getattr(meant, f"{resource.kind}_id") == resource.resource_id)
