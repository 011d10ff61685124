"""Tables: one collection's documents, read and changed by id, by filter, in order, and by nearness."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Any, NamedTuple

import lance
import orjson
import pyarrow as pa
from lance.dataset import ColumnOrdering
from lance.fragment import write_fragments

from core.document_schema import HIDDEN, SOURCE_VERSION, is_json
from core.errors import InvalidRequest
from core.filters import column, find_field, literal, to_sql
from core.stores.commits import BLOB, OBJECT, Replaced, Writer
from core.stores.datasets import Dataset, reaching
from core.stores.ledger import COLUMNS, Ledger
from core.stores.nearest import nearest, query_vector
from core.stores.ranges import ranges
from core.stores.rows import ID, Documents, columns, is_vector, to_documents
from core.stores.upkeep import tend

ID_CHUNK = 1_000
Filters = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Documents in order, and where to go on; None at the end."""

    documents: list[dict[str, Any]]
    cursor: str | None


class DocumentTable:
    """One collection's documents. Each call works on the version that is the latest when it begins."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    @property
    def uri(self) -> str:
        """Where its dataset lies."""
        return self._dataset.uri

    @property
    def schema(self) -> pa.Schema:
        """Columns, in order; JSON columns carry the metadata `openpeek: json`, vectors `openpeek: vector`."""
        return self._dataset.latest().schema

    @property
    def version(self) -> int:
        """Grows with each commit."""
        return int(self._dataset.latest().version)

    @cached_property
    def ledger(self) -> Ledger:
        """What was processed and gave no document."""
        return ledger_at(self._dataset)

    def count(self, filters: Filters = None) -> int:
        """Documents that pass `filters`."""
        dataset = self._dataset.latest()
        return int(dataset.count_rows(filter=to_sql(filters, dataset.schema)))

    def counted(self) -> tuple[int, int]:
        """The latest version, and how many documents it has."""
        with reaching(self.uri):
            dataset = self._dataset.latest()
            return int(dataset.version), int(dataset.count_rows())

    def count_where(self, where: str) -> int:
        """Documents for which this SQL holds."""
        dataset = self._dataset.latest()
        with reaching(self.uri):
            return int(dataset.count_rows(filter=where))

    def scan(self, columns: Sequence[str], where: str | None = None) -> Iterator[pa.RecordBatch]:
        """These columns of all documents for which the SQL `where` holds, part by part."""
        dataset = self._dataset.latest()
        with reaching(self.uri):
            yield from dataset.to_batches(columns=list(columns), filter=where)

    def get(self, document_ids: Sequence[str], *, vectors: bool = False) -> Documents:
        """The documents of these ids, in that order, missing ones left out."""
        dataset = self._dataset.latest()
        return _fetch(dataset, document_ids, columns(dataset.schema, vectors, None))

    def list(
        self,
        filters: Filters = None,
        *,
        limit: int = 10,
        cursor: str | None = None,
        offset: int = 0,
        sort: tuple[str, bool] | None = None,
        select: Sequence[str] | None = None,
        vectors: bool = False,
    ) -> DocumentPage:
        """Up to `limit` documents by id, or by `sort` = (field, descending), from `cursor` or `offset` on."""
        dataset = self._dataset.latest()
        after, skip = _decode(cursor)
        where = to_sql(filters, dataset.schema)
        field = find_field(sort[0], dataset.schema, "sort").name if sort else ID
        start = skip or offset
        if sort and field != ID:
            found = _ordered(dataset, where, [ColumnOrdering(field, ascending=not sort[1])], start, limit + 1)
        elif sort and sort[1]:
            found = _ordered(dataset, where, [], start, limit + 1, descending=True)
        else:
            found = _by_id(dataset, where, after, start, limit + 1)
        more, ids = len(found.ids) > limit, found.ids[:limit]
        documents = found.documents(dataset, limit, columns(dataset.schema, vectors, select))
        return DocumentPage(documents, _encode(ids, start + limit if sort else 0) if more else None)

    def search(
        self,
        vector: Sequence[float],
        column: str,
        k: int,
        metric: str = "cosine",
        filters: Filters = None,
        *,
        select: Sequence[str] | None = None,
        vectors: bool = False,
    ) -> Documents:
        """The `k` nearest documents among those that pass `filters`, best first, each with `_score`: higher is better.

        Raises:
            InvalidRequest: no such vector column, or a vector of another length.
        """
        dataset = self._dataset.latest()
        query = query_vector(vector, column, dataset.schema)
        where, wanted = to_sql(filters, dataset.schema), columns(dataset.schema, vectors, select)
        table, scores = nearest(dataset, query, column, k, metric, where, wanted)
        return [row | {"_score": float(s)} for row, s in zip(to_documents(table), scores, strict=True)]

    def write_fragments(self, table: pa.Table) -> Documents:
        """Write rows of the table's own schema where no reader sees them; the description is for a commit."""

        def attempt(dataset: lance.LanceDataset) -> Documents:
            rows = table.select(dataset.schema.names).cast(dataset.schema)
            return [f.to_json() for f in write_fragments(rows, dataset, mode="append")]

        return self._dataset.change(attempt)

    def writer(self) -> Writer:
        """What a batch commits with."""
        return Writer(self._dataset)

    def commit(self, fragments: Sequence[Mapping[str, Any]], replaced: Replaced | None = None) -> int:
        """Make fragments visible and remove the earlier documents that they replace, as one version; how many."""
        return self.writer().commit(fragments, [replaced] if replaced else ())

    def delete(self, document_ids: Sequence[str]) -> int:
        """Delete documents; how many there were. Their objects count as done: no batch brings them back unasked."""
        return sum(self._delete(_id_in(chunk)) for chunk in _chunks(document_ids))

    def delete_of_object(self, object_id: str) -> int:
        """Delete what was made of one object; how many documents there were."""
        where = f"{column('object_id')} = {literal(object_id)}"
        return self._delete(where) if self.count_where(where) else 0

    def _delete(self, where: str) -> int:
        if set(self.schema.names) >= HIDDEN:
            made = f"({where}) AND {column(SOURCE_VERSION)} IS NOT NULL"
            self.ledger.add(pa.Table.from_batches(self.scan(COLUMNS.names, made), COLUMNS))
        return self._dataset.change(partial(_delete, where))

    def update(self, document_ids: Sequence[str], values: Mapping[str, Any]) -> int:
        """Set fields of documents to `values` (JSON values); how many documents there were.

        Raises:
            InvalidRequest: a field isn't the collection's, or a value doesn't fit it.
        """
        assignments = {name: _assigned(name, value, self.schema) for name, value in values.items()}
        return sum(
            self._dataset.change(partial(_update, assignments, _id_in(chunk))) for chunk in _chunks(document_ids)
        )

    def tend(self, grace_s: float) -> Sequence[str]:
        """Compact, index and clean as far as it is needed (`core/stores/upkeep.py`); by one owner at a time."""
        return tend(self._dataset, grace_s)


