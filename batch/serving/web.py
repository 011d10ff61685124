"""What the data routes ask for: who calls, the namespace that is meant, strict bodies, and errors in the one envelope."""

import hashlib
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Annotated, Any

import orjson
from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from batch.serving.answers import error_answer
from core import access, idempotency
from core.errors import InvalidRequest
from core.http import envelope, invalid_fields
from core.idempotency import Answered, Attempt
from core.incoming import check_headers, check_query, parse_json
from core.operations import allow, operation_of
from core.stores import Stores
from core.tenancy import Principal, Scope
from plugin_sdk.errors import PlatformError

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 32 * 1024 * 1024


class Body(BaseModel):
    """A request's body: types are strict, and a field that is not declared is refused by its name."""

    model_config = ConfigDict(extra="forbid", strict=True)


class OpenBody(BaseModel):
    """A body of a contract schema with `additionalProperties: true`: undeclared fields are in `model_extra`."""

    model_config = ConfigDict(extra="allow", strict=True)


class CheckedRequest(Request):
    """A request of which only so much is read, and whose JSON is what `core.incoming` says."""

    async def stream(self) -> AsyncGenerator[bytes, None]:
        length = 0
        async for chunk in super().stream():
            length += len(chunk)
            if length > MAX_BODY_BYTES:
                raise HTTPException(413, f"The body has more than {MAX_BODY_BYTES} bytes. Send it in parts.")
            yield chunk

    async def json(self) -> Any:
        return parse_json(await self.body())


class Route(APIRoute):
    """A route that reads its body so, and that answers a creating POST with an Idempotency-Key once."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        changes = "POST" in (self.methods or ()) and self.path.endswith(("/documents", "/documents/batch"))

        async def answer_checked(request: Request) -> Response:
            check_headers(request.scope["headers"], MAX_BODY_BYTES)
            check_query(request.scope["query_string"])
            checked = CheckedRequest(request.scope, request.receive)
            key = request.headers.get(idempotency.HEADER) if changes else None
            return await answer(checked) if key is None else await answer_once(checked, key, answer)

        return answer_checked


async def answer_once(
    request: Request, key: str, answer: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    """The answer to this request or, if it came before with the same key, what was answered then."""
    principal = await principal_of(request)
    access.require(principal, "write")
    place = "\n".join((request.method, request.url.path, request.headers.get("x-namespace", "")))
    digest = hashlib.sha256(request.scope["query_string"] + b"\n" + await request.body()).hexdigest()

    async def work() -> Answered:
        response = await answer(request)
        return Answered(response.status_code, bytes(response.body))

    told = await idempotency.once(request.app.state.stores, Attempt.of(principal, place, key, digest), work)
    headers = {"Idempotency-Replayed": "true"} if told.again else None
    return Response(told.body, told.status, headers, "application/json")


class Json(Response):
    """A JSON answer; times are written with their zone."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


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


def _principal_with(permission: str) -> Callable[..., Coroutine[Any, Any, Principal]]:
    async def allowed(request: Request, principal: Annotated[Principal, Depends(principal_of)]) -> Principal:
        access.require(principal, permission)
        allow(principal, "*", operation_of(request.method, request.url.path))
        return principal

    return allowed


def _scope_with(permission: str) -> Callable[..., Coroutine[Any, Any, Scope]]:
    async def allowed(
        request: Request,
        principal: Annotated[Principal, Depends(_principal_with(permission))],
        x_namespace: Annotated[str | None, Header(description="The namespace's id or name.")] = None,
    ) -> Scope:
        stores: Stores = request.app.state.stores
        identifier = request.path_params.get("namespace_id") or x_namespace
        if not identifier:
            raise InvalidRequest(
                "The request names no namespace.",
                "Send the header X-Namespace with its id or name, or use /v1/namespaces/{namespace_id}/….",
                "X-Namespace",
            )
        scope = access.scope_remembered(stores, principal, identifier)
        if scope is None:
            scope = await run_in_threadpool(access.namespace_scope, stores, principal, identifier)
        allow(principal, scope.namespace_id, operation_of(request.method, request.url.path))
        return scope

    return allowed


Reader = Annotated[Principal, Depends(_principal_with("read"))]
ReadScope = Annotated[Scope, Depends(_scope_with("read"))]
WriteScope = Annotated[Scope, Depends(_scope_with("write"))]
DeleteScope = Annotated[Scope, Depends(_scope_with("delete"))]


def answer_errors(app: FastAPI) -> None:
    """Let `app` answer every error in the envelope."""

    @app.exception_handler(PlatformError)
    async def known(request: Request, error: PlatformError) -> Response:
        status, body, headers = error_answer(error)
        if status >= 500:
            log.error("request failed", extra={"path": request.url.path, "code": error.code}, exc_info=error)
        return Response(body, status, headers, "application/json")

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Json:
        return Json(invalid_fields(error.errors()), 422)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, PlatformError):  # raised while the body was read
            return await known(request, error.__cause__)
        message = f"There is nothing at {request.url.path}." if error.status_code == 404 else str(error.detail)
        if error.status_code == 405:
            message = f"{request.method} is not possible at {request.url.path}."
        return Json(envelope(error.status_code, message), error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Json:
        log.error("request failed", extra={"path": request.url.path}, exc_info=error)
        return Json(envelope(500, "Something went wrong on our side."), 500)
