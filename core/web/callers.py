"""Callers: whose key a request carries, the namespace that it means, and whether it may do there what it asks for."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from starlette.concurrency import run_in_threadpool

from core import access
from core.errors import InvalidRequest
from core.narrowing import narrowed
from core.operations import allow, operation_of
from core.stores import Stores
from core.tenancy import Principal, Scope

NamespaceHeader = Annotated[str | None, Header(description="The namespace's id or name.")]


async def principal_of(request: Request) -> Principal:
    """The holder of the request's key, found once a request; a store call only when it was not seen for seconds."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is None:
        stores: Stores = request.app.state.stores
        headers = request.headers.getlist("authorization")
        known = access.remembered(stores, headers)
        if known is None:
            known = await run_in_threadpool(access.authenticate, stores, headers)
        if known.resources:
            place = request.headers.get("x-namespace")
            known = await run_in_threadpool(narrowed, stores, known, request.path_params, place)
        request.state.principal = known
    return known


async def scope_of(request: Request, principal: Principal, x_namespace: str | None) -> Scope:
    """The namespace in the path, else in the header."""
    stores: Stores = request.app.state.stores
    identifier = request.path_params.get("namespace_id") or x_namespace
    if not identifier:
        raise InvalidRequest(
            "The request names no namespace.",
            "Send the header X-Namespace with its id or name, or use /v1/namespaces/{namespace_id}/….",
            "X-Namespace",
        )
    known = access.scope_remembered(stores, principal, identifier)
    if known is None:
        known = await run_in_threadpool(access.namespace_scope, stores, principal, identifier)
    return known


# What follows calls `principal_of` itself: FastAPI takes a tenth of a read's time for each dependency that it solves.


def principal_with(permission: str) -> Callable[..., Coroutine[Any, Any, Principal]]:
    """A dependency: the caller, who has this permission."""

    async def allowed(request: Request) -> Principal:
        principal = await principal_of(request)
        access.require(principal, permission)
        allow(principal, "*", operation_of(request.method, request.url.path))
        return principal

    return allowed


def organization_with(permission: str) -> Callable[..., Coroutine[Any, Any, Principal]]:
    """A dependency for what belongs to the organization as a whole: a key limited to namespaces has no part in it."""

    async def allowed(request: Request) -> Principal:
        principal = await principal_of(request)
        access.require(principal, permission)
        access.require_organization(principal)
        allow(principal, "", operation_of(request.method, request.url.path))
        return principal

    return allowed


def scope_with(permission: str) -> Callable[..., Coroutine[Any, Any, Scope]]:
    """A dependency: the namespace that is meant, where the caller has this permission."""

    async def allowed(request: Request, x_namespace: NamespaceHeader = None) -> Scope:
        principal = await principal_of(request)
        access.require(principal, permission)
        scope = await scope_of(request, principal, x_namespace)
        allow(principal, scope.namespace_id, operation_of(request.method, request.url.path))
        return scope

    return allowed


Caller = Annotated[Principal, Depends(principal_of)]
Reader = Annotated[Principal, Depends(principal_with("read"))]
Writer = Annotated[Principal, Depends(principal_with("write"))]
Deleter = Annotated[Principal, Depends(principal_with("delete"))]
ReadScope = Annotated[Scope, Depends(scope_with("read"))]
WriteScope = Annotated[Scope, Depends(scope_with("write"))]
DeleteScope = Annotated[Scope, Depends(scope_with("delete"))]
