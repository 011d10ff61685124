"""Strictness of S3 that MiniStack lacks: a URL that is signed for later, and a body that breaks off, take nothing."""

from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

SKEW = timedelta(minutes=15)
"""How far clocks may be apart."""

EARLY = b"<Error><Code>AccessDenied</Code><Message>Request is not yet valid</Message></Error>"


class BrokenOff(Exception):
    """The client went away before all of the body had come."""


class Strict:
    """ASGI middleware around the emulator."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif is_early(scope["query_string"]):
            headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(EARLY)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": EARLY})
        else:
            try:
                await self._app(scope, whole(receive), send)
            except BrokenOff:
                return


def is_early(query: bytes) -> bool:
    """Whether a presigned URL's time of signing lies ahead."""
    if b"X-Amz-Signature=" not in query or b"X-Amz-Date=" not in query:
        return False
    try:
        signed = datetime.strptime(parse_qs(query.decode("latin-1"))["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ")
    except (KeyError, ValueError):
        return False
    return signed.replace(tzinfo=UTC) > datetime.now(UTC) + SKEW


def whole(receive: Receive) -> Receive:
    """`receive`, which fails where the client is gone before the body's end."""
    ended = False

    async def checked() -> Message:
        nonlocal ended
        message = await receive()
        if message["type"] == "http.disconnect" and not ended:
            raise BrokenOff
        ended = ended or not message.get("more_body", False)
        return message

    return checked
