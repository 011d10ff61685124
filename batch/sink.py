"""Sink: makes the fragments of finished partitions visible in groups, the first at once, the later ones ever larger."""

import time

import numpy as np
import pyarrow as pa

from batch.partitions import Blobs, Outcome
from batch.patience import patient
from core.document_counts import note_count
from core.stores.commits import Replaced
from core.stores.records import Records
from core.stores.vectors import DocumentTable
from core.tenancy import Scope

FIRST_GROUP_S, MOST_GROUP_S = 0.5, 8.0
GROWTH = 1.5
GROUP_PARTITIONS = 256


class Sink:
    """The one writer of a collection's commits during a batch."""

    def __init__(self, records: Records, scope: Scope, collection_id: str, table: DocumentTable) -> None:
        self._records, self._scope, self._collection_id, self._table = records, scope, collection_id, table
        self._writer = table.writer()
        self._incomplete = Incomplete()
        self._group: list[Outcome] = []
        self._last_commit, self._group_s = float("-inf"), FIRST_GROUP_S

    def add(self, outcome: Outcome) -> None:
        """Take a finished partition, and commit the group when it is due."""
        self._group.append(outcome)
        if time.monotonic() - self._last_commit >= self._group_s or len(self._group) >= GROUP_PARTITIONS:
            self.commit()
            self._group_s = min(self._group_s * GROWTH, MOST_GROUP_S)

    def commit(self) -> None:
        """Make the group visible, together with the removal of what it replaces."""
        if not self._group:
            return
        group, self._group = self._group, []
        fragments = [fragment for outcome in group for fragment in outcome.fragments]
        replaced = [outcome.replaced for outcome in group]
        replaced += [whole for outcome in group if (whole := self._incomplete.add(outcome.incomplete)) is not None]
        patient(self._writer.commit)(fragments, replaced)
        self._last_commit = time.monotonic()
        patient(note_count)(self._records, self._scope, self._collection_id, self._table)
        nothing = [outcome.nothing for outcome in group if outcome.nothing is not None]
        if nothing:  # after the commit: what is in the ledger is done
            patient(self._table.ledger.add)(pa.concat_tables(nothing))

    def close(self) -> None:
        """Commit what is left."""
        self.commit()


class Incomplete:
    """Objects whose blobs lie in several partitions, until the last of them is finished."""

    def __init__(self) -> None:
        self._blobs: dict[int, set[int]] = {}

    def add(self, part: Blobs) -> Replaced | None:
        """Take a partition's blobs; the objects that are whole with them, and all their blobs."""
        whole: list[int] = []
        for object_, blob, needed in zip(part.objects, part.blobs, part.needed, strict=True):
            known = self._blobs.setdefault(int(object_), set())
            known.add(int(blob))
            if len(known) >= needed:
                whole.append(int(object_))
        if not whole:
            return None
        known = {blob for object_ in whole for blob in self._blobs.pop(object_)}
        objects = np.unique(np.asarray(whole, dtype=np.uint64))
        return Replaced(objects, whole=objects, known=np.unique(np.asarray(list(known), dtype=np.uint64)))
