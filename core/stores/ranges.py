"""Ranges: where in the order of ids a page ends, so that a page of a million documents is looked up and not sorted.

A sample of the ids, kept in this process, says how far a page may reach; a range that turns out too short is widened,
so what the sample misses costs time and nothing else.
"""

import bisect
import threading
from collections.abc import Iterator

import lance

from core.stores.rows import ID

LARGE_ROWS = 50_000
SAMPLED = 2_000
WIDER = 8
GROWN = 2.0
MOST_KEPT = 1_000


class Ranges:
    """The samples of the datasets that this process pages through."""

    def __init__(self) -> None:
        self._samples: dict[str, tuple[int, list[str]]] = {}
        self._guard = threading.Lock()

    def ends(self, dataset: lance.LanceDataset, after: str | None, wanted: int) -> Iterator[str | None]:
        """Ids behind `after` up to which to look for `wanted` documents, ever farther; None at last: to the end."""
        rows = dataset.count_rows()
        if rows >= LARGE_ROWS and any(i.field_names == [ID] for i in dataset.describe_indices()):
            ids = self._sample(dataset, rows)
            step = 1 + wanted * len(ids) // max(rows, 1)
            place = bisect.bisect_right(ids, after) if after else 0
            while place + step < len(ids):
                yield ids[place + step]
                step *= WIDER
        yield None

    def _sample(self, dataset: lance.LanceDataset, rows: int) -> list[str]:
        with self._guard:
            known = self._samples.get(dataset.uri)
            if known and known[0] / GROWN <= rows <= known[0] * GROWN:
                return known[1]
        ids = sorted(dataset.sample(SAMPLED, columns=[ID])[ID].to_pylist())
        with self._guard:
            if len(self._samples) >= MOST_KEPT:
                self._samples.pop(next(iter(self._samples)))
            self._samples[dataset.uri] = rows, ids
        return ids


ranges = Ranges()
