"""S3 event, through SQS → the uploaded file becomes an object; and, delayed, the objects that came become a batch."""

import json
import logging
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

from core import log as logs
from core.arrivals import gather, register_file
from core.settings import Settings
from core.stores import Stores
from core.stores.blobs import BlobRef

log = logging.getLogger(__name__)


@cache  # opened at a container's first event, kept for the ones after it
def stores() -> Stores:
    """Stores by this function's settings."""
    logs.configure()
    return Stores.open(Settings())


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """A file that can't be used is told on its upload; a message that could not be handled is named, and comes again."""
    opened, failed = stores(), []
    for message in event["Records"]:
        with logs.context(request_id=message["messageId"]):
            try:
                take(opened, json.loads(message["body"]))
            except Exception:  # the other messages must not come again for this one
                log.exception("upload failed")
                failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def take(opened: Stores, message: dict[str, Any]) -> None:
    """Do what one message asks for; S3's test event asks for nothing."""
    if message.get("job") == "gather":
        gather(opened, message)
        return
    for record in message.get("Records", ()):
        s3 = record["s3"]
        register_file(opened, BlobRef(s3["bucket"]["name"], unquote_plus(s3["object"]["key"])))
