"""What the data routes have of their own: JSON answers, and errors in the one envelope."""

import logging
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from batch.serving.answers import error_answer
from core.http import envelope
from core.invalid_fields import invalid_fields
from core.request_log import route_of
from plugin_sdk.errors import PlatformError

log = logging.getLogger(__name__)


class Json(Response):
    """A JSON answer; times are written with their zone."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


def answer_errors(app: FastAPI) -> None:
    """Let `app` answer every error in the envelope."""

    @app.exception_handler(PlatformError)
    async def known(request: Request, error: PlatformError) -> Response:
        status, body, headers = error_answer(error)
        if status >= 500:
            log.error("request failed", extra={"route": route_of(request.scope), "code": error.code}, exc_info=error)
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
        log.error("request failed", extra={"route": route_of(request.scope)}, exc_info=error)
        return Json(envelope(500, "Something went wrong on our side."), 500)
