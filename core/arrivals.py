"""Arrivals: a file that S3 tells of becomes an object, and in a bucket that is processed on upload a part of a batch.

A burst of files makes few batches: the first arrival opens the bucket's window by a conditional create and sends one
delayed message, all others only put themselves down. The message comes again while the number of arrivals still grows;
then it closes the window and makes one batch of what lies there.
"""

import logging
import re
import time
from collections.abc import Mapping
from typing import Any

from core.batches import Batch
from core.buckets import Bucket, find_bucket
from core.collections import collections_of_bucket
from core.confirmations import confirm_upload
from core.errors import AlreadyExists, NotFound, StoreUnavailable
from core.metrics import measured
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.stores.records import Entry
from core.tenancy import Scope
from core.triggers import trigger_bucket
from core.uploads import Upload, file_of, note_upload
from plugin_sdk.errors import PlatformError

log = logging.getLogger(__name__)

KEY = re.compile(r"(?P<org>[^/#]+)/(?P<ns>[^/#]+)/(?P<bucket>bkt_[0-9a-f]+)/(?P<upload>upl_[0-9a-f]+)/[^/]+")
WINDOWS = "upload_windows"
"""Partition of the open windows of all tenants, for the janitor."""

QUIET_S = 5
"""A window closes when nothing came for so long."""

OPEN_AT_MOST_S = 60
MOST_OBJECTS = 10_000


def register_file(stores: Stores, ref: BlobRef) -> Upload | None:
    """The upload whose file this is, confirmed; None when the file is no upload's, or can't become an object.

    Any number of calls make one object, and a file that comes after it is deleted: what was confirmed stays as it was.
    What is wrong with the file is told on the upload's record.
    """
    place = KEY.fullmatch(ref.key)
    if place is None:
        return None
    scope = Scope(place["org"], place["ns"])
    try:
        bucket = find_bucket(stores, scope, place["bucket"])
        upload = confirm_upload(stores, scope, bucket, place["upload"])
    except StoreUnavailable:
        raise
    except PlatformError as error:
        log.warning("file not registered", extra={"upload_id": place["upload"], "code": error.code})
        if not isinstance(error, NotFound):
            note_upload(stores, scope, place["bucket"], place["upload"], str(error))
        return None
    if ref != file_of(stores, upload):
        stores.blobs.delete(ref)
    about = {"org_id": scope.org_id, "namespace_id": scope.namespace_id, "upload_id": upload.upload_id}
    log.info(
        "registered", extra=about | measured({"service": "uploads"}, files=1, file_bytes=upload.file_size_bytes or 0)
    )
    if bucket.process_on_upload and upload.object_id:
        put_down(stores, scope, bucket, upload.object_id)
    return upload


def put_down(stores: Stores, scope: Scope, bucket: Bucket, object_id: str) -> None:
    """Let the object be in the bucket's next batch."""
    stores.records.put_many([Entry(_arrivals(scope, bucket.bucket_id), object_id, {})])
    entry = window_of(scope, bucket.bucket_id)
    try:
        stores.records.create(entry)
    except AlreadyExists:  # its message is on the way and will find this object
        return
    try:
        ask_to_gather(stores, entry.body)
    except StoreUnavailable:
        stores.records.delete(entry.pk, entry.sk)
        raise


def window_of(scope: Scope, bucket_id: str) -> Entry:
    """The bucket's window, opened now."""
    place = {"org_id": scope.org_id, "namespace_id": scope.namespace_id, "bucket_id": bucket_id}
    return Entry(WINDOWS, "#".join(place.values()), place | {"opened_at": time.time()})


def ask_to_gather(stores: Stores, window: Mapping[str, Any], seen: int = 1) -> None:
    """Send the message that `gather` answers, to be read when the window has been quiet for a while."""
    stores.queues.send(stores.settings.uploads_queue, {"job": "gather", **window, "seen": seen}, QUIET_S)


def gather(stores: Stores, message: Mapping[str, Any]) -> Batch | None:
    """A submitted batch of all that arrived; None while more comes, and when nothing takes the objects.

    A message that comes twice finds nothing left; should two meet, the second batch writes the same documents again.
    """
    scope, bucket_id = Scope(message["org_id"], message["namespace_id"]), message["bucket_id"]
    waiting = sum(1 for _ in stores.records.sort_keys(_arrivals(scope, bucket_id)))
    age_s = time.time() - message["opened_at"]
    if waiting > message["seen"] and waiting < MOST_OBJECTS and age_s < OPEN_AT_MOST_S:
        window = {k: v for k, v in message.items() if k not in ("job", "seen")}
        ask_to_gather(stores, window, waiting)
        return None
    stores.records.delete(WINDOWS, window_of(scope, bucket_id).sk)  # who comes from here on opens a new one
    arrived = list(stores.records.sort_keys(_arrivals(scope, bucket_id)))
    batch = _batch(stores, scope, bucket_id, arrived)
    stores.records.delete_many([(_arrivals(scope, bucket_id), object_id) for object_id in arrived])
    return batch


def _batch(stores: Stores, scope: Scope, bucket_id: str, arrived: list[str]) -> Batch | None:
    try:
        bucket = find_bucket(stores, scope, bucket_id)
    except NotFound:
        return None
    there = stores.records.existing(scope.key("object", bucket_id), arrived)
    ids = [object_id for object_id in arrived if object_id in there]
    if not ids or not collections_of_bucket(stores, scope, bucket_id):
        log.info("nothing to process", extra={"bucket_id": bucket_id, "objects": len(ids)})
        return None
    batch, _ = trigger_bucket(stores, scope, bucket, ids=ids)
    log.info("batch of uploads", extra={"bucket_id": bucket_id, "batch_id": batch.batch_id, "objects": len(ids)})
    return batch


def _arrivals(scope: Scope, bucket_id: str) -> str:
    return scope.key("arrival", bucket_id)
