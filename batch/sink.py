"""Sink: makes the fragments of finished partitions visible in groups, the first at once, the rest every few seconds."""

import time

from batch.partitions import Outcome
from batch.patience import patient
from core.stores.records import Records
from core.stores.vectors import DocumentTable
from core.tenancy import Scope

GROUP_S = 2.0
GROUP_PARTITIONS = 64


class Sink:
    """The one writer of a collection's commits during a batch."""

    def __init__(self, records: Records, scope: Scope, collection_id: str, table: DocumentTable) -> None:
        self._records, self._scope, self._collection_id, self._table = records, scope, collection_id, table
        self._group: list[Outcome] = []
        self._last_commit = float("-inf")

    def add(self, outcome: Outcome) -> None:
        """Take a finished partition, and commit the group when it is due."""
        self._group.append(outcome)
        due = time.monotonic() - self._last_commit >= GROUP_S
        if due or len(self._group) >= GROUP_PARTITIONS:
            self.commit()

    def commit(self) -> None:
        """Make the group visible, together with the removal of what it replaces."""
        if not self._group:
            return
        group, self._group = self._group, []
        fragments = [fragment for outcome in group for fragment in outcome.fragments]
        replaces = [blob for outcome in group for blob in outcome.replaces]
        removed = patient(self._table.commit)(fragments, replaces)
        self._last_commit = time.monotonic()
        delta = sum(outcome.written for outcome in group) - removed
        if delta:
            key = self._scope.key("collection_counts")
            patient(self._records.add)(key, self._collection_id, {"documents": delta})

    def close(self) -> None:
        """Commit what is left and bring the index on ids up to date."""
        self.commit()
        patient(self._table.index)()
