"""Imported: a bucket's imported rows among its objects: found by their ids, counted, and listed in their place."""

import bisect
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.errors import Conflict, NotFound, ServingUnavailable
from core.imports import Import, Rows, each_import, import_at
from core.paging import GROWTH, Source
from core.row_ids import OF_OWN_ID, parse_row_id, row_id
from core.status import TaskStatus
from core.stores import Stores
from core.stores.blobs import BlobInfo, BlobRef
from core.stores.records import Body, Record, sort_key_of
from core.tenancy import Scope

ENTRY = struct.Struct("<Qq")
"""One of an import's ids as they lie in its file, in order: the id's digest, the row's number."""

SPAN = 4_096
"""Entries that are read around the place where a digest must be: digests are spread evenly."""

ROWS_AT_ONCE = 1_000


def find_rows(stores: Stores, scope: Scope, bucket_id: str, object_ids: Iterable[str]) -> dict[str, tuple[Import, int]]:
    """Import and row number of those ids that are imported rows'; what is no row of this bucket is left out."""
    found: dict[str, tuple[Import, int]] = {}
    imports: dict[str, Import | None] = {}
    with_ids: list[Import] | None = None
    for object_id in object_ids:
        if spelled := parse_row_id(object_id):
            base, row = spelled
            if base not in imports:
                imports[base] = import_at(stores, scope, bucket_id, base)
            known = imports[base]
            if known and row < known.rows:
                found[object_id] = (known, row)
        elif OF_OWN_ID.fullmatch(object_id):
            if with_ids is None:
                with_ids = [i for i in done_imports(stores, scope, bucket_id) if i.id_column]
            for candidate in with_ids:
                number = _row_of_own_id(stores, scope, candidate, object_id)
                if number is not None:
                    found[object_id] = (candidate, number)
                    break
    return found


def done_imports(stores: Stores, scope: Scope, bucket_id: str) -> Iterator[Import]:
    """The imports whose rows are objects."""
    return (i for i in each_import(stores, scope, bucket_id) if i.status is TaskStatus.COMPLETED)


def count_objects(stores: Stores, scope: Scope, bucket_id: str, ids: Sequence[str]) -> int:
    """How many objects these are, where an import's place stands for all of its rows."""
    rows = {i.base: i.rows for i in done_imports(stores, scope, bucket_id)}
    return sum(rows.get(i, 1) for i in ids) if rows else len(ids)


def row_body(stores: Stores, scope: Scope, bucket_id: str, object_id: str, rows: Rows | None) -> Body | None:
    """The row of this object id as the body of an object, None where there is none.

    Raises:
        ServingUnavailable: nothing here can read files of rows.
    """
    found = find_rows(stores, scope, bucket_id, [object_id]).get(object_id)
    if found is None:
        return None
    wanted, row = found
    return _able(rows).objects(stores, scope, wanted, row, row + 1)[0]


def refuse_row(stores: Stores, scope: Scope, bucket_id: str, object_id: str, doing: str) -> None:
    """Refuse what can be done to an object, but not to a row of a file.

    Raises:
        Conflict: the id is an imported row's.
    """
    if not (parse_row_id(object_id) or OF_OWN_ID.fullmatch(object_id)):
        return
    found = find_rows(stores, scope, bucket_id, [object_id]).get(object_id)
    if found is not None:
        wanted, row = found
        raise Conflict(
            f"Object {object_id} is row {row + 1} of the import {wanted.import_id}, and a row can't be {doing} alone.",
            f"Change the file and import it again, or delete the whole import: DELETE imports/{wanted.import_id}.",
        )


@dataclass(frozen=True, slots=True)
class ObjectSource(Source):
    """A bucket's objects in order, its imports' rows in the place of their imports.

    A row's record has the sort key that its number gives it, whatever id it has, so that a cursor leads back to it.
    """

    stores: Stores | None = None
    scope: Scope | None = None
    bucket_id: str = ""
    rows: Rows | None = None

    def each(self, cursor: str | None, page_size: int = 1000) -> Iterator[Record]:
        """The records behind the cursor, read page by page."""
        if cursor is not None and (place := parse_row_id(sort_key_of(cursor))):
            base, row = place
            yield from self._rows(base, row + 1, page_size)
        for record in Source.each(self, cursor, page_size):
            if "import_id" in record.body:
                yield from self._rows(record.sk, 0, page_size)
            else:
                yield record

    def _rows(self, base: str, start: int, page_size: int) -> Iterator[Record]:
        assert self.stores is not None and self.scope is not None
        found = import_at(self.stores, self.scope, self.bucket_id, base)
        if found is None:  # deleted while it was listed
            return
        first = start
        while first < found.rows:
            stop = min(first + min(page_size, ROWS_AT_ONCE), found.rows)
            bodies = _able(self.rows).objects(self.stores, self.scope, found, first, stop)
            for row, body in enumerate(bodies, first):
                yield Record(self.pk, row_id(base, row), body)
            first, page_size = stop, page_size * GROWTH


def _able(rows: Rows | None) -> Rows:
    if rows is None:
        raise ServingUnavailable(
            "Nothing here can read imported rows.", "Start the serving nodes, then try again: 'mixpeek up'."
        )
    return rows


def _row_of_own_id(stores: Stores, scope: Scope, found: Import, object_id: str) -> int | None:
    """The number of the row that this object id means; a few reads, whatever the number of rows."""
    ref = ids_ref(stores, scope, found)
    try:
        info = stores.blobs.head(ref)
    except NotFound:
        return None
    digest, low, high = digest_of(object_id), 0, info.size_bytes // ENTRY.size
    middle = digest * high >> 64
    while low < high:
        start = max(low, min(middle, high - 1) - SPAN // 2)
        entries = _entries(stores, ref, info, start, min(high, start + SPAN))
        place = bisect.bisect_left(entries, (digest, -1))
        if place < len(entries) and entries[place][0] == digest:
            return entries[place][1]
        if 0 < place < len(entries):
            return None
        low, high = (start + len(entries), high) if place else (low, start)
        middle = (low + high) // 2
    return None


def digest_of(object_id: str) -> int:
    """What an id of a row's own is sorted by."""
    return int(object_id[4:20], 16)


def ids_ref(stores: Stores, scope: Scope, found: Import) -> BlobRef:
    """Where the ids of an import's rows lie."""
    return BlobRef(stores.settings.object_bucket, f"{scope.prefix}/{found.folder}/ids.bin")


def _entries(stores: Stores, ref: BlobRef, info: BlobInfo, start: int, stop: int) -> list[tuple[int, int]]:
    size = ENTRY.size
    return list(ENTRY.iter_unpack(stores.blobs.read_range(ref, start * size, (stop - start) * size, info.etag)))