def ledger_at(dataset: Dataset) -> Ledger:
    """The ledger beside the dataset."""
    return Ledger(f"{dataset.uri.removesuffix('.lance')}.nothing.lance", dataset.options)


class _Found(NamedTuple):
    """Documents in order: their ids, and where one version of the dataset has their rows."""

    ids: list[str]
    rows: list[int]

    def documents(self, dataset: lance.LanceDataset, limit: int, names: Sequence[str]) -> Documents:
        """The first `limit` of them; looked up by their ids without an index, all documents would be read."""
        rows = self.rows[:limit]
        return to_documents(dataset._take_rows(rows, columns=list(names))) if rows else []


def _by_id(dataset: lance.LanceDataset, where: str | None, after: str | None, offset: int, limit: int) -> _Found:
    """`limit` documents in the order of ids, behind `after` and then `offset` more."""
    found = _Found([], [])
    for end in ranges.ends(dataset, after, offset + limit):
        parts = [where] if where else []
        parts += [f"{ID} > {literal(after)}"] if after else []
        parts += [f"{ID} <= {literal(end)}"] if end else []
        found = _ordered(dataset, " AND ".join(parts) or None, [], offset, limit)
        if len(found.ids) == limit:
            break
    return found


def _ordered(
    dataset: lance.LanceDataset,
    where: str | None,
    order: list[ColumnOrdering],
    offset: int,
    limit: int,
    descending: bool = False,
) -> _Found:
    order = [*order, ColumnOrdering(ID, ascending=not descending)]
    names = [o.column_name for o in order]
    found = dataset.to_table(
        columns=names, filter=where, order_by=order, limit=limit, offset=offset or None, with_row_id=True
    )
    return _Found(found[ID].to_pylist(), found["_rowid"].to_pylist())


def _fetch(dataset: lance.LanceDataset, ids: Sequence[str], names: Sequence[str]) -> Documents:
    found: dict[str, dict[str, Any]] = {}
    wanted = list(dict.fromkeys([ID, *names]))
    for chunk in _chunks(ids):
        table = dataset.to_table(columns=wanted, filter=_id_in(chunk))
        found |= {row[ID]: row for row in to_documents(table)}
    rows = [found[i] for i in ids if i in found]
    return rows if ID in names else [{k: v for k, v in row.items() if k != ID} for row in rows]


def _delete(where: str, dataset: lance.LanceDataset) -> int:
    return int(dataset.delete(where)["num_deleted_rows"])


def _update(assignments: dict[str, str], where: str, dataset: lance.LanceDataset) -> int:
    return int(dataset.update(assignments, where=where)["num_rows_updated"])


def _assigned(name: str, value: Any, schema: pa.Schema) -> str:
    field = find_field(name, schema, "document")
    if field.name in (ID, "collection_id", OBJECT, BLOB) or is_vector(field):
        raise InvalidRequest(f"Field {field.name!r} can't be changed.", "Run a batch to make it anew.", name)
    if value is None:
        return "NULL"
    if is_json(field):
        return literal(orjson.dumps(value).decode())
    try:
        pa.array([value], field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InvalidRequest(
            f"{name} is {value!r}, the field holds {field.type}.", f"Give a {field.type}.", name
        ) from error
    if isinstance(value, datetime):
        return f"timestamp {literal(value.isoformat())}"
    if isinstance(value, list):
        return f"make_array({', '.join(map(literal, value))})"
    return literal(value)


def _id_in(ids: Sequence[str]) -> str:
    return f"{column(ID)} IN ({', '.join(map(literal, ids))})"


def _chunks(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[i : i + ID_CHUNK] for i in range(0, len(ids), ID_CHUNK)]


def _encode(ids: Sequence[str], skip: int) -> str:
    place = [None, skip] if skip else [ids[-1], 0]
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def _decode(cursor: str | None) -> tuple[str | None, int]:
    if not cursor:
        return None, 0
    try:
        after, skip = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return (None if after is None else str(after)), max(int(skip), 0)
    except (ValueError, TypeError) as error:
        raise InvalidRequest(
            f"cursor is {cursor[:40]!r}, which this list did not give.", "Pass the next_cursor as it came.", "cursor"
        ) from error
