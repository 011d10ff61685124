"""Plan: a batch's objects, read page by page in parallel, become partitions of rows, one row a blob.

A row has the system's columns and one column for every property of its object: the blob's own value, the values of its
object's other blobs, and the object's metadata. Text that lies in S3 is named in `_texts` and read by the worker.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from batch.bulk.pieces import parts_of, source_of
from batch.done import Done, source_version
from batch.partitions import MAX_BYTES, Extraction, Partition
from batch.patience import patient
from batch.rows import ROW_COLUMNS, TEXTS
from core.conditions import parse
from core.document_schema import JSON, RESERVED, SOURCE_VERSION, is_plain
from core.ids import document_id
from core.imported import find_rows
from core.imports import import_at, manifest_files
from core.stores import Stores
from core.stores.records import Body, Records, chunks

READERS = 4
IDS_PER_PAGE = 500
FEW = 50
TEXT_TYPES = {"text", "string"}
Row = dict[str, Any]


def plan(
    stores: Stores,
    extraction: Extraction,
    object_ids: Iterable[list[str]],
    schema: pa.Schema,
    limit: Callable[[], int],
    done: Done | None = None,
) -> Generator[Partition, None, None]:
    """Partitions of at most some 4 MiB, or of named rows of an import; objects that are gone by now give none.

    Args:
        limit: how many rows the next partition should have; asked as it begins.
        schema: the collection's columns, which give the properties their types.
        done: what the collection has finished with, and is left out.
    """
    indexes = count()
    pending: list[Row] = []
    size, rows = 0, limit()
    for bodies, named in read_objects(stores, extraction, object_ids):
        for obj in _undone(_taken(extraction, bodies), done):
            if "import_id" in obj:
                yield from _of_import(stores, extraction, obj["object_id"], None, limit, indexes, done)
                continue
            for row in rows_of(extraction, obj):
                pending.append(row)
                size += len(row["data"] or "") + 256
                if len(pending) >= rows or size >= MAX_BYTES:
                    yield Partition.of(next(indexes), to_table(pending, schema))
                    pending, size, rows = [], 0, limit()
        for base, numbers in named.items():
            yield from _of_import(stores, extraction, base, numbers, limit, indexes, done)
    if pending:
        yield Partition.of(next(indexes), to_table(pending, schema))


def read_objects(
    stores: Stores, extraction: Extraction, object_ids: Iterable[list[str]]
) -> Iterator[tuple[list[Body], dict[str, list[int]]]]:
    """The bodies of the objects, and the numbers of imported rows by import, page by page in order.

    An import that is in the batch with all of its rows is one body here. Pages are read ahead by a few threads.
    """
    pages = chain.from_iterable(chunks(ids, IDS_PER_PAGE) for ids in object_ids)
    neighbours = _Neighbours()
    with ThreadPoolExecutor(READERS, thread_name_prefix="plan") as pool:
        ahead: deque[Future[tuple[list[Body], dict[str, list[int]]]]] = deque()
        for page in pages:
            ahead.append(pool.submit(patient(_page), stores, extraction, page, neighbours))
            if len(ahead) > 2 * READERS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


@dataclass(slots=True)
class _Neighbours:
    """Whether the batch's objects lie beside each other in their bucket, as they do when it is all of it.

    Then a page of them is one query, a fifth of the work of asking for each by its key.
    """

    likely: bool = True

    def read(self, records: Records, pk: str, ids: Sequence[str]) -> dict[str, Body]:
        """Those of the objects that a query finds."""
        if not self.likely or len(ids) < FEW:
            return {}
        wanted = set(ids)
        found = {r.sk: r.body for r in records.run_of(pk, min(ids), len(ids)) if r.sk in wanted}
        self.likely = 2 * len(found) > len(ids)
        return found


def _page(
    stores: Stores, extraction: Extraction, ids: Sequence[str], neighbours: _Neighbours
) -> tuple[list[Body], dict[str, list[int]]]:
    pk = extraction.scope.key("object", extraction.bucket_id)
    found = neighbours.read(stores.records, pk, ids)
    left = [(pk, object_id) for object_id in ids if object_id not in found]
    found |= {record.sk: record.body for record in stores.records.get_many(left)}
    bodies = [found[object_id] for object_id in ids if object_id in found]
    named: dict[str, list[int]] = {}
    if len(bodies) < len(ids):
        rows = find_rows(stores, extraction.scope, extraction.bucket_id, [i for i in ids if i not in found])
        for imported, number in rows.values():
            named.setdefault(imported.base, []).append(number)
    return bodies, named


def _taken(extraction: Extraction, bodies: list[Body]) -> list[Body]:
    """Those that the collection takes of its bucket; of an import the worker takes row by row."""
    wanted = parse(extraction.source_filters)
    if wanted is None:
        return bodies
    return [b for b in bodies if "import_id" in b or wanted.matches((b.get("metadata") or {}) | b)]


def _undone(bodies: list[Body], done: Done | None) -> Iterator[Body]:
    """Those that the collection has not finished with; an import is judged row by row."""
    if not done:
        yield from bodies
        return
    versions = [None if "import_id" in body else source_version(body) for body in bodies]
    finished = done.objects([body["object_id"] for body in bodies], versions)
    yield from (body for body, ended in zip(bodies, finished, strict=True) if not ended)


def _of_import(
    stores: Stores,
    extraction: Extraction,
    base: str,
    numbers: list[int] | None,
    limit: Callable[[], int],
    indexes: Iterator[int],
    done: Done | None,
) -> Iterator[Partition]:
    """Partitions of an import's rows, of all or of these; none where it was deleted meanwhile."""
    found = patient(import_at)(stores, extraction.scope, extraction.bucket_id, base)
    if found is None:
        return
    files = patient(manifest_files)(stores, extraction.scope, found)
    wanted = None if numbers is None else np.unique(np.asarray(numbers, dtype=np.int64))
    for part in parts_of(source_of(found), files, limit, wanted, done):
        yield Partition.named(next(indexes), part)


