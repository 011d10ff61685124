"""Finished: what a worker leaves out of imported rows whose ids only their file tells, so that the driver can't."""

import threading
from collections import OrderedDict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from batch.bulk.parts import BulkPart
from batch.done import Done
from batch.partitions import Extraction, Partition
from batch.patience import patient
from core.document_schema import SOURCE_VERSION
from core.stores.vectors import DocumentTable

REMEMBERED = 2
"""Collections whose finished objects a worker knows at once, at eight bytes an object."""


class FinishedRows:
    """What the runs of one worker leave out; the collection is asked once a run."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], Done] = OrderedDict()
        self._guard = threading.Lock()

    def without(
        self, extraction: Extraction, partition: Partition, rows: pa.Table, table: DocumentTable
    ) -> tuple[pa.Table, int]:
        """The rows that are to be done, and of how many objects the others are."""
        if extraction.leaves is None or not _has_own_ids(partition.source):
            return rows, 0
        ended = self._done(extraction, table).known(rows["object_id"], rows[SOURCE_VERSION])
        if not ended.any():
            return rows, 0
        left_out = rows["object_id"].filter(pa.array(ended))
        return rows.filter(pa.array(~ended)), pc.count_distinct(left_out).as_py()

    def _done(self, extraction: Extraction, table: DocumentTable) -> Done:
        assert extraction.leaves is not None
        key = (extraction.run_id, extraction.collection_id)
        with self._guard:
            if key not in self._known:
                leaves = extraction.leaves
                found = patient(Done.of)(table, extraction, batch_id=leaves.batch_id, since=leaves.since)
                self._known[key] = found
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
            return self._known[key]


def _has_own_ids(source: Any) -> bool:
    return isinstance(source, BulkPart) and source.source.id_column is not None
