"""What control routes ask for beside a caller and a body: the stores, paging, and a namespace if one is named."""

import re
from collections.abc import MutableMapping, Sequence
from copy import copy
from typing import Annotated, Any, Self, TypeVar

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel
from starlette._utils import get_route_path
from starlette.routing import Match

from core.errors import InvalidRequest
from core.paging import Paging
from core.stores import Stores
from core.tenancy import Principal, Scope
from core.web.callers import NamespaceHeader, Reader, organization_with, scope_of
from core.web.routes import CheckedRoute

T = TypeVar("T")


class Router(APIRouter):
    """A router of such routes, which are tried one by one only where one of them fits."""

    def __init__(self, prefix: str = "", tags: Sequence[str] = ()) -> None:
        super().__init__(prefix=prefix, tags=list(tags), route_class=CheckedRoute)
        self._any: re.Pattern[str] | None = None

    def below(self, prefix: str) -> Self:
        """The router as it is included there, once it has all its routes."""
        included = copy(self)
        paths = {
            re.sub(r"{\w+}", "[^/]+", prefix + path) for route in self.routes if (path := getattr(route, "path", ""))
        }
        included._any = re.compile("|".join(sorted(paths)))
        return included

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        """Most routers are passed over so, for a tenth of the price of their routes' own regular expressions."""
        if self._any is None or self._any.fullmatch(get_route_path(scope)):
            return super().matches(scope)
        return Match.NONE, {}


class Answer(Response):
    """A JSON answer, as `core` made it; None is no body."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return b"" if content is None else orjson.dumps(content)


async def stores_of(request: Request) -> Stores:
    """The process's stores."""
    stores: Stores = request.app.state.stores
    return stores


async def named_scope_of(
    request: Request,
    principal: Reader,
    x_namespace: NamespaceHeader = None,
) -> Scope | None:
    """The namespace that the request names, if it names one."""
    named = request.path_params.get("namespace_id") or x_namespace
    return await scope_of(request, principal, x_namespace) if named else None


async def paging_of(
    limit: Annotated[int | None, Query(ge=1, le=1000)] = None,
    offset: Annotated[int | None, Query(ge=0, le=10000)] = None,
    cursor: Annotated[str | None, Query()] = None,
    include_total: Annotated[bool, Query()] = False,
) -> Paging:
    """Paging from the query string, 10 a page unless asked."""
    return Paging(limit or 10, offset or 0, cursor, include_total)


StoresOf = Annotated[Stores, Depends(stores_of)]
OrganizationReader = Annotated[Principal, Depends(organization_with("read"))]
OrganizationWriter = Annotated[Principal, Depends(organization_with("write"))]
OrganizationDeleter = Annotated[Principal, Depends(organization_with("delete"))]
Admin = Annotated[Principal, Depends(organization_with("admin"))]
NamedScope = Annotated[Scope | None, Depends(named_scope_of)]
PagingOf = Annotated[Paging, Depends(paging_of)]


def either(first: T | None, second: T | None, name: str, alias: str) -> T:
    """The one of two spellings that was given.

    Raises:
        InvalidRequest: neither was, or both and they differ.
    """
    if first is not None and second is not None and first != second:
        raise InvalidRequest(f"{name} and {alias} differ.", f"Give {name} alone.", name)
    value = first if first is not None else second
    if value is None:
        raise InvalidRequest(f"{name}: the field is required.", f"Add {name!r} to the body.", name)
    return value


def given(body: BaseModel, without: Sequence[str] = ()) -> dict[str, Any]:
    """The fields that the request set to something other than null, as plain data."""
    fields = body.model_dump(exclude_unset=True, mode="json")
    return {k: v for k, v in fields.items() if v is not None and k not in without}
