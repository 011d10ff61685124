"""Replaced: what a part of an import replaces, told by its row numbers, and looked at only where others have written."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from batch.bulk import names
from batch.bulk.parts import BulkPart
from batch.done import blobs_of
from core.hashing import hashes
from core.stores.commits import Replaced


@dataclass(frozen=True, slots=True)
class RowsReplaced:
    """What the rows of a part gave before, each of which is an object of one blob."""

    part: BulkPart

    @classmethod
    def of(cls, source: Any, planned: pa.Table) -> "RowsReplaced | None":
        """The same for a partition's source, where `planned` is every row of it, and its number the row's whole name."""
        if not isinstance(source, BulkPart) or source.source.id_column is not None or len(source.source.blobs) != 1:
            return None
        if planned.num_rows != source.rows or any(blobs_of(piece.etag.strip('"')) != 1 for piece in source.pieces):
            return None
        return cls(source)

    def replaced(self) -> Replaced:
        """The numbers of its objects and blobs."""
        ids = names.numbered(f"{self.part.source.base}_", self.part.numbers)
        objects, blobs = hashes(ids), hashes(names.blob_ids(ids, 0))
        return Replaced(objects, blobs, objects, blobs)
