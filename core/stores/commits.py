"""Commits: new fragments made visible, and in the same version what they replace removed.

What a commit removes is found by the object: for each object that a batch works on, the rows that it gave before are
looked up by 64-bit numbers of their ids. A writer never looks into what it wrote itself, so a new collection costs it
nothing, and it reads what others wrote once.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lance.fragment import FragmentMetadata

from core.filters import column, literal
from core.hashing import Hashes, among, hashes
from core.stores.datasets import COMMIT_ATTEMPTS, Dataset
from core.stores.rows import ID

OBJECT, BLOB, CREATED = "object_id", "blob_id", "created_at"
NONE: Hashes = np.empty(0, np.uint64)
ID_CHUNK = 1_000


class Replacing(Protocol):
    """What can say whose earlier documents a commit removes."""

    def replaced(self) -> "Replaced":
        """Those, as numbers of ids."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """Whose earlier documents a commit removes, as numbers of ids (`core/hashing.py`); small enough to send around.

    Args:
        objects: the object of each blob.
        blobs: blobs whose earlier documents go.
        whole: objects of which `known` names every blob: what they gave from any other blob goes too.
        known: the blobs of these objects.
    """

    objects: Hashes = field(default_factory=lambda: NONE)
    blobs: Hashes = field(default_factory=lambda: NONE)
    whole: Hashes = field(default_factory=lambda: NONE)
    known: Hashes = field(default_factory=lambda: NONE)

    @classmethod
    def of(cls, parts: Sequence[Replacing]) -> "Replaced":
        """All of `parts` at once."""
        told = [part.replaced() for part in parts]
        return cls(*(_union([getattr(p, name) for p in told]) for name in ("objects", "blobs", "whole", "known")))

    @classmethod
    def blobs_of(cls, object_ids: Any, blob_ids: Any) -> "Replaced":
        """The blobs of these ids, each of the object beside it."""
        return cls(_union([hashes(object_ids)]), _union([hashes(blob_ids)]))

    def replaced(self) -> "Replaced":
        """Itself."""
        return self

    def holds(self, objects: Hashes, blobs: Hashes) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        """Which rows, given by object and blob, are removed."""
        lost = among(objects, self.whole) & ~among(blobs, self.known)
        return np.asarray(among(blobs, self.blobs) | lost)


@dataclass(frozen=True, slots=True)
class Present:
    """The rows of a fragment, in the order of their objects' numbers."""

    state: tuple[int, int]
    objects: Hashes
    blobs: Hashes
    addresses: Hashes

    def stale(self, replaced: Replaced) -> Hashes:
        """The addresses of those that a commit removes."""
        low = np.searchsorted(self.objects, replaced.objects, "left")
        high = np.searchsorted(self.objects, replaced.objects, "right")
        hit = np.flatnonzero(high > low)
        if not hit.size:
            return NONE
        places = np.concatenate([np.arange(low[i], high[i]) for i in hit])
        return np.asarray(self.addresses[places[replaced.holds(self.objects[places], self.blobs[places])]])


class Tried(NamedTuple):
    """A commit that may have happened though it failed: the files it adds, the rows it removes, what was before it."""

    paths: frozenset[str] = frozenset()
    removed: int = 0
    before: lance.LanceDataset | None = None


