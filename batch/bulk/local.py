"""Local: imports run and read in this process; what the gateway and the serving nodes give the control plane."""

import threading
from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from batch.bulk.cursors import Cursors
from batch.bulk.importing import run_import
from batch.bulk.names import of_own_ids
from batch.bulk.parts import Column
from batch.bulk.pieces import Pieces, source_of
from batch.bulk.values import as_property
from core.buckets import Bucket
from core.document_schema import is_json
from core.expiring import Expiring
from core.imports import Import, manifest_files
from core.row_ids import row_id
from core.stores import Stores
from core.stores.records import Body
from core.tenancy import Scope

KEPT_S = 600.0


class LocalBulk:
    """Reads files of rows here; keeps manifests and places in files for a while."""

    def __init__(self) -> None:
        self._pieces: Expiring[str, Pieces] = Expiring(KEPT_S)
        self._cursors: Cursors | None = None
        self._guard = threading.Lock()

    def run(self, stores: Stores, scope: Scope, bucket: Bucket, asked: Import) -> Import:
        """Read, check and register the import."""
        return run_import(stores, scope, bucket, asked)

    def objects(self, stores: Stores, scope: Scope, found: Import, start: int, stop: int) -> list[Body]:
        """The rows `start` to before `stop` as bodies of objects."""
        source = source_of(found)
        with self._guard:
            cursors = self._cursors = self._cursors or Cursors(stores.blobs)
            tables = [cursors.read(p, source.read) for p in self._of(stores, scope, found).between(start, stop)]
        if not tables:
            return []
        return _bodies(found, pa.concat_tables(tables), start)

    def _of(self, stores: Stores, scope: Scope, found: Import) -> Pieces:
        known = self._pieces.get(found.import_id)
        return known or self._pieces.put(found.import_id, Pieces(manifest_files(stores, scope, found)))


def _bodies(found: Import, table: pa.Table, start: int) -> list[Body]:
    columns = source_of(found).columns
    values = {c.property: _values(table, c) for c in columns}
    ids = [row_id(found.base, start + i) for i in range(table.num_rows)]
    if found.id_column is not None:
        ids = of_own_ids(found.bucket_id, pc.cast(table[found.id_column], pa.string())).to_pylist()
    return [_body(found, columns, {n: v[i] for n, v in values.items()}, ids[i], start + i) for i in range(len(ids))]


def _values(table: pa.Table, column: Column) -> list[Any]:
    values: list[Any] = as_property(table[column.column], column).to_pylist()
    if is_json(table.schema.field(column.column)):
        return [None if v is None else orjson.loads(v) for v in values]
    return values


def _body(found: Import, columns: Sequence[Column], values: dict[str, Any], object_id: str, row: int) -> Body:
    blobs = []
    for position, column in enumerate(c for c in columns if c.role != "metadata"):
        value = values[column.property]
        if value is None:
            continue
        blob = {"blob_id": f"blob{object_id[3:]}_{position}", "property": column.property, "type": column.type}
        if column.role == "text":
            blobs.append(blob | {"data": value, "size_bytes": len(value.encode()), "mime_type": "text/plain"})
        else:
            blobs.append(blob | {"url": value, "filename": value.rsplit("/", 1)[-1] or None})
    metadata = {c.property: values[c.property] for c in columns if c.role == "metadata"}
    return {
        "object_id": object_id,
        "bucket_id": found.bucket_id,
        "blobs": blobs,
        "metadata": {name: value for name, value in metadata.items() if value is not None},
        "source_details": [
            {"type": "bucket", "source_id": found.bucket_id, "import_id": found.import_id, "url": found.url, "row": row}
        ],
        "created_at": found.created_at.isoformat(),
        "updated_at": found.created_at.isoformat(),
    }
