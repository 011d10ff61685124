"""Reading: the rows of a partition, wherever they are: in the partition itself, or in the files that it names."""

import threading

import pyarrow as pa

from batch.bulk.cursors import Cursors
from batch.bulk.parts import BulkPart
from batch.bulk.reading import part_ids, read_part
from batch.partitions import Extraction, Partition
from core.stores.blobs import Blobs


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
            return read_part(extraction, partition.source, schema, self._cursors)


def partition_ids(extraction: Extraction, partition: Partition) -> list[tuple[str, str]]:
    """Document and object id of every row of a partition that failed as a whole; nothing is read for it."""
    if isinstance(partition.source, BulkPart):
        return part_ids(extraction, partition.source)
    rows = stored_table(partition.source)
    return list(zip(rows["document_id"].to_pylist(), rows["object_id"].to_pylist(), strict=True))


def stored_table(data: bytes) -> pa.Table:
    """The rows of an Arrow stream."""
    return pa.ipc.open_stream(data).read_all()