class Writer:
    """The commits of one batch to one collection, one after the other."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._own: set[str] = set()
        self._present: dict[int, Present] = {}
        self._tried = Tried()

    def commit(self, fragments: Sequence[Mapping[str, Any]], replaced: Sequence[Replacing] = ()) -> int:
        """Make fragments visible and remove all earlier documents that they replace, as one version.

        Should another writer add documents of the same objects in the same instant, the later commit removes them.

        Returns:
            Documents that were removed.

        Raises:
            StoreUnavailable: other writers kept getting in between.
        """
        pending = [FragmentMetadata.from_json(json.dumps(f)) for f in fragments]
        removed, before, after = self._dataset.change(partial(self._replace, pending, replaced))
        self._own |= {file.path for fragment in pending for file in fragment.files}
        if after.version > before.version + 1 and replaced:
            removed += self._remove_others(before, after, Replaced.of(replaced))
        return removed

    def _replace(
        self, fragments: list[FragmentMetadata], replaced: Sequence[Replacing], dataset: lance.LanceDataset
    ) -> tuple[int, lance.LanceDataset, lance.LanceDataset]:
        paths = frozenset(file.path for fragment in fragments for file in fragment.files)
        if paths and paths == self._tried.paths and paths & _paths(dataset.get_fragments()):
            return self._tried.removed, self._tried.before or dataset, dataset  # the answer to it was lost
        stale = self._stale(dataset, replaced)
        if stale.size == 0 and not fragments:
            return 0, dataset, dataset
        self._tried = Tried(paths, int(stale.size), dataset)
        operation: Any = lance.LanceOperation.Append(fragments)
        if stale.size:
            removed, updated = _without(dataset, stale)
            operation = lance.LanceOperation.Update(removed, updated, fragments, [])
        after = lance.LanceDataset.commit(dataset, operation, read_version=dataset.version, max_retries=COMMIT_ATTEMPTS)
        return int(stale.size), dataset, after

    def _stale(self, dataset: lance.LanceDataset, replaced: Sequence[Replacing]) -> Hashes:
        """Row addresses (fragment << 32 | offset) of what others wrote and this commit replaces."""
        if not replaced:
            return NONE
        foreign = [f for f in dataset.get_fragments() if not self._is_own(f)]
        unread = [
            f for f in foreign if f.fragment_id not in self._present or self._present[f.fragment_id].state != _state(f)
        ]
        if unread:
            self._present |= _read(dataset, unread)
        if not foreign:
            return NONE
        together = Replaced.of(replaced)
        return _joined([self._present[f.fragment_id].stale(together) for f in foreign])

    def _remove_others(self, before: lance.LanceDataset, after: lance.LanceDataset, replaced: Replaced) -> int:
        """Remove what others added of the same objects between the version that was read and this commit.

        The rows are named by id and time: by now compaction may have moved them to another address.
        """
        known = {f.fragment_id for f in before.get_fragments()}
        added = [f for f in after.get_fragments() if f.fragment_id not in known and not self._is_own(f)]
        if not added:
            return 0
        stale = _joined([present.stale(replaced) for present in _read(after, added).values()])
        if not stale.size:
            return 0
        table = after.scanner(columns=[ID, CREATED], with_row_address=True, fragments=added).to_table()
        rows = table.filter(pc.is_in(table["_rowaddr"], value_set=pa.array(stale)))
        return sum(self._dataset.change(partial(_delete, where)) for where in _named(rows))

    def _is_own(self, fragment: lance.LanceFragment) -> bool:
        return bool(_paths([fragment]) & self._own)


def _paths(fragments: Iterable[lance.LanceFragment]) -> set[str]:
    return {file.path for fragment in fragments for file in fragment.metadata.files}


def _state(fragment: lance.LanceFragment) -> tuple[int, int]:
    return fragment.physical_rows, fragment.num_deletions


def _read(dataset: lance.LanceDataset, fragments: list[lance.LanceFragment]) -> dict[int, Present]:
    """The rows of these fragments, by fragment."""
    scanner = dataset.scanner(columns=[OBJECT, BLOB], fragments=fragments, with_row_address=True)
    parts = [
        (hashes(batch[OBJECT]), hashes(batch[BLOB]), batch["_rowaddr"].to_numpy()) for batch in scanner.to_batches()
    ]
    objects, blobs, addresses = (_joined([part[i] for part in parts]) for i in range(3))
    owners = addresses >> np.uint64(32)
    found = {}
    for fragment in fragments:
        mine = np.flatnonzero(owners == np.uint64(fragment.fragment_id))
        mine = mine[np.argsort(objects[mine], kind="stable")]
        found[fragment.fragment_id] = Present(_state(fragment), objects[mine], blobs[mine], addresses[mine])
    return found


def _without(dataset: lance.LanceDataset, addresses: Hashes) -> tuple[list[int], list[FragmentMetadata]]:
    """Fragments that lose all their rows, and those that lose some, as they would be without `addresses`."""
    removed, updated = [], []
    fragments, offsets = addresses >> np.uint64(32), addresses & np.uint64(0xFFFFFFFF)
    for fragment_id in np.unique(fragments).tolist():
        fragment = dataset.get_fragment(fragment_id)
        assert fragment is not None  # the address was read from this very version
        rest = fragment.delete_rows(offsets[fragments == fragment_id].tolist())
        if rest is None:
            removed.append(int(fragment_id))
        else:
            updated.append(rest)
    return removed, updated


def _named(rows: pa.Table) -> list[str]:
    """Conditions that hold for these rows alone."""
    conditions = []
    for created in rows[CREATED].unique():
        same = pc.is_in(rows[CREATED], value_set=pa.array([created.as_py()], created.type))
        ids = rows.filter(same)[ID].to_pylist()
        moment = f"= timestamp {literal(created.as_py().isoformat())}" if created.is_valid else "IS NULL"
        at = f"{column(CREATED)} {moment}"
        for start in range(0, len(ids), ID_CHUNK):
            listed = ", ".join(map(literal, ids[start : start + ID_CHUNK]))
            conditions.append(f"{at} AND {column(ID)} IN ({listed})")
    return conditions


def _delete(where: str, dataset: lance.LanceDataset) -> int:
    return int(dataset.delete(where)["num_deleted_rows"])


def _joined(parts: Sequence[Hashes]) -> Hashes:
    return np.concatenate(parts) if parts else NONE


def _union(parts: Sequence[Hashes]) -> Hashes:
    return np.unique(np.concatenate(parts)) if parts else NONE
