"""Request bodies: bounded while they are read, plain JSON, strict models, and the hash of what was asked."""

import hashlib
from collections.abc import AsyncGenerator
from typing import Any, BinaryIO

from fastapi import Request
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope

from core.incoming import parse_json

MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_FORM_BYTES = 512 * 1024 * 1024  # a plugin's archive, which goes to disk as it comes


class Body(BaseModel):
    """A request's body: types are strict, and a field that is not declared is refused by its name."""

    model_config = ConfigDict(extra="forbid", strict=True)


class OpenBody(BaseModel):
    """A body of a contract schema with `additionalProperties: true`: undeclared fields are in `model_extra`."""

    model_config = ConfigDict(extra="allow", strict=True)


class CheckedRequest(Request):
    """A request of which only so much is read, and whose JSON is what `core.incoming` says.

    `is_form` where its route takes a form and it sends one: files go to disk as they come.
    """

    def __init__(self, scope: Scope, receive: Receive, *, takes_form: bool) -> None:
        super().__init__(scope, receive)
        self.is_form = takes_form and self.headers.get("content-type", "").startswith("multipart/")
        self.max_bytes = MAX_FORM_BYTES if self.is_form else MAX_BODY_BYTES

    async def stream(self) -> AsyncGenerator[bytes, None]:
        length = 0
        async for chunk in super().stream():
            length += len(chunk)
            if length > self.max_bytes:
                raise HTTPException(413, f"The body has more than {self.max_bytes} bytes. Send it in parts.")
            yield chunk

    async def json(self) -> Any:
        return parse_json(await self.body())


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
