"""Vectors: each collection's documents and vectors in one Lance dataset, read and written by whole commits.

A writer makes fragments that nobody sees, anywhere; the driver commits a group of them together with the removal of
what they replace, as one new version. A reader opens the latest version at each call (0.1 ms with a shared session), so
it sees a whole group or nothing, in whatever process it runs.
"""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import lance
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from lance.dataset import ColumnOrdering
from lance.fragment import FragmentMetadata, write_fragments
from lance.lance import _Session as Session

from core.document_schema import HIDDEN, is_json
from core.errors import InvalidRequest, NotFound, StoreUnavailable
from core.filters import column, find_field, literal, to_sql
from core.settings import Settings
from core.stores.ledger import Ledger
from core.tenancy import Scope

ID = "document_id"
SOURCE = "blob_id"
METRICS = {"cosine": "cosine", "euclid": "l2", "l2": "l2", "dot": "dot"}
COMMIT_ATTEMPTS = 20
UNREACHABLE = ("Generic S3 error", "error sending request")
ID_CHUNK = 1_000
Filters = Mapping[str, Any] | None
Documents = list[dict[str, Any]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Documents in order, and where to go on; None at the end."""

    documents: list[dict[str, Any]]
    cursor: str | None


class Vectors:
    """The root of all datasets. Threads may share it."""

    def __init__(self, data_uri: str, storage_options: Mapping[str, str] | None = None) -> None:
        self._root = data_uri.rstrip("/")
        self._options = dict(storage_options) if storage_options else None
        self._session = Session()
        self._changing = threading.Lock()

    @classmethod
    def at(cls, settings: Settings) -> "Vectors":
        """The root that `settings` name; on S3 with the emulator's address where one is set."""
        options = {"region": settings.aws_region}
        if settings.aws_endpoint_url:
            options |= {
                "aws_endpoint": settings.aws_endpoint_url,
                "allow_http": "true",
                "aws_access_key_id": "test",
                "aws_secret_access_key": "test",
            }
        return cls(settings.data_uri, options if settings.data_uri.startswith("s3://") else None)

    def uri(self, scope: Scope, collection_id: str) -> str:
        """Where the collection's dataset lies."""
        return f"{self._root}/{scope.prefix}/{collection_id}.lance"

    def create(self, scope: Scope, collection_id: str, schema: pa.Schema) -> "DocumentTable":
        """The collection's table, made if it is missing and widened by the columns that it lacks."""
        uri = self.uri(scope, collection_id)
        with self._changing:
            if "://" not in uri:
                Path(uri).parent.mkdir(parents=True, exist_ok=True)
            try:
                dataset = self._dataset(uri)
            except NotFound:
                dataset = self._make(uri, schema)
            missing = [f.with_nullable(True) for f in schema if f.name not in dataset.schema.names]
            if missing:
                dataset.add_columns(missing)
        return self.open(scope, collection_id)

    def open(self, scope: Scope, collection_id: str) -> "DocumentTable":
        """The collection's table.

        Raises:
            NotFound: no document was ever written.
        """
        uri = self.uri(scope, collection_id)
        self._dataset(uri)
        return DocumentTable(uri, partial(self._dataset, uri), self._options)

    def drop(self, scope: Scope, collection_id: str) -> bool:
        """Delete the dataset and all its files; whether there was one."""
        uri = self.uri(scope, collection_id)
        try:
            self._dataset(uri)
        except NotFound:
            return False
        lance.LanceDataset.drop(uri, storage_options=self._options)
        ledger_at(uri, self._options).drop()
        return True

    def _make(self, uri: str, schema: pa.Schema) -> lance.LanceDataset:
        try:
            return lance.write_dataset(schema.empty_table(), uri, mode="create", storage_options=self._options)
        except OSError:
            return self._dataset(uri)  # another process made it meanwhile

    def _dataset(self, uri: str) -> lance.LanceDataset:
        """The latest version.

        Raises:
            NotFound: there is none.
            StoreUnavailable: the place can't be read.
        """
        try:
            return lance.dataset(uri, session=self._session, storage_options=self._options)
        except ValueError as error:
            if "was not found" in str(error):
                name = uri.rpartition("/")[2].removesuffix(".lance")
                raise NotFound(f"Collection {name} has no documents yet.", "Run a batch first.") from error
            raise _unavailable(uri, error) from error


class DocumentTable:
    """One collection's documents. Each call works on the version that is the latest when it begins."""

    def __init__(
        self, uri: str, latest: Callable[[], lance.LanceDataset], options: Mapping[str, str] | None = None
    ) -> None:
        self.uri, self._latest = uri, latest
        self.ledger = ledger_at(uri, options)
        """What was processed and gave no document."""

    @property
    def schema(self) -> pa.Schema:
        """Columns, in order; JSON columns carry the metadata `openpeek: json`, vectors `openpeek: vector`."""
        return self._latest().schema

    @property
    def version(self) -> int:
        """Grows with each commit."""
        return int(self._latest().version)

    def count(self, filters: Filters = None) -> int:
        """Documents that pass `filters`."""
        dataset = self._latest()
        return int(dataset.count_rows(filter=to_sql(filters, dataset.schema)))

    def scan(self, columns: Sequence[str], where: str | None = None) -> Iterator[pa.RecordBatch]:
        """These columns of all documents for which the SQL `where` holds, part by part."""
        yield from self._latest().to_batches(columns=list(columns), filter=where)

    def get(self, document_ids: Sequence[str], *, vectors: bool = False) -> Documents:
        """The documents of these ids, in that order, missing ones left out."""
        dataset = self._latest()
        return self._fetch(dataset, document_ids, _columns(dataset.schema, vectors, None))

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
        dataset = self._latest()
        after, skip = _decode(cursor)
        where = [sql for sql in (to_sql(filters, dataset.schema),) if sql]
        order = [ColumnOrdering(ID)]
        if sort and (field := find_field(sort[0], dataset.schema, "sort")).name != ID:
            order.insert(0, ColumnOrdering(field.name, ascending=not sort[1]))
        elif after:
            where.append(f"{ID} > {literal(after)}")
        start = skip or offset
        found = dataset.to_table(
            columns=[o.column_name for o in order],
            filter=" AND ".join(where) or None,
            order_by=order,
            limit=limit + 1,
            offset=start or None,
        )
        ids = found[ID].to_pylist()
        more = len(ids) > limit
        ids = ids[:limit]
        documents = self._fetch(dataset, ids, _columns(dataset.schema, vectors, select))
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
        """The `k` nearest documents among those that pass `filters`, best first, each with `_score`.

        The search is exact. `_score` is the cosine, the dot product, or 1 / (1 + distance): higher is better.

        Raises:
            InvalidRequest: no such vector column, or a vector of another length.
        """
        dataset = self._latest()
        query = _query_vector(vector, column, dataset.schema)
        metric = METRICS.get(metric, "cosine")
        table = dataset.to_table(
            columns=[*_columns(dataset.schema, vectors, select), "_distance"],
            nearest={"column": column, "q": query, "k": k, "metric": metric, "use_index": False},
            filter=to_sql(filters, dataset.schema),
            prefilter=True,
        )
        scores = _scores(table["_distance"].to_numpy(), metric)
        rows = to_documents(table.drop_columns(["_distance"]))
        return [row | {"_score": float(score)} for row, score in zip(rows, scores, strict=True)]

    def write_fragments(self, table: pa.Table) -> Documents:
        """Write rows of the table's own schema where no reader sees them; the description is for `commit`."""

        def attempt(dataset: lance.LanceDataset) -> Documents:
            rows = table.select(dataset.schema.names).cast(dataset.schema)
            return [f.to_json() for f in write_fragments(rows, dataset, mode="append")]

        return self._change(attempt)

    def commit(self, fragments: Sequence[Mapping[str, Any]], replaces: Sequence[str] = ()) -> int:
        """Make fragments visible and remove all earlier documents of the blobs `replaces`, as one version.

        Should another writer add documents of the same blobs in the same instant, the later commit removes them.

        Returns:
            Documents that were removed.

        Raises:
            StoreUnavailable: other writers kept getting in between.
        """
        pending = [FragmentMetadata.from_json(json.dumps(f)) for f in fragments]
        own = frozenset(file.path for fragment in pending for file in fragment.files)
        blobs = pa.array(sorted(set(replaces)), pa.string())
        removed = 0
        while True:
            step = partial(_replace, fragments=pending, blobs=blobs, own=own)
            stale, overtaken = self._change(step)
            removed += stale
            if not overtaken:
                return removed
            pending = []

    def delete(self, document_ids: Sequence[str]) -> int:
        """Delete documents; how many there were."""
        return sum(
            int(self._change(lambda d, c=chunk: d.delete(_id_in(c))["num_deleted_rows"]))  # type: ignore[misc]
            for chunk in _chunks(document_ids)
        )

    def delete_where(self, filters: Mapping[str, Any]) -> int:
        """Delete the documents that pass `filters`, which must not be empty; how many there were."""
        return int(self._change(lambda d: d.delete(_required(to_sql(filters, d.schema)))["num_deleted_rows"]))

    def update(self, document_ids: Sequence[str], values: Mapping[str, Any]) -> int:
        """Set fields of documents to `values` (JSON values); how many documents there were.

        Raises:
            InvalidRequest: a field isn't the collection's, or a value doesn't fit it.
        """
        assignments = {name: _assigned(name, value, self.schema) for name, value in values.items()}
        return sum(
            int(self._change(lambda d, c=chunk: d.update(assignments, where=_id_in(c))["num_rows_updated"]))  # type: ignore[misc]
            for chunk in _chunks(document_ids)
        )

    def index(self) -> None:
        """Bring the index on ids up to date with all that is committed; made at the first call."""
        dataset = self._latest()
        if dataset.count_rows() == 0:
            return
        if any(i.field_names == [ID] for i in dataset.describe_indices()):
            dataset.optimize.optimize_indices()
        else:
            dataset.create_scalar_index(ID, "BTREE", replace=True)

    def _fetch(self, dataset: lance.LanceDataset, ids: Sequence[str], columns: Sequence[str]) -> Documents:
        found: dict[str, dict[str, Any]] = {}
        wanted = list(dict.fromkeys([ID, *columns]))
        for chunk in _chunks(ids):
            table = dataset.to_table(columns=wanted, filter=_id_in(chunk))
            found |= {row[ID]: row for row in to_documents(table)}
        rows = [found[i] for i in ids if i in found]
        return rows if ID in columns else [{k: v for k, v in row.items() if k != ID} for row in rows]

    def _change(self, attempt: Callable[[lance.LanceDataset], T]) -> T:
        """Apply `attempt` to the latest version until no other writer gets in between."""
        for _ in range(COMMIT_ATTEMPTS):
            try:
                return attempt(self._latest())
            except OSError as error:
                if any(sign in str(error) for sign in UNREACHABLE):
                    raise _unavailable(self.uri, error) from error
                if "conflict" not in str(error).lower():
                    raise
                conflict = error
        raise StoreUnavailable(f"{self.uri} is changed by too many at once.", "Try again in a moment.") from conflict


def ledger_at(uri: str, options: Mapping[str, str] | None) -> Ledger:
    """The ledger beside the dataset at `uri`."""
    return Ledger(f"{uri.removesuffix('.lance')}.nothing.lance", options)


def _unavailable(uri: str, error: Exception) -> StoreUnavailable:
    said = str(error).partition(", /")[0][:300]
    return StoreUnavailable(f"The documents at {uri} can't be read: {said}.", "Try again in a moment.")


def to_documents(table: pa.Table) -> Documents:
    """Rows as JSON values: JSON columns parsed, `_extra` unfolded beside the others, times with their zone."""
    rows: list[dict[str, Any]] = table.to_pylist()
    parsed = [f.name for f in table.schema if is_json(f) and f.name != "_extra"]
    for row in rows:
        for name in parsed:
            row[name] = None if row[name] is None else orjson.loads(row[name])
        extra = row.pop("_extra", None)
        if extra:
            for name, value in orjson.loads(extra).items():
                row.setdefault(name, value)
    return rows


def vector_columns(schema: pa.Schema) -> dict[str, str]:
    """Names of the vector columns, each with its metric."""
    return {f.name: (f.metadata or {}).get(b"metric", b"cosine").decode() for f in schema if _is_vector(f)}


def _is_vector(field: pa.Field) -> bool:
    return bool(pa.types.is_fixed_size_list(field.type))


def _columns(schema: pa.Schema, vectors: bool, select: Sequence[str] | None) -> list[str]:
    names = [f.name for f in schema if f.name not in HIDDEN and (vectors or not _is_vector(f))]
    if select is None:
        return names
    wanted = {s.removeprefix("metadata.") for s in select} | {ID}
    return [n for n in names if n in wanted or (n == "_extra" and wanted - set(names))]


def _query_vector(vector: Sequence[float], name: str, schema: pa.Schema) -> np.ndarray[Any, np.dtype[np.float32]]:
    names = vector_columns(schema)
    if name not in names:
        raise InvalidRequest(f"There is no vector {name!r}.", f"The collection has {', '.join(names) or 'none'}.", name)
    query = np.asarray(vector, dtype=np.float32)
    dim = schema.field(name).type.list_size
    if query.shape != (dim,) or not np.isfinite(query).all():
        raise InvalidRequest(
            f"The query vector has shape {query.shape}, {name!r} has {dim} numbers.",
            f"Give {dim} finite numbers.",
            name,
        )
    return query


def _scores(distances: np.ndarray[Any, Any], metric: str) -> np.ndarray[Any, Any]:
    scores = 1.0 - distances  # Lance gives 1 - cosine and 1 - dot
    if metric == "l2":
        scores = 1.0 / (1.0 + np.sqrt(np.maximum(distances, 0.0)))  # Lance gives the squared distance
    return np.asarray(scores)


def _replace(
    dataset: lance.LanceDataset, *, fragments: list[FragmentMetadata], blobs: pa.Array, own: frozenset[str]
) -> tuple[int, bool]:
    """Add `fragments` and remove what the blobs gave before: how many rows, and whether another commit came first."""
    stale = _rows_of_blobs(dataset, blobs, own)
    if stale.size == 0 and not fragments:
        return 0, False
    operation: Any = lance.LanceOperation.Append(fragments)
    if stale.size:
        removed, updated = _without(dataset, stale)
        operation = lance.LanceOperation.Update(removed, updated, fragments, [])
    version = dataset.version
    after = lance.LanceDataset.commit(dataset, operation, read_version=version, max_retries=COMMIT_ATTEMPTS)
    return int(stale.size), after.version != version + 1


def _rows_of_blobs(
    dataset: lance.LanceDataset, blobs: pa.Array, own: frozenset[str]
) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Row addresses (fragment << 32 | offset) of the documents that these blobs gave, outside of the files `own`."""
    if len(blobs) == 0 or dataset.count_rows() == 0:
        return np.empty(0, np.uint64)
    rows = dataset.to_table(columns=[SOURCE], with_row_address=True)
    found = rows.filter(pc.is_in(rows[SOURCE], value_set=blobs))["_rowaddr"].to_numpy()
    ours = [f.fragment_id for f in dataset.get_fragments() if any(file.path in own for file in f.metadata.files)]
    kept = ~np.isin(found >> np.uint64(32), np.asarray(ours, dtype=np.uint64))
    return np.asarray(found[kept], dtype=np.uint64)


def _without(
    dataset: lance.LanceDataset, addresses: np.ndarray[Any, np.dtype[np.uint64]]
) -> tuple[list[int], list[FragmentMetadata]]:
    """Fragments that lose all their rows, and those that lose some, as they would be without `addresses`."""
    removed, updated = [], []
    fragments, offsets = addresses >> np.uint64(32), addresses & np.uint64(0xFFFFFFFF)
    for fragment_id in np.unique(fragments).tolist():
        fragment = dataset.get_fragment(fragment_id)
        assert fragment is not None  # the address was read from this very version
        rest = fragment.delete_rows(offsets[fragments == fragment_id].tolist())
        if rest is None:
            removed.append(int(fragment_id))
        else:
            updated.append(rest)
    return removed, updated


def _assigned(name: str, value: Any, schema: pa.Schema) -> str:
    field = find_field(name, schema, "document")
    if field.name in (ID, "collection_id", "object_id", SOURCE) or _is_vector(field):
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


def _required(sql: str | None) -> str:
    if sql is None:
        raise InvalidRequest("The filter is empty.", "Name at least one condition.", "filters")
    return sql


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
