"""S3 event, through SQS → security scan of each uploaded plugin archive."""

import json
import logging
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

from core import log as logs
from core.errors import NotFound
from core.scans import scan_upload
from core.settings import Settings
from core.stores import Stores
from core.stores.blobs import BlobRef

log = logging.getLogger(__name__)


@cache  # opened at a container's first event, kept for the ones after it
def stores() -> Stores:
    """Stores by this function's settings."""
    logs.configure()
    return Stores.open(Settings())


def uploads(message: dict[str, Any]) -> Iterator[BlobRef]:
    """The files that one SQS message tells of; S3's test event tells of none."""
    for record in json.loads(message["body"]).get("Records", ()):
        s3 = record["s3"]
        yield BlobRef(s3["bucket"]["name"], unquote_plus(s3["object"]["key"]))  # S3 sends keys URL-encoded


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """A rejected plugin is a verdict, not an error; a message that could not be handled is named, and comes again."""
    opened, failed = stores(), []
    for message in event["Records"]:
        with logs.context(request_id=message["messageId"]):
            try:
                for ref in uploads(message):
                    _scan(opened, ref)
            except Exception:  # the other messages must not come again for this one
                log.exception("scan failed")
                failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def _scan(opened: Stores, ref: BlobRef) -> None:
    try:
        scan_upload(opened, ref)
    except NotFound as error:  # no later delivery would find it either
        log.warning("nothing to scan", extra={"key": ref.key, "reason": str(error)})
