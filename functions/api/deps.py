"""What routes ask for: the stores, who calls, the namespace that is meant, paging, and strict bodies."""

import hashlib
import re
from collections.abc import AsyncGenerator, Callable, Coroutine, MutableMapping, Sequence
from copy import copy
from typing import Annotated, Any, BinaryIO, Self, TypeVar

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.routing import Match, get_route_path

from core import access, idempotency
from core.errors import InvalidRequest
from core.idempotency import Answered, Attempt
from core.incoming import check_headers, check_query, parse_json
from core.operations import allow, operation_of
from core.paging import Paging
from core.stores import Stores
from core.tenancy import Principal, Scope

T = TypeVar("T")
MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_FORM_BYTES = 512 * 1024 * 1024  # a plugin's archive, which goes to disk as it comes


class Body(BaseModel):
    """A request's body: types are strict, and a field that is not declared is refused by its name."""

    model_config = ConfigDict(extra="forbid", strict=True)


class OpenBody(BaseModel):
    """A body of a contract schema with `additionalProperties: true`: undeclared fields are in `model_extra`."""

    model_config = ConfigDict(extra="allow", strict=True)


class CheckedRequest(Request):
    """A request of which only so much is read, and whose JSON is what `core.incoming` says."""

    @property
    def is_form(self) -> bool:
        """Whether the body is a form with files, which go to disk as they come."""
        return self.headers.get("content-type", "").startswith("multipart/")

    async def stream(self) -> AsyncGenerator[bytes, None]:
        length, limit = 0, MAX_FORM_BYTES if self.is_form else MAX_BODY_BYTES
        async for chunk in super().stream():
            length += len(chunk)
            if length > limit:
                raise HTTPException(413, f"The body has more than {limit} bytes. Send it in parts.")
            yield chunk

    async def json(self) -> Any:
        return parse_json(await self.body())


class Route(APIRoute):
    """A route that reads its body so, and that answers a POST with an Idempotency-Key once."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        changes = "POST" in (self.methods or ()) and not self.path.endswith("/list")
        secret = "api-keys" in self.tags

        async def answer_checked(request: Request) -> Response:
            checked = CheckedRequest(request.scope, request.receive)
            check_headers(request.scope["headers"], MAX_FORM_BYTES if checked.is_form else MAX_BODY_BYTES)
            check_query(request.scope["query_string"])
            key = request.headers.get(idempotency.HEADER) if changes else None
            if key is not None:
                return await answer_once(checked, key, answer, secret=secret)
            if checked.is_form:
                await principal_of(checked)  # before all of the form is read
            return await answer(checked)

        return answer_checked


class Router(APIRouter):
    """A router of such routes, which are tried one by one only where one of them fits."""

    def __init__(self, prefix: str = "", tags: Sequence[str] = ()) -> None:
        super().__init__(prefix=prefix, tags=list(tags), route_class=Route)
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


async def answer_once(
    request: CheckedRequest, key: str, answer: Callable[[Request], Coroutine[Any, Any, Response]], *, secret: bool
) -> Response:
    """The answer to this request or, if it came before with the same key, what was answered then."""
    principal = await principal_of(request)
    access.require(principal, "write")
    place = (request.method, request.url.path, request.headers.get("x-namespace", ""))
    attempt = Attempt.of(principal, "\n".join(place), key, await digest_of(request))

    async def work() -> Answered:
        response = await answer(request)
        return Answered(response.status_code, bytes(response.body))

    told = await idempotency.once(request.app.state.stores, attempt, work, secret=secret)
    headers = {"Idempotency-Replayed": "true"} if told.again else None
    return Response(told.body, told.status, headers, "application/json")


async def digest_of(request: CheckedRequest) -> str:
    """The hash of what a request asks for: of its query and of its body, or of the fields and files of its form."""
    digest = hashlib.sha256(request.scope["query_string"] + b"\n")
    if request.is_form:
        await run_in_threadpool(_add_form, digest, await request.form())
    else:
        digest.update(await request.body())
    return digest.hexdigest()


def _add_form(digest: "hashlib._Hash", form: FormData) -> None:
    for name, value in sorted(form.multi_items(), key=lambda item: item[0]):
        digest.update(f"{name}={'' if isinstance(value, UploadFile) else value}\n".encode())
        if isinstance(value, UploadFile):
            _add_file(digest, value.file)


def _add_file(digest: "hashlib._Hash", file: BinaryIO) -> None:
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    file.seek(0)


async def stores_of(request: Request) -> Stores:
    """The process's stores."""
    stores: Stores = request.app.state.stores
    return stores


async def principal_of(request: Request) -> Principal:
    """The holder of the request's key, found once a request; a store call only when it was not seen for seconds."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is None:
        stores: Stores = request.app.state.stores
        headers = request.headers.getlist("authorization")
        known = access.remembered(stores, headers)
        if known is None:
            known = await run_in_threadpool(access.authenticate, stores, headers)
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
    return (
        known if known is not None else await run_in_threadpool(access.namespace_scope, stores, principal, identifier)
    )


# What follows calls `principal_of` itself: FastAPI takes a tenth of a read's time for each dependency that it solves.


def _principal_with(permission: str) -> Callable[..., Coroutine[Any, Any, Principal]]:
    async def allowed(request: Request) -> Principal:
        principal = await principal_of(request)
        access.require(principal, permission)
        allow(principal, "*", operation_of(request.method, request.url.path))
        return principal

    return allowed


def _organization_with(permission: str) -> Callable[..., Coroutine[Any, Any, Principal]]:
    """For what belongs to the organization as a whole: a key that is limited to namespaces has no part in it."""

    async def allowed(request: Request) -> Principal:
        principal = await principal_of(request)
        access.require(principal, permission)
        access.require_organization(principal)
        allow(principal, "", operation_of(request.method, request.url.path))
        return principal

    return allowed


def _scope_with(permission: str) -> Callable[..., Coroutine[Any, Any, Scope]]:
    async def allowed(
        request: Request,
        x_namespace: Annotated[str | None, Header(description="The namespace's id or name.")] = None,
    ) -> Scope:
        principal = await principal_of(request)
        access.require(principal, permission)
        scope = await scope_of(request, principal, x_namespace)
        allow(principal, scope.namespace_id, operation_of(request.method, request.url.path))
        return scope

    return allowed


async def named_scope_of(
    request: Request,
    principal: Annotated[Principal, Depends(_principal_with("read"))],
    x_namespace: Annotated[str | None, Header(description="The namespace's id or name.")] = None,
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
Caller = Annotated[Principal, Depends(principal_of)]
Reader = Annotated[Principal, Depends(_principal_with("read"))]
Writer = Annotated[Principal, Depends(_principal_with("write"))]
Deleter = Annotated[Principal, Depends(_principal_with("delete"))]
OrganizationReader = Annotated[Principal, Depends(_organization_with("read"))]
OrganizationWriter = Annotated[Principal, Depends(_organization_with("write"))]
OrganizationDeleter = Annotated[Principal, Depends(_organization_with("delete"))]
Admin = Annotated[Principal, Depends(_organization_with("admin"))]
ReadScope = Annotated[Scope, Depends(_scope_with("read"))]
WriteScope = Annotated[Scope, Depends(_scope_with("write"))]
DeleteScope = Annotated[Scope, Depends(_scope_with("delete"))]
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
