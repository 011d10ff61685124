"""Bucket: holds objects, and says which properties they have."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.bucket_schema import check_schema
from core.errors import AlreadyExists, InvalidRequest, NotFound
from core.ids import new_id
from core.names import check_name
from core.noun import Noun
from core.stores import Stores
from core.stores.records import Body, Entry, Record
from core.tenancy import Scope


class Bucket(Noun):
    """A bucket as stored; counts live in a counter record beside it."""

    bucket_id: str
    bucket_name: str
    description: str | None = None
    bucket_schema: dict[str, Any] | None = None
    unique_key: dict[str, Any] | None = None
    metadata: dict[str, Any] = {}


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
    try:
        stores.records.create_all([_entry(scope, bucket), _named(scope, bucket)])
    except AlreadyExists as error:
        raise _taken(name) from error
    return bucket


def find_bucket(stores: Stores, scope: Scope, identifier: str) -> Bucket:
    """The namespace's bucket of this id or name.

    Raises:
        NotFound: there is none.
    """
    record = _record(stores, scope, identifier)
    if record is None:
        raise NotFound(f"There is no bucket {identifier[:100]!r} in this namespace.", "List the buckets to see them.")
    return Bucket.model_validate(record.body)


def each_bucket(stores: Stores, scope: Scope) -> Iterator[Bucket]:
    """The namespace's buckets, oldest first."""
    found = [Bucket.model_validate(r.body) for r in stores.records.each(scope.key("bucket"))]
    yield from sorted(found, key=lambda b: (b.created_at, b.bucket_id))


def change_bucket(stores: Stores, scope: Scope, bucket: Bucket, **fields: Any) -> Bucket:
    """The bucket with these fields changed; a new name must be free."""
    old, new = bucket.bucket_name, fields.get("bucket_name", bucket.bucket_name)
    changed = _checked(bucket.changed(**fields))
    if new != old:
        try:
            stores.records.create(_named(scope, changed))
        except AlreadyExists as error:
            raise _taken(new) from error
    record = stores.records.update(
        scope.key("bucket"), bucket.bucket_id, lambda body: _checked(_of(body).changed(**fields)).body()
    )
    if record is None:
        raise NotFound(f"Bucket {old!r} was deleted meanwhile.", "Create it again.")
    if new != old:
        stores.records.delete(scope.key("bucket_name"), old)
    return _of(record.body)


def delete_bucket_record(stores: Stores, scope: Scope, bucket: Bucket) -> None:
    """Take the bucket out of the namespace; what it holds is for `core/removal.py`."""
    stores.records.delete_many(
        [
            (scope.key("bucket"), bucket.bucket_id),
            (scope.key("bucket_name"), bucket.bucket_name),
            (scope.key("bucket_counts"), bucket.bucket_id),
        ]
    )


def count(stores: Stores, scope: Scope, bucket_id: str, *, objects: int, size_bytes: int) -> None:
    """Add to what the bucket holds."""
    if objects or size_bytes:
        deltas = {"object_count": objects, "total_size_bytes": size_bytes}
        stores.records.add(scope.key("bucket_counts"), bucket_id, deltas)


def counts_of(stores: Stores, scope: Scope, bucket_id: str) -> Counts:
    """What the bucket holds."""
    numbers = stores.records.counters(scope.key("bucket_counts"), bucket_id)
    return Counts(max(0, numbers.get("object_count", 0)), max(0, numbers.get("total_size_bytes", 0)))


def _of(body: Body) -> Bucket:
    return Bucket.model_validate(body)


def _checked(bucket: Bucket) -> Bucket:
    check_name(bucket.bucket_name, "bucket_name", "bkt")
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


def _record(stores: Stores, scope: Scope, identifier: str) -> Record | None:
    if not identifier or len(identifier) > 128:
        return None
    if identifier.startswith("bkt_") and (record := stores.records.get(scope.key("bucket"), identifier)):
        return record
    pointer = stores.records.get(scope.key("bucket_name"), identifier)
    return stores.records.get(scope.key("bucket"), pointer.body["bucket_id"]) if pointer else None


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(f"The namespace has a bucket {name!r}.", "Use another name, or that bucket.")


def _entry(scope: Scope, bucket: Bucket) -> Entry:
    return Entry(scope.key("bucket"), bucket.bucket_id, bucket.body())


def _named(scope: Scope, bucket: Bucket) -> Entry:
    return Entry(scope.key("bucket_name"), bucket.bucket_name, {"bucket_id": bucket.bucket_id})
