"""Upkeep: ends what was begun and forgotten. Uploads and namespaces expire, windows close, lost batches run again.

What it looks at are pointers in partitions of their own, written before the thing that they point at can be forgotten;
a pointer whose thing has ended is deleted here.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import NamedTuple

from core.arrivals import WINDOWS, ask_to_gather, put_down
from core.batches import ACTIVE, Batch, fail_batch, get_batch, queue_again
from core.buckets import find_bucket
from core.confirmations import confirm_upload
from core.errors import IllegalTransition, NotFound, StoreUnavailable
from core.ids import now
from core.namespaces import ENDS
from core.removal import expire_namespace
from core.status import TaskStatus
from core.stores import Stores
from core.stores.records import Body, Record
from core.tasks import get_task
from core.tenancy import Principal, Scope
from core.uploads import DEADLINES, expire_upload, get_upload
from plugin_sdk.errors import PlatformError

log = logging.getLogger(__name__)

WINDOW_LOST_AFTER_S = 300
SILENT = timedelta(minutes=5)
"""A batch without a sign for so long is lost if the queue holds no job at all,"""

SILENT_AT_WORK = timedelta(hours=2)
"""and for so long, whatever the queue holds."""

REQUEUED_AT_MOST = 3
PAGE = 100


class Tidied(NamedTuple):
    """How much there was to do."""

    uploads_registered: int = 0
    uploads_expired: int = 0
    windows_resumed: int = 0
    batches_requeued: int = 0
    batches_failed: int = 0
    namespaces_expired: int = 0


def tidy(stores: Stores, until: float = float("inf")) -> Tidied:
    """Look after everything once; what is not reached before `until` (monotonic) is left to the next time."""
    registered, expired = expire_uploads(stores, until)
    resumed = resume_windows(stores)
    requeued, failed = requeue_lost_batches(stores)
    return Tidied(registered, expired, resumed, requeued, failed, expire_namespaces(stores, until))


def expire_uploads(stores: Stores, until: float = float("inf")) -> tuple[int, int]:
    """End uploads whose time has passed: those whose file came become objects after all, the others are FAILED.

    Returns:
        How many were registered, and how many expired.
    """
    registered = expired = 0
    while time.monotonic() < until:
        due = _due(stores, DEADLINES)
        for record in due:
            ended = _end_upload(stores, record.body)
            registered, expired = registered + (ended is True), expired + (ended is False)
        stores.records.delete_many([(r.pk, r.sk) for r in due])
        if len(due) < PAGE:
            break
    return registered, expired


def expire_namespaces(stores: Stores, until: float = float("inf")) -> int:
    """End the namespaces whose time has passed, with all that they hold; how many there were."""
    expired = 0
    while time.monotonic() < until:
        due = _due(stores, ENDS)
        for record in due:
            owner = Principal(record.body["org_id"], "", "")
            expired += expire_namespace(stores, owner, record.body["namespace_id"])
        stores.records.delete_many([(r.pk, r.sk) for r in due])
        if len(due) < PAGE:
            break
    return expired


def resume_windows(stores: Stores) -> int:
    """Send the message of each window that should have closed long ago; how many there were."""
    late = [r for r in stores.records.each(WINDOWS) if time.time() - r.body["opened_at"] > WINDOW_LOST_AFTER_S]
    for record in late:
        ask_to_gather(stores, record.body)
    return len(late)


def requeue_lost_batches(stores: Stores) -> tuple[int, int]:
    """Put batches that wait or run without a job back on the queue; one that was lost again and again has failed.

    Returns:
        How many were put back, and how many have failed.
    """
    requeued = failed = 0
    idle = stores.queues.held(stores.settings.jobs_queue) == 0
    for pointer in list(stores.records.each(ACTIVE)):
        scope, batch = _active(stores, pointer)
        if batch is None or now() - _last_sign(stores, scope, batch) < (SILENT if idle else SILENT_AT_WORK):
            continue
        try:
            if batch.requeued < REQUEUED_AT_MOST:
                queue_again(stores, scope, batch)
                requeued += 1
            else:
                fail_batch(stores, scope, batch, f"The batch's job was lost {batch.requeued + 1} times.")
                failed += 1
            log.warning("batch was lost", extra={"batch_id": batch.batch_id, "requeued": batch.requeued})
        except (NotFound, IllegalTransition):  # it ended meanwhile
            continue
    return requeued, failed


def _due(stores: Stores, pk: str) -> list[Record]:
    """The first pointers whose time has come; their sort keys begin with it."""
    return [r for r in stores.records.query(pk, limit=PAGE).records if float(r.body["due"]) <= time.time()]


def _end_upload(stores: Stores, about: Body) -> bool | None:
    """Whether the upload was registered; None when there was nothing to end."""
    scope, bucket_id = Scope(about["org_id"], about["namespace_id"]), about["bucket_id"]
    try:
        upload = get_upload(stores, scope, bucket_id, about["upload_id"])
        if upload.status is not TaskStatus.PENDING:
            return None
        bucket = find_bucket(stores, scope, bucket_id)
        confirmed = confirm_upload(stores, scope, bucket, upload.upload_id)
        if bucket.process_on_upload and confirmed.object_id:
            put_down(stores, scope, bucket, confirmed.object_id)
    except StoreUnavailable:
        raise
    except NotFound:
        return None
    except PlatformError as error:
        return False if expire_upload(stores, scope, upload, str(error)) else None
    return True


def _active(stores: Stores, pointer: Record) -> tuple[Scope, Batch | None]:
    about = pointer.body
    scope = Scope(about["org_id"], about["namespace_id"])
    try:
        batch = get_batch(stores, scope, about["bucket_id"], about["batch_id"])
    except NotFound:
        batch = None
    if batch is None or batch.status.ended:
        stores.records.delete_if(pointer.pk, pointer.sk, pointer.body)
        return scope, None
    return scope, batch


def _last_sign(stores: Stores, scope: Scope, batch: Batch) -> datetime:
    try:
        task = get_task(stores, scope.org_id, batch.task_id or "")
    except NotFound:
        return batch.updated_at
    return max(batch.updated_at, task.updated_at)
