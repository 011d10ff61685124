"""Document counts: how many documents each collection has, where those find it who can't read its dataset.

What is written down is what the dataset says of one of its versions, and only over what was said of an earlier one. So
no count can be wrong for longer than until the next writing, whatever ends, comes twice or overtakes another in between.
"""

from collections.abc import Sequence
from typing import Protocol

from core.errors import NotFound
from core.stores import Stores
from core.stores.records import Records
from core.tenancy import Scope

COUNTS = "collection_counts"


class Countable(Protocol):
    """A collection's documents."""

    def counted(self) -> tuple[int, int]:
        """The latest version, and how many documents it has."""
        ...


def note_count(records: Records, scope: Scope, collection_id: str, table: Countable) -> None:
    """Write down how many documents the table has now; of one that was dropped there is nothing to say."""
    try:
        version, documents = table.counted()
    except NotFound:
        return
    records.put_newer(scope.key(COUNTS), collection_id, {"documents": documents}, "counted_at", version)


def document_counts(stores: Stores, scope: Scope, collection_ids: Sequence[str]) -> dict[str, int]:
    """Documents in each collection, as it was counted after the last change of it."""
    found = stores.records.counters_of(scope.key(COUNTS), collection_ids)
    return {i: found.get(i, {}).get("documents", 0) for i in collection_ids}
