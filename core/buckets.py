"""Bucket: holds objects, and says which properties they have."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.bucket_schema import check_schema
from core.errors import InvalidRequest, QuotaExceeded
from core.ids import new_id
from core.named import Named
from core.noun import Noun
from core.quotas import limit_of
from core.stores import Stores
from core.tenancy import Scope


class Bucket(Noun):
    """A bucket as stored; counts live in a counter record beside it.

    `process_on_upload` lets files that arrive become batches for the bucket's collections, without a call.
    """

    bucket_id: str
    bucket_name: str
    description: str | None = None
    bucket_schema: dict[str, Any] | None = None
    unique_key: dict[str, Any] | None = None
    metadata: dict[str, Any] = {}
    process_on_upload: bool = False


BUCKETS = Named(Bucket, "bucket", "bkt")


@dataclass(frozen=True, slots=True)
class Counts:
    """What a bucket holds."""

    objects: int = 0
    size_bytes: int = 0


def create_bucket(stores: Stores, scope: Scope, name: str, **fields: Any) -> Bucket:
    """A new bucket; its name is the namespace's only one.

    Raises:
        AlreadyExists: the name is taken.
        InvalidRequest: the schema or the unique key can't be used.
    """
    bucket = _checked(Bucket(bucket_id=new_id("bkt"), bucket_name=name, **fields))
    return BUCKETS.create(stores, scope.key, bucket)


def find_bucket(stores: Stores, scope: Scope, identifier: str) -> Bucket:
    """The namespace's bucket of this id or name.

    Raises:
        NotFound: there is none.
    """
    return BUCKETS.find(stores, scope.key, identifier)


def find_counted(stores: Stores, scope: Scope, identifier: str) -> tuple[Bucket, Counts]:
    """The bucket of this id or name, and what it holds, in one store call once the name is known."""
    for bucket_id in BUCKETS.candidates(stores, scope.key, identifier):
        places = (scope.key("bucket"), bucket_id), (scope.key("bucket_counts"), bucket_id)
        record, numbers = stores.records.get_counted(*places)
        if record and BUCKETS.is_meant(record, identifier):
            return Bucket.model_validate(record.body), _counts(numbers)
    raise BUCKETS.missing(identifier)


def each_bucket(stores: Stores, scope: Scope) -> Iterator[Bucket]:
    """The namespace's buckets, oldest first."""
    yield from BUCKETS.all(stores, scope.key)


def change_bucket(stores: Stores, scope: Scope, bucket: Bucket, **fields: Any) -> Bucket:
    """The bucket with these fields changed; a new name must be free."""
    return BUCKETS.change(stores, scope.key, bucket, lambda found: _checked(found.changed(**fields)))


def delete_bucket_record(stores: Stores, scope: Scope, bucket: Bucket) -> None:
    """Take the bucket out of the namespace; what it holds is for `core/removal.py`."""
    stores.records.delete_many(
        [(scope.key("bucket"), bucket.bucket_id), (scope.key("bucket_counts"), bucket.bucket_id)]
    )
    BUCKETS.release(stores, scope.key, bucket)


def count(stores: Stores, scope: Scope, bucket_id: str, *, objects: int, size_bytes: int) -> None:
    """Add to what the bucket holds."""
    if objects or size_bytes:
        deltas = {"object_count": objects, "total_size_bytes": size_bytes}
        stores.records.add(scope.key("bucket_counts"), bucket_id, deltas)


def take_room(stores: Stores, scope: Scope, bucket_id: str, *, objects: int, size_bytes: int) -> None:
    """Add to what the bucket holds, before it does: so the quota is exact, however many objects come at once.

    Raises:
        QuotaExceeded: it may not hold so many; nothing was added.
    """
    limit = limit_of(stores, "objects")
    deltas = {"object_count": objects, "total_size_bytes": size_bytes}
    if not stores.records.add_within(scope.key("bucket_counts"), bucket_id, deltas, "object_count", limit):
        raise QuotaExceeded("objects", counts_of(stores, scope, bucket_id).objects, limit)


def counts_of(stores: Stores, scope: Scope, bucket_id: str) -> Counts:
    """What the bucket holds."""
    return _counts(stores.records.counters(scope.key("bucket_counts"), bucket_id))


def _counts(numbers: Mapping[str, int]) -> Counts:
    return Counts(max(0, numbers.get("object_count", 0)), max(0, numbers.get("total_size_bytes", 0)))


def _checked(bucket: Bucket) -> Bucket:
    BUCKETS.check(bucket)
    if bucket.bucket_schema is not None:
        check_schema(bucket.bucket_schema)
    known = (bucket.bucket_schema or {}).get("properties", {})
    for name in (bucket.unique_key or {}).get("fields", []):
        if name not in known:
            raise InvalidRequest(
                f"unique_key.fields: the bucket's schema has no property {name!r}.",
                f"It has: {', '.join(sorted(known)) or 'none'}.",
                "unique_key.fields",
            )
    return bucket