def rows_of(extraction: Extraction, obj: Body) -> Iterator[Row]:
    """One row a blob of `obj`."""
    blobs, version = obj.get("blobs") or [], source_version(obj)
    properties = {k: v for k, v in (obj.get("metadata") or {}).items() if k not in RESERVED}
    texts: dict[str, str] = {}
    for blob in reversed(blobs):  # the first blob of a property is the one that the others see
        properties[blob["property"]] = _value(blob)
        if _is_text_file(blob):
            texts[blob["property"]] = blob["url"]
    for blob in blobs:
        own = {**texts, blob["property"]: blob["url"]} if _is_text_file(blob) else _without(texts, blob["property"])
        yield properties | {
            blob["property"]: _value(blob),
            "data": _data(blob),
            "document_id": document_id(extraction.collection_id, obj["object_id"], blob["blob_id"]),
            "object_id": obj["object_id"],
            "blob_id": blob["blob_id"],
            "blob_property": blob["property"],
            "blob_type": blob["type"],
            "blob_url": blob.get("url"),
            "collection_id": extraction.collection_id,
            "feature_extractor_id": extraction.extractor_id,
            "mime_type": _mime_type(blob),
            "size_bytes": _size(blob),
            TEXTS: orjson.dumps(own).decode() if own else None,
            SOURCE_VERSION: version,
        }


def to_table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    """Rows as Arrow: system columns first, then the properties in the order in which they first occur."""
    names = dict.fromkeys(chain.from_iterable(rows))
    arrays = {f.name: pa.array([row[f.name] for row in rows], f.type) for f in ROW_COLUMNS}
    fields = list(ROW_COLUMNS)
    for name in names:
        if name not in arrays:
            arrays[name], field = _property(name, [row.get(name) for row in rows], schema)
            fields.append(field)
    return pa.table(list(arrays.values()), schema=pa.schema(fields))


def _property(name: str, values: list[Any], schema: pa.Schema) -> tuple[pa.Array, pa.Field]:
    """A property's column: of its declared type where the values fit, else JSON text, which the sink judges by row."""
    index = schema.get_field_index(name)
    declared = schema.field(index) if index >= 0 else None
    if declared is not None and is_plain(declared):
        try:
            return pa.array(values, declared.type), pa.field(name, declared.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            pass
    elif declared is None and all(v is None or isinstance(v, str) for v in values):
        return pa.array(values, pa.string()), pa.field(name, pa.string())
    texts = [None if v is None else orjson.dumps(v).decode() for v in values]
    return pa.array(texts, pa.string()), pa.field(name, pa.string(), metadata=JSON)


def _without(texts: Mapping[str, str], name: str) -> dict[str, str]:
    return {k: v for k, v in texts.items() if k != name}


def _is_text_file(blob: Body) -> bool:
    return bool(blob.get("url")) and blob.get("data") is None and _looks_like_text(blob)


def _looks_like_text(blob: Body) -> bool:
    mime = blob.get("mime_type") or ""
    return mime.startswith("text/") if mime else blob["type"] in TEXT_TYPES


def _value(blob: Body) -> Any:
    """What the blob's property holds: the value itself, or the URL of the file (a text file's text comes later)."""
    return blob["data"] if blob.get("data") is not None else blob.get("url")


def _data(blob: Body) -> str | None:
    value = _value(blob)
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def _mime_type(blob: Body) -> str | None:
    """Declared, or plain from the kind of value; None where the worker has to look at the content."""
    if blob.get("mime_type"):
        return str(blob["mime_type"])
    if blob.get("data") is not None:
        return "text/plain" if isinstance(blob["data"], str) else "application/json"
    return "text/plain" if blob["type"] in TEXT_TYPES else None


def _size(blob: Body) -> int | None:
    if blob.get("size_bytes") is not None:
        return int(blob["size_bytes"])
    value = _data(blob)
    return len(value.encode()) if blob.get("data") is not None and value is not None else None
