"""Reading: the rows of a partition, wherever they are: in the partition itself, or in the files that it names."""

import threading
from typing import Any

import pyarrow as pa

from batch.bulk.cursors import Cursors
from batch.bulk.parts import BulkPart
from batch.bulk.reading import part_ids, read_part
from batch.partitions import Extraction, Partition
from core.conditions import parse
from core.stores.blobs import Blobs
from core.stores.rows import to_documents


class Reader:
    """What one worker reads partitions with; it keeps its place in the files that it reads from."""

    def __init__(self, blobs: Blobs) -> None:
        self._cursors = Cursors(blobs)
        self._guard = threading.Lock()

    def table(self, extraction: Extraction, partition: Partition, schema: pa.Schema) -> pa.Table:
        """The partition's planned rows.

        Args:
            schema: the collection's columns.

        Raises:
            SourceChanged: a file that it names is not the one that was imported.
            StoreUnavailable: S3 does not answer.
        """
        if not isinstance(partition.source, BulkPart):
            return stored_table(partition.source)
        with self._guard:
            rows = read_part(extraction, partition.source, schema, self._cursors)
        return narrowed(narrowed(rows, extraction.source_filters), extraction.filters)


def narrowed(rows: pa.Table, filters: dict[str, Any] | None) -> pa.Table:
    """The rows that pass the filter."""
    wanted = parse(filters)
    if wanted is None:
        return rows
    return rows.filter(pa.array([wanted.matches(row) for row in to_documents(rows)], pa.bool_()))


def partition_ids(extraction: Extraction, partition: Partition) -> list[tuple[str, str]]:
    """Document and object id of every row of a partition that failed as a whole; nothing is read for it."""
    if isinstance(partition.source, BulkPart):
        return part_ids(extraction, partition.source)
    rows = stored_table(partition.source)
    return list(zip(rows["document_id"].to_pylist(), rows["object_id"].to_pylist(), strict=True))


def stored_table(data: bytes) -> pa.Table:
    """The rows of an Arrow stream."""
    return pa.ipc.open_stream(data).read_all()
