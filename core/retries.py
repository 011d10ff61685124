"""Retries: the objects of a batch whose rows failed are run again, and what the batch wrote before stays.

The failed rows that are not retried are kept beside those that the new run reports, under sort keys of their own. Those
that are lie beside the retry's objects until it has come to its end: one that is canceled or lost leaves them failed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from core.batches import CHUNK, RETRIED_ROWS, Batch, failed_documents, get_batch, resubmit
from core.errors import AlreadyExists, InvalidRequest
from core.stores import Stores
from core.stores.records import Body, Entry, Record, chunks
from core.tasks import Task
from core.tenancy import Scope

KEPT = "#kept#"
COUNTED = "counted"
"""The sort key, behind those of a retry's objects and before those of their rows, of what others gave."""

KEPT_PER_RECORD = 25
TRANSIENT = {"network", "resource"}
"""Kinds of failure that may pass by themselves."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a batch had come to before this retry; nothing where it is no retry."""

    written: int = 0
    failed: list[Body] = field(default_factory=list)
    retries: dict[str, int] = field(default_factory=dict)
    """For each object that is run again, the how manieth time it is."""

    others: int = 0
    """Documents among `written` of objects that are not run again."""

    rewritten: dict[str, dict[int, int]] = field(default_factory=dict)
    """The other ones, by collection and number of the blob: they are replaced as the retry comes to the blob."""


def retry_batch(
    stores: Stores,
    scope: Scope,
    bucket_id: str,
    batch_id: str,
    *,
    transient_only: bool = True,
    tiers: list[int] | None = None,
    max_retries: int = 3,
) -> tuple[Batch, Task, int]:
    """Queue the batch for its failed objects alone; the number of failed rows that are tried again.

    Raises:
        IllegalTransition: it was never submitted, waits, or runs.
        InvalidRequest: no failed row is of the kind that is asked for.
    """
    batch = get_batch(stores, scope, bucket_id, batch_id)
    failed = list(failed_documents(stores, scope, batch_id))
    wanted = Counter[str]()
    for row in failed:
        if (
            (not transient_only or row["error_type"] in TRANSIENT)
            and (not tiers or row["tier_num"] in tiers)
            and row["retry_count"] < max_retries
        ):
            wanted[row["object_id"]] = max(wanted[row["object_id"]], row["retry_count"] + 1)

    def prepare() -> None:
        _write(stores, scope, batch_id, dict(wanted), failed)

    def check() -> None:
        if not wanted:
            raise _nothing(batch, failed, transient_only)

    batch, task = resubmit(stores, scope, batch, check, prepare)
    return batch, task, sum(row["object_id"] in wanted for row in failed)


def retried_ids(stores: Stores, scope: Scope, batch_id: str) -> Iterator[list[str]]:
    """The ids of the objects that a retry runs again, up to 1,000 at a time."""
    for record in _objects(stores, scope, batch_id):
        yield list(record.body["objects"])


def settle(stores: Stores, scope: Scope, batch_id: str) -> None:
    """Forget the failed rows that a retry ran again: it has come to its end, and reported what failed anew."""
    pk = scope.key("retry", batch_id)
    stores.records.delete_many([(pk, sk) for sk in stores.records.sort_keys(pk, prefix=RETRIED_ROWS)])


def earlier(stores: Stores, scope: Scope, batch: Batch) -> Earlier:
    """What the batch had come to when its retry was asked for."""
    written = sum(tier.get("documents_written") or 0 for tier in batch.tier_tasks)
    retries: dict[str, int] = {}
    for record in _objects(stores, scope, batch.batch_id):
        retries |= record.body["objects"]
    kept = [
        row
        for record in stores.records.each(scope.key("failed", batch.batch_id), page_size=10)
        if KEPT in record.sk
        for row in record.body["failed"]
    ]
    return Earlier(written, kept, retries, others=written)


def first_count(stores: Stores, scope: Scope, batch_id: str, documents: int) -> int:
    """`documents`, or what the first attempt at this retry gave here: what objects gave that are not run again."""
    pk = scope.key("retry", batch_id)
    try:
        stores.records.create(Entry(pk, COUNTED, {"documents": documents}))
    except AlreadyExists:
        found = stores.records.get(pk, COUNTED)
        return int(found.body["documents"]) if found else documents
    return documents


def _objects(stores: Stores, scope: Scope, batch_id: str) -> Iterator[Record]:
    records = stores.records.each(scope.key("retry", batch_id), page_size=10)
    return takewhile(lambda record: not record.sk.startswith((COUNTED, RETRIED_ROWS)), records)


def _write(stores: Stores, scope: Scope, batch_id: str, objects: dict[str, int], failed: list[Body]) -> None:
    """What is kept goes in before what is dropped goes out."""
    failed_pk, retry_pk = scope.key("failed", batch_id), scope.key("retry", batch_id)
    old = [(failed_pk, sk) for sk in stores.records.sort_keys(failed_pk)]
    old += [(retry_pk, sk) for sk in stores.records.sort_keys(retry_pk)]
    kept = [row for row in failed if row["object_id"] not in objects]
    entries: list[Entry] = []
    for tier in sorted({row["tier_num"] for row in kept}):
        rows = [row for row in kept if row["tier_num"] == tier]
        entries += [
            Entry(failed_pk, f"{tier:02d}{KEPT}{n:06d}", {"failed": list(part)})
            for n, part in enumerate(chunks(rows, KEPT_PER_RECORD))
        ]
    parts: Any = chunks(list(objects.items()), CHUNK)
    entries += [Entry(retry_pk, f"{n:06d}", {"objects": dict(part)}) for n, part in enumerate(parts)]
    retried = [row for row in failed if row["object_id"] in objects]
    entries += [
        Entry(retry_pk, f"{RETRIED_ROWS}{n:06d}", {"failed": list(part)})
        for n, part in enumerate(chunks(retried, KEPT_PER_RECORD))
    ]
    stores.records.put_many(entries)
    written = {(entry.pk, entry.sk) for entry in entries}
    stores.records.delete_many([key for key in old if key not in written])


def _nothing(batch: Batch, failed: list[Body], transient_only: bool) -> InvalidRequest:
    if not failed:
        return InvalidRequest(f"The batch {batch.batch_id} has no failed rows.", "Submit it to run all of it again.")
    kinds = ", ".join(sorted({str(row["error_type"]) for row in failed}))
    fix = 'Send {"retry_mode": "all"}.' if transient_only else "Raise max_retry_count, or name other tier_nums."
    return InvalidRequest(
        f"None of the {len(failed)} failed rows of the batch {batch.batch_id} is to be retried: {kinds}.",
        fix,
        "retry_mode" if transient_only else "max_retry_count",
    )
