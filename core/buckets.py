"""Bucket: holds objects, and says which properties they have."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from core.bucket_schema import check_schema
from core.errors import AlreadyExists, InvalidRequest, NotFound
from core.expiring import Expiring
from core.ids import new_id
from core.names import check_name
from core.noun import Noun
from core.quotas import check_room
from core.stores import Stores
from core.stores.records import Body, Entry, Records
from core.tenancy import Scope

REMEMBERED_S = 60.0
_ids: WeakKeyDictionary[Records, Expiring[tuple[str, str], str]] = WeakKeyDictionary()


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
    check_room(stores, "buckets", scope.key("bucket"))
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
    for bucket_id in _candidates(stores, scope, identifier):
        record = stores.records.get(scope.key("bucket"), bucket_id)
        if record and identifier in (bucket_id, record.body["bucket_name"]):
            return _of(record.body)
    raise _missing(identifier)


def find_counted(stores: Stores, scope: Scope, identifier: str) -> tuple[Bucket, Counts]:
    """The bucket of this id or name, and what it holds, in one store call once the name is known."""
    for bucket_id in _candidates(stores, scope, identifier):
        places = (scope.key("bucket"), bucket_id), (scope.key("bucket_counts"), bucket_id)
        record, numbers = stores.records.get_counted(*places)
        if record and identifier in (bucket_id, record.body["bucket_name"]):
            return _of(record.body), _counts(numbers)
    raise _missing(identifier)


def each_bucket(stores: Stores, scope: Scope) -> Iterator[Bucket]:
    """The namespace's buckets, oldest first."""
    found = [Bucket.model_validate(r.body) for r in stores.records.each(scope.key("bucket"))]
    yield from sorted(found, key=lambda b: (b.created_at, b.bucket_id))


def change_bucket(stores: Stores, scope: Scope, bucket: Bucket, **fields: Any) -> Bucket:
    """The bucket with these fields changed; a new name must be free."""
    changed = _checked(bucket.changed(**fields))
    if changed.bucket_name != bucket.bucket_name:
        try:
            stores.records.create(_named(scope, changed))
        except AlreadyExists as error:
            raise _taken(changed.bucket_name) from error
    before: list[Bucket] = []

    def change(body: Body) -> Body:
        before[:] = [_of(body)]
        return _checked(before[0].changed(**fields)).body()

    record = stores.records.update(scope.key("bucket"), bucket.bucket_id, change)
    if record is None:
        _release(stores, scope, changed)
        raise NotFound(f"Bucket {bucket.bucket_name!r} was deleted meanwhile.", "Create it again.")
    if before[0].bucket_name != record.body["bucket_name"]:
        _release(stores, scope, before[0])
    return _of(record.body)


def delete_bucket_record(stores: Stores, scope: Scope, bucket: Bucket) -> None:
    """Take the bucket out of the namespace; what it holds is for `core/removal.py`."""
    stores.records.delete_many(
        [(scope.key("bucket"), bucket.bucket_id), (scope.key("bucket_counts"), bucket.bucket_id)]
    )
    _release(stores, scope, bucket)


def count(stores: Stores, scope: Scope, bucket_id: str, *, objects: int, size_bytes: int) -> None:
    """Add to what the bucket holds."""
    if objects or size_bytes:
        deltas = {"object_count": objects, "total_size_bytes": size_bytes}
        stores.records.add(scope.key("bucket_counts"), bucket_id, deltas)


def counts_of(stores: Stores, scope: Scope, bucket_id: str) -> Counts:
    """What the bucket holds."""
    return _counts(stores.records.counters(scope.key("bucket_counts"), bucket_id))


def _counts(numbers: Mapping[str, int]) -> Counts:
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


def _candidates(stores: Stores, scope: Scope, identifier: str) -> Iterator[str]:
    """Ids that the identifier may mean: itself, what its name meant lately, what its name means now.

    What a name meant lately is only tried: the bucket's own record says whether it has that name still.
    """
    if not identifier or len(identifier) > 128:
        return
    if identifier.startswith("bkt_"):
        yield identifier
    ids = _ids.setdefault(stores.records, Expiring(REMEMBERED_S))
    place = (scope.key("bucket_name"), identifier)
    if lately := ids.get(place):
        yield lately
    if pointer := stores.records.get(*place):
        yield ids.put(place, pointer.body["bucket_id"])


def _missing(identifier: str) -> NotFound:
    return NotFound(f"There is no bucket {identifier[:100]!r} in this namespace.", "List the buckets to see them.")


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(f"The namespace has a bucket {name!r}.", "Use another name, or that bucket.")


def _entry(scope: Scope, bucket: Bucket) -> Entry:
    return Entry(scope.key("bucket"), bucket.bucket_id, bucket.body())


def _named(scope: Scope, bucket: Bucket) -> Entry:
    return Entry(scope.key("bucket_name"), bucket.bucket_name, {"bucket_id": bucket.bucket_id})


def _release(stores: Stores, scope: Scope, bucket: Bucket) -> None:
    """Free the bucket's name, unless another bucket has taken it."""
    name = _named(scope, bucket)
    stores.records.delete_if(name.pk, name.sk, name.body)
