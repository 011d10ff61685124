"""Routes: every request is checked before its body is read, and one with an Idempotency-Key is answered once."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.params import Form
from fastapi.routing import APIRoute

from core import access, idempotency
from core.idempotency import Answered, Attempt
from core.incoming import check_headers, check_query
from core.web.bodies import CheckedRequest, digest_of
from core.web.callers import principal_of

Answering = Callable[[Request], Coroutine[Any, Any, Response]]


READS = ("/list", "/execute", "/documents/search", "/inference", "/realtime/test")
"""Ends of the paths of POSTs that change nothing: done again, they are as good as answered again, and newer."""


class CheckedRoute(APIRoute):
    """A route that reads its body so; `answers_once` says which of them heed an Idempotency-Key."""

    def answers_once(self) -> bool:
        """Whether the route makes something that must not be made twice."""
        return "POST" in (self.methods or ()) and not self.path.endswith(READS)

    def get_route_handler(self) -> Answering:
        answer = super().get_route_handler()
        once, secret = self.answers_once(), "api-keys" in self.tags
        known = _query_of(self.dependant)
        takes_form = self.body_field is not None and isinstance(self.body_field.field_info, Form)

        async def answer_checked(request: Request) -> Response:
            checked = CheckedRequest(request.scope, request.receive, takes_form=takes_form)
            check_headers(request.scope["headers"], checked.max_bytes)
            check_query(request.scope["query_string"], known)
            key = request.headers.get(idempotency.HEADER) if once else None
            if key is not None:
                return await answer_once(checked, key, answer, secret=secret)
            if checked.is_form:
                await principal_of(checked)  # before all of the form is read
            return await answer(checked)

        return answer_checked


def _query_of(dependant: Dependant) -> frozenset[str]:
    """The query parameters of a route, and of what it depends on."""
    own = frozenset(field.alias for field in dependant.query_params)
    return own.union(*(_query_of(inner) for inner in dependant.dependencies))


async def answer_once(request: CheckedRequest, key: str, answer: Answering, *, secret: bool) -> Response:
    """The answer to this request or, if it came before with the same key, what was answered then."""
    principal = await principal_of(request)
    access.require(principal, "write")
    place = (request.method, request.url.path, request.headers.get("x-namespace", ""))

    async def work() -> Answered:
        response = await answer(request)
        return Answered(response.status_code, bytes(response.body))

    try:
        attempt = Attempt.of(principal, "\n".join(place), key, await digest_of(request))
        told = await idempotency.once(request.app.state.stores, attempt, work, secret=secret)
    finally:
        await request.close()  # the files of its form, which nothing else closes where no work is done
    headers = {"Idempotency-Replayed": "true"} if told.again else None
    return Response(told.body, told.status, headers, "application/json")
