"""Documents of a collection: read, listed, written and deleted one by one or many at once."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from core.buckets import find_bucket
from core.collections import Collection, find_collection
from core.conditions import MISSING, Condition, Filter, Group, field_of, join
from core.document_counts import note_count
from core.document_schema import EXTRA, document_schema, is_json
from core.documents import IMMUTABLE, SYSTEM
from core.errors import InvalidRequest, NotFound
from core.extractors import resolve
from core.ids import new_id, now
from core.paging import Paging, cut_of
from core.places import Order
from core.search import Hit, grouped
from core.stages import GroupBy
from core.stores import Stores
from core.stores.vectors import DocumentTable, Vectors, vector_columns
from core.tenancy import Scope

MAX_EXAMINED = 10_000
"""Documents that are looked at one by one, where the store can't filter or group them."""
Row = dict[str, Any]


class Listed(NamedTuple):
    """A page of documents or of groups of them."""

    rows: list[Row]
    groups: list[tuple[Any, list[Row]]] | None
    cursor: str | None
    total: int | None
    vectors: list[str]


class Documents:
    """The documents of every tenant's collections."""

    def __init__(self, stores: Stores, vectors: Vectors) -> None:
        self._stores, self._vectors = stores, vectors

    def get(self, scope: Scope, identifier: str, document_id: str, *, vectors: bool = False) -> tuple[Row, list[str]]:
        """One document, and the names of its vectors.

        Raises:
            NotFound: there is no such collection or document.
        """
        collection = find_collection(self._stores, scope, identifier)
        table = self._table(scope, collection)
        rows = table.get([document_id], vectors=vectors) if table else []
        if table is None or not rows:
            raise _missing(document_id, collection)
        return rows[0], list(vector_columns(table.schema))

    def page(
        self,
        scope: Scope,
        identifier: str,
        paging: Paging,
        *,
        filters: Filter | None = None,
        search: str | None = None,
        sort: tuple[str, bool] | None = None,
        group_by: str | None = None,
        select: Sequence[str] | None = None,
        vectors: bool = False,
    ) -> Listed:
        """A page of documents that pass the filter and hold the searched text, or of groups of them."""
        table = self._table(scope, find_collection(self._stores, scope, identifier))
        if table is None:
            return Listed([], [] if group_by else None, None, 0, [])
        names = list(vector_columns(table.schema))
        wanted = join(filters, _holding(search, table.schema) if search else None)
        if group_by:
            groups = self._groups(table, wanted, group_by, vectors)
            placed = [{"id": str(key), "key": key, "rows": rows} for key, rows in groups]
            cut, told = cut_of(placed, paging, Order("id", "key"))
            page = [(group["key"], group["rows"]) for group in cut]
            return Listed([r for _, rows in page for r in rows], page, told["next_cursor"], told["total"], names)
        try:
            found = table.list(
                wanted.as_dict() if wanted else None,
                limit=paging.limit,
                cursor=paging.cursor,
                offset=paging.offset,
                sort=sort,
                select=[*select, *SYSTEM] if select else None,
                vectors=vectors,
            )
            total = table.count(wanted.as_dict() if wanted else None) if paging.include_total else None
            return Listed(found.documents, None, found.cursor, total, names)
        except InvalidRequest as error:
            rows = self._examined(table, wanted, sort, vectors, error)
            cut, told = cut_of(rows, paging, Order("document_id", *sort) if sort else Order("document_id"))
            return Listed(cut, None, told["next_cursor"], told["total"], names)

    def create(
        self, scope: Scope, identifier: str, fields: Mapping[str, Any], vectors: Mapping[str, Sequence[float]]
    ) -> tuple[Row, list[str]]:
        """Write one document that no batch made.

        Raises:
            InvalidRequest: a value does not fit its field, or a vector its feature.
        """
        collection = find_collection(self._stores, scope, identifier)
        table = self._created(scope, collection)
        unknown = set(vectors) - set(vector_columns(table.schema))
        if unknown:
            names = ", ".join(vector_columns(table.schema)) or "none"
            raise InvalidRequest(f"There is no vector {min(unknown)!r}.", f"The collection has {names}.", "features")
        _check_changeable(fields, allowed={"object_id", "bucket_id"})
        document_id = new_id("doc")
        at = now()
        row = dict(fields) | dict(vectors)
        row |= {"document_id": document_id, "collection_id": collection.collection_id, "blob_id": new_id("blob")}
        row |= {"created_at": at, "updated_at": at, "feature_extractor_id": collection.feature_extractor.extractor_id}
        table.commit(table.write_fragments(_one_row(row, table.schema)))
        note_count(self._stores.records, scope, collection.collection_id, table)
        return table.get([document_id])[0], list(vector_columns(table.schema))

    def update(self, scope: Scope, identifier: str, document_id: str, fields: Mapping[str, Any]) -> None:
        """Set fields of one document; a field without a column of its own is kept beside the others.

        Raises:
            NotFound: there is no such collection or document.
            InvalidRequest: a field can't be changed, or its value does not fit.
        """
        collection = find_collection(self._stores, scope, identifier)
        table = self._table(scope, collection)
        if table is None or not self._change(table, document_id, fields):
            raise _missing(document_id, collection)

    def update_many(
        self, scope: Scope, identifier: str, updates: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> list[tuple[str, str | None]]:
        """Set fields of many documents; for each what went wrong, or None."""
        table = self._table(scope, find_collection(self._stores, scope, identifier))
        results: list[tuple[str, str | None]] = []
        for document_id, fields in updates:
            try:
                known = table is not None and self._change(table, document_id, fields)
                results.append((document_id, None if known else f"There is no document {document_id}."))
            except InvalidRequest as error:
                results.append((document_id, str(error)))
        return results

    def delete(self, scope: Scope, identifier: str, document_ids: Sequence[str]) -> list[str]:
        """Delete documents; the ids of those that there were."""
        collection = find_collection(self._stores, scope, identifier)
        table = self._table(scope, collection)
        if table is None:
            return []
        known = [row["document_id"] for row in table.get(document_ids)]
        if known:
            table.delete(known)
            note_count(self._stores.records, scope, collection.collection_id, table)
        return known

    def delete_one(self, scope: Scope, identifier: str, document_id: str) -> None:
        """Delete one document.

        Raises:
            NotFound: there is no such collection or document.
        """
        if not self.delete(scope, identifier, [document_id]):
            raise _missing(document_id, find_collection(self._stores, scope, identifier))

    def ids_of(self, scope: Scope, identifier: str, filters: Filter) -> list[str]:
        """The ids of all documents that pass the filter."""
        ids: list[str] = []
        cursor = None
        while True:
            page = self.page(scope, identifier, Paging(1000, 0, cursor), filters=filters, select=["document_id"])
            ids += [row["document_id"] for row in page.rows]
            cursor = page.cursor
            if cursor is None:
                return ids

    def _table(self, scope: Scope, collection: Collection) -> DocumentTable | None:
        try:
            return self._vectors.open(scope, collection.collection_id)
        except NotFound:
            return None

    def _created(self, scope: Scope, collection: Collection) -> DocumentTable:
        config = collection.feature_extractor
        manifest = resolve(self._stores, scope, config.feature_extractor_name, config.version).manifest
        bucket_id = next(iter(collection.bucket_ids), None)
        bucket_schema = find_bucket(self._stores, scope, bucket_id).bucket_schema if bucket_id else None
        return self._vectors.create(scope, collection.collection_id, document_schema(manifest, bucket_schema))

    def _change(self, table: DocumentTable, document_id: str, fields: Mapping[str, Any]) -> bool:
        _check_changeable(fields)
        schema = table.schema
        own: Row = {k: v for k, v in fields.items() if k in schema.names} | {"updated_at": now()}
        other = {k: v for k, v in fields.items() if k not in schema.names}
        if other:
            rows = table.get([document_id])
            if not rows:
                return False
            kept = {k: v for k, v in rows[0].items() if k not in schema.names} | other
            own[EXTRA] = {k: v for k, v in kept.items() if v is not None}
        return table.update([document_id], own) > 0

    def _groups(
        self, table: DocumentTable, wanted: Filter | None, field: str, vectors: bool
    ) -> list[tuple[Any, list[Row]]]:
        rows = self._examined(table, wanted, None, vectors, None)
        hits = [Hit(("", row["document_id"]), 0.0, row) for row in rows]
        groups = grouped(hits, GroupBy(field, MAX_EXAMINED, MAX_EXAMINED))
        return [(key, [hit.document for hit in members]) for key, members in groups]

    def _examined(
        self,
        table: DocumentTable,
        wanted: Filter | None,
        sort: tuple[str, bool] | None,
        vectors: bool,
        refused: InvalidRequest | None,
    ) -> list[Row]:
        """Documents filtered here, since they are kept in a form that the store can't judge.

        `refused` is the store's reason; it is raised if it is about something that no document has.
        """
        rows = table.list(limit=MAX_EXAMINED, vectors=vectors).documents
        names = (wanted.fields if wanted else set()) | ({sort[0]} if sort else set())
        foreign = {n for n in names if not has_column(n, table.schema)}
        if refused and (not foreign or any(all(field_of(r, n) is MISSING for r in rows) for n in foreign)):
            raise refused
        return [row for row in rows if wanted is None or wanted.matches(row)]


def has_column(name: str, schema: pa.Schema) -> bool:
    """Whether the store can compare the field: it has a column of its own, and that is no JSON text."""
    for candidate in (name, name.removeprefix("metadata."), name.removeprefix("source_")):
        if candidate in schema.names:
            return not is_json(schema.field(candidate))
    return False


def _holding(text: str, schema: pa.Schema) -> Filter:
    """A filter on documents of which some text field holds `text`."""
    names = [f.name for f in schema if pa.types.is_string(f.type) and f.name not in SYSTEM]
    return Group("OR", tuple(Condition(name, "contains", text) for name in names))


def _check_changeable(fields: Mapping[str, Any], allowed: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    for name in fields:
        if (name in IMMUTABLE or name == EXTRA) and name not in allowed:
            raise InvalidRequest(f"{name!r} is written by the platform.", "Leave it out.", name)


def _one_row(row: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    """One document as a table of the collection's columns; what has no column goes to `_extra`."""
    extra = {k: v for k, v in row.items() if k not in schema.names and v is not None}
    values = dict(row) | {EXTRA: extra or None}
    arrays = []
    for column in schema:
        value = values.get(column.name)
        if value is not None and is_json(column):
            value = orjson.dumps(value).decode()
        try:
            arrays.append(pa.array([value], column.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            raise InvalidRequest(
                f"{column.name} is {str(value)[:60]!r}; the field holds {column.type}.",
                f"Give a {column.type}.",
                column.name,
            ) from error
    return pa.table(arrays, schema=schema)


def _missing(document_id: str, collection: Collection) -> NotFound:
    return NotFound(
        f"There is no document {document_id[:100]!r} in {collection.collection_name}.", "List its documents."
    )
