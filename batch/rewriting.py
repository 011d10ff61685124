"""Rewriting: what a retry writes over what its batch wrote before, so that no document counts twice.

A retry runs whole objects, also those blobs of theirs that gave their documents already.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.batches import Batch
from core.errors import NotFound
from core.filters import column, literal
from core.hashing import among, hashes
from core.retries import Earlier, first_count
from core.stores import Stores
from core.stores.commits import BLOB, OBJECT
from core.stores.vectors import Vectors
from core.tenancy import Scope


def counted(
    stores: Stores, vectors: Vectors, scope: Scope, batch: Batch, collection_ids: Sequence[str], before: Earlier
) -> Earlier:
    """`before` with the documents of objects that are run again told from the others.

    What the others gave is kept from the retry's first attempt on: one that is killed has written some of the former.
    """
    rewritten = {c: _documents(vectors, scope, batch.batch_id, c, before) for c in collection_ids}
    again = sum(sum(blobs.values()) for blobs in rewritten.values())
    others = first_count(stores, scope, batch.batch_id, max(before.written - again, 0))
    return replace(before, written=others + again, others=others, rewritten=rewritten)


def _documents(vectors: Vectors, scope: Scope, batch_id: str, collection_id: str, before: Earlier) -> dict[int, int]:
    """How many documents the batch wrote of each blob, by number, of the objects that are run again."""
    try:
        table = vectors.open(scope, collection_id)
    except NotFound:
        return {}
    objects = np.unique(hashes(list(before.retries)))
    found: dict[int, int] = {}
    for part in table.scan([OBJECT, BLOB], f"{column('batch_id')} = {literal(batch_id)}"):
        blobs, counts = np.unique(hashes(part[BLOB])[among(hashes(part[OBJECT]), objects)], return_counts=True)
        for blob, count in zip(blobs.tolist(), counts.tolist(), strict=True):
            found[blob] = found.get(blob, 0) + count
    return found
