"""Error → HTTP answer, in the one envelope of `core/http.py`; what nobody foresaw is logged and told as a 500."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from core.errors import InvalidRequest
from core.http import answer_to, envelope
from core.invalid_fields import invalid_fields
from core.request_log import route_of
from functions.api.deps import Answer
from plugin_sdk.errors import PlatformError

log = logging.getLogger(__name__)


def answer_errors(app: FastAPI) -> None:
    """Let `app` answer every error in the envelope."""

    @app.exception_handler(PlatformError)
    async def known(request: Request, error: PlatformError) -> Answer:
        status, body, headers = answer_to(error)
        if status >= 500:
            log.error("request failed", extra={"route": route_of(request.scope), "code": error.code}, exc_info=error)
        return Answer(body, status, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Answer:
        if isinstance(error.body, bytes):  # it was left unparsed, for its type is not JSON's
            told = request.headers.get("content-type")
            wrong = InvalidRequest(
                f"The body's type is {told!r}.", "Send Content-Type: application/json.", "Content-Type"
            )
            return Answer(answer_to(wrong)[1], 422)
        return Answer(invalid_fields(error.errors()), 422)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Answer:
        if isinstance(error.__cause__, PlatformError):  # raised while the body was read
            return await known(request, error.__cause__)
        message = f"There is nothing at {request.url.path}." if error.status_code == 404 else str(error.detail)
        if error.status_code == 405:
            message = f"{request.method} is not possible at {request.url.path}."
        return Answer(envelope(error.status_code, message), error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Answer:
        log.error("request failed", extra={"route": route_of(request.scope)}, exc_info=error)
        return Answer(envelope(500, "Something went wrong on our side."), 500)
