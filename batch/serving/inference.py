"""Inference: `POST /inference/{deployment_name}`, bare ASGI, from the bytes of the request to those of the answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import Future
from typing import Any

import orjson

from batch.serving.answers import Answer, as_inference_error, encoded, error_answer
from batch.serving.endpoints import Endpoints, NotRunning, why_not_running
from core import access
from core.errors import InferenceTimeout, InvalidRequest, NotFound, TooLarge
from core.http import envelope
from core.incoming import check_headers, check_query, parse_json
from core.narrowing import narrowed
from core.operations import allow, operation_of
from core.stores import Stores
from core.tenancy import Principal
from plugin_sdk.errors import PlatformError

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 32 * 1024 * 1024
PREFIX = "/inference/"
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Inference:
    """Calls of deployed handlers: over HTTP here, and by name for the routes that wrap them."""

    def __init__(self, stores: Stores, endpoints: Endpoints, timeout_s: float) -> None:
        self._stores, self._endpoints, self._timeout_s = stores, endpoints, timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, body, headers = await self._answer(scope, receive)
        await send({"type": "http.response.start", "status": status, "headers": _encoded_headers(body, headers)})
        await send({"type": "http.response.body", "body": body})

    async def call(self, principal: Principal, name: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What the deployment's handler answers.

        Raises:
            NotFound: the key's organization has no such deployment that should run, or the key may not use it.
            ServingUnavailable: it can't take the request now.
            InferenceTimeout: no answer in time.
            InferenceFailed: the handler raised, or its host ended.
        """
        endpoint = self._endpoints.running(principal.org_id, name)
        namespace_id = endpoint.deployment.namespace_id if endpoint else None
        if principal.namespaces is not None and namespace_id not in principal.namespaces:
            raise NotFound(f"There is no realtime deployment {name!r}.", "Deploy the plugin, or use another key.")
        allow(principal, namespace_id or "", operation_of("POST", "/inference"))
        try:
            future = self._endpoints.submit(principal.org_id, name, payload)
        except NotRunning:
            raise await asyncio.to_thread(why_not_running, self._stores, principal.org_id, name) from None
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._timeout_s)
        except TimeoutError as error:
            raise late(name, self._timeout_s) from error
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            raise as_inference_error(error) from error

    def call_blocking(self, org_id: str, name: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """`call`, for a thread of the platform itself."""
        try:
            future: Future[dict[str, Any]] = self._endpoints.submit(org_id, name, payload)
        except NotRunning:
            raise NotFound(f"Nothing answers as {name!r} here.", "Deploy the plugin.") from None
        try:
            return future.result(self._timeout_s)
        except TimeoutError as error:
            future.cancel()
            raise late(name, self._timeout_s) from error
        except Exception as error:
            raise as_inference_error(error) from error

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        try:
            if scope["method"] != "POST":
                refused = envelope(405, f"{scope['method']} is not possible here. Send a POST.")
                return 405, orjson.dumps(refused), {"Allow": "POST"}
            check_headers(scope["headers"], MAX_BODY_BYTES)
            check_query(scope.get("query_string", b""), frozenset())
            principal = await self._principal(scope)
            payload = parsed(await body_of(receive))
            name = scope["path"][len(PREFIX) :].rstrip("/")
            return 200, encoded(await self.call(principal, name, payload)), {}
        except PlatformError as error:
            return error_answer(error)
        except Exception as error:
            log.exception("inference request failed")
            return error_answer(error)

    async def _principal(self, scope: Scope) -> Principal:
        headers = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        principal = access.remembered(self._stores, headers)
        if principal is None:
            principal = await asyncio.to_thread(access.authenticate, self._stores, headers)
        principal = narrowed(self._stores, principal, {}, None)
        access.require(principal, "read")
        return principal


def late(name: str, timeout_s: float) -> InferenceTimeout:
    """The error for an answer that did not come in time."""
    return InferenceTimeout(
        f"The deployment {name!r} gave no answer within {timeout_s:g} s.",
        "Send less at once; an operator can raise OPENPEEK_INFERENCE_TIMEOUT_S.",
    )


async def body_of(receive: Receive) -> bytes:
    """The request's body.

    Raises:
        TooLarge: it is over the limit.
        InvalidRequest: the client went away.
    """
    message = await receive()
    if not message.get("more_body"):
        whole: bytes = message.get("body", b"")
        _check_size(len(whole))
        return whole
    chunks, size = [message.get("body", b"")], len(message.get("body", b""))
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("The body ended early.", "Send it whole.")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        _check_size(size)
    return b"".join(chunks)


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object that a body holds.

    Raises:
        InvalidRequest: it holds something else.
    """
    payload = parse_json(body)
    if not isinstance(payload, dict):
        raise InvalidRequest("The body is JSON, but no object.", 'Send an object, e.g. {"text": "hello"}.')
    return payload


def _check_size(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise TooLarge(f"The body is larger than {MAX_BODY_BYTES} bytes.", "Send less at once, or a URL.")


def _encoded_headers(body: bytes, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return fixed + [(k.lower().encode(), v.encode()) for k, v in headers.items()]
