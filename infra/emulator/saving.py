"""The emulator's state, written every few seconds while it changes, so that a crash costs seconds and not everything.

MiniStack itself saves at an orderly end only, and by copying all of its tables, which takes a second at 20,000 records.
Here a state is turned to JSON in one step on the event loop, between two requests: it is whole, and three times as
quick; the file is written beside it.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

log = logging.getLogger("openpeek.emulator")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

EVERY_S = 2.0
SHARE = 0.05
"""Part of the time that saving may take: a large state is saved less often."""

SERVICES = (
    "s3",
    "dynamodb",
    "sqs",
    "lambda",
    "cloudformation",
    "apigateway",
    "iam",
    "kms",
    "secretsmanager",
    "eventbridge",
)
SIGNED_FOR = re.compile(rb"Credential=[^/]+/\d+/[^/]+/([a-z0-9-]+)/aws4_request")
READS = re.compile(rb"DynamoDB_\d+\.(Get|BatchGet|Query|Scan|Describe|List|TransactGet)|AmazonSQS\.(Get|List)")
LIVE = {
    "dynamodb": [
        "tables",
        "tags",
        "ttl_settings",
        "pitr_settings",
        "kinesis_destinations",
        "contributor_insights",
        "backups",
        "resource_policies",
        "exports",
        "imports",
    ],
    "sqs": ["queues", "queue_name_to_url"],
}
"""Services whose state is written without MiniStack's copy: the names in their `get_state`."""


class Saved:
    """MiniStack's application, with what each request changed written to disk soon after it."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._changed: dict[str, float] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        await self._app(scope, receive, send)
        if scope["type"] == "http":
            self._note(scope)

    def _note(self, scope: Message) -> None:
        if scope["method"] in ("GET", "HEAD"):
            return
        headers = dict(scope["headers"])
        if READS.search(headers.get(b"x-amz-target", b"")):
            return
        signed = SIGNED_FOR.search(headers.get(b"authorization", b""))
        service = signed[1].decode() if signed else "s3"  # what comes unsigned is a PUT to a presigned URL
        for changed in SERVICES if service in ("cloudformation", "lambda") else (service, "sqs"):
            self._changed[changed] = time.monotonic()

    async def _lifespan(self, scope: Message, receive: Receive, send: Send) -> None:
        saving: asyncio.Task[None] | None = None

        async def watched(message: Message) -> None:
            nonlocal saving
            if message["type"] == "lifespan.startup.complete":  # not before: it would save an empty state over ours
                preload()
                saving = asyncio.create_task(self._save_as_it_changes())
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            if saving:
                saving.cancel()

    async def _save_as_it_changes(self) -> None:
        pause_s = EVERY_S
        while True:
            await asyncio.sleep(pause_s)
            started = time.monotonic()
            for service in [s for s in SERVICES if s in self._changed]:
                # A queue also changes by what Lambdas take from it, shortly after the request: saved once more.
                if time.monotonic() - self._changed[service] > 2 * pause_s:
                    del self._changed[service]
                try:
                    await save(service)
                except Exception:  # the next turn tries again
                    log.exception("could not save the state of %s", service)
            pause_s = max(EVERY_S, (time.monotonic() - started) / SHARE)


def preload() -> None:
    """Load the services that OpenPeek uses, and with them what they saved."""
    from ministack import app

    for service in SERVICES:
        app._get_module(app._state_map[service])


async def save(service: str) -> None:
    """Write one service's state as it is now; a reader of the file sees the old one or the new one."""
    from ministack import app

    text = state_text(service, app._get_module(app._state_map[service]))
    await asyncio.to_thread(replace_file, state_file(service), text)


def save_all(services: dict[str, Callable[[], Any]]) -> None:
    """MiniStack's last act at an orderly end, in our quicker way; what can't be saved is told and left as it was."""
    from ministack import app

    for service in services:
        try:
            replace_file(state_file(service), state_text(service, app._get_module(app._state_map[service])))
        except Exception:  # one service's state must not cost the others theirs
            log.exception("could not save the state of %s", service)


def state_text(service: str, module: Any) -> str:
    """What MiniStack reads at its next start."""
    from ministack.core import persistence

    state = {n: getattr(module, f"_{n}") for n in LIVE[service]} if service in LIVE else module.get_state()
    wrapped = {"__ministack_format__": persistence._state_format_version(service), "payload": state}
    return json.dumps(wrapped, default=persistence._json_default)


def state_file(service: str) -> Path:
    """Where MiniStack looks for it."""
    from ministack.core import persistence

    return Path(persistence.STATE_DIR) / f"{service}.json"


def replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".saving")
    beside.write_text(text)
    beside.replace(path)
