"""Ids: which row of an import has which id of its own, all at once; `core/imported.py` finds a single one."""

from typing import Any, NamedTuple, Self

import numpy as np

from core.imported import ids_ref
from core.imports import Import
from core.stores import Stores
from core.tenancy import Scope

ENTRY = np.dtype([("digest", "<u8"), ("row", "<i8")])


class Ids(NamedTuple):
    """Digests in order, and the row of each."""

    digests: Any
    rows: Any

    @classmethod
    def read(cls, stores: Stores, scope: Scope, found: Import) -> Self:
        """All of an import's."""
        entries = np.frombuffer(stores.blobs.get(ids_ref(stores, scope, found)), ENTRY)
        return cls(entries["digest"], entries["row"])


def write_ids(stores: Stores, scope: Scope, wanted: Import, ids: Ids) -> None:
    """Keep them beside the import's manifest."""
    entries = np.empty(len(ids.rows), ENTRY)
    entries["digest"], entries["row"] = ids.digests, ids.rows
    stores.blobs.put(ids_ref(stores, scope, wanted), entries.tobytes())
