"""Done: which objects a collection has finished with, so that a batch leaves them out.

An object is done when each of its blobs gave documents, or was processed and gave none, with this very plugin, these
parameters and this very content, and none of its rows failed. It costs 8 bytes an object here.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from batch.partitions import Extraction
from core.document_schema import HIDDEN, MADE_BY, SOURCE_VERSION
from core.filters import column, literal
from core.hashing import Hashes, among, hashes, paired
from core.stores.records import Body
from core.stores.vectors import DocumentTable

BULK = r"^obj_(?P<source>[0-9a-f]{19})_(?P<row>[0-9]{10})$"
"""Object ids of a bulk import's rows: the import's id without its `imp_`, then the row's number."""

MANY = re.compile(r"\.(\d+)\Z")
Rows = np.ndarray[Any, np.dtype[np.int64]]
NO_ROWS: Rows = np.empty(0, np.int64)


def made_by(extraction: Extraction) -> str:
    """The fingerprint of what makes a collection's documents: the plugin's bytes, parameters and mappings."""
    plugin = extraction.plugin.sha256 if extraction.plugin else None
    parts = [plugin, extraction.extractor.model_dump(mode="json")]
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:24]


def source_version(obj: Body) -> str:
    """The version of an object's content: another one as soon as a blob or a property changes.

    With several blobs their number stands at the end, after a dot: all of them must be done for the object to be.
    """
    blobs = obj.get("blobs") or []
    content = orjson.dumps([blobs, obj.get("metadata")], option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    digest = hashlib.blake2b(content, digest_size=9).hexdigest()
    return f"{digest}.{len(blobs)}" if len(blobs) > 1 else digest


def blobs_of(version: str | None) -> int:
    """How many blobs the object of this version has."""
    found = MANY.search(version or "")
    return int(found[1]) if found else 1


class Done:
    """The finished objects of one collection as they were when it was asked."""

    def __init__(self, objects: Hashes | None = None, rows: Mapping[str, tuple[Rows, Hashes]] | None = None) -> None:
        self._objects = np.empty(0, np.uint64) if objects is None else np.unique(objects)
        self._rows = dict(rows or {})
        self.skipped = 0
        """Objects that were asked for and are done."""

    @classmethod
    def of(
        cls, table: DocumentTable, extraction: Extraction, *, batch_id: str | None = None, since: datetime | None = None
    ) -> "Done":
        """What `extraction` finished in this collection.

        Args:
            batch_id: count what this batch wrote alone.
            since: and of that, what was written from then on.
        """
        if not set(table.schema.names) >= HIDDEN:
            return cls()  # documents of before there were such columns
        maker = made_by(extraction)
        only = [f"{column(MADE_BY)} = {literal(maker)}", f"{column(SOURCE_VERSION)} IS NOT NULL"]
        if batch_id is not None:
            only.append(_of_batch(batch_id, since))
        counting = _Counting()
        for part in table.scan(["object_id", "blob_id", SOURCE_VERSION], " AND ".join(only)):
            counting.add(part)
        if batch_id is None:
            for part in table.ledger.scan(maker):
                counting.add(part)
        return counting.done()

    def __bool__(self) -> bool:
        return bool(self._objects.size or self._rows)

    def object(self, object_id: str, version: str | None) -> bool:
        """Whether the object in this version is done."""
        return self.objects([object_id], [version])[0]

    @property
    def has_objects(self) -> bool:
        """Whether something is done that has an id of its own, and no row number."""
        return bool(self._objects.size)

    def known(self, object_ids: Any, versions: Any) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        """Which of these objects are done in these versions, none of which is null."""
        if not self._objects.size:
            return np.zeros(len(object_ids), dtype=np.bool_)
        return among(paired(hashes(object_ids), hashes(versions)), self._objects)

    def objects(self, object_ids: Sequence[str], versions: Sequence[str | None]) -> list[bool]:
        """The same for many at once, counted in `skipped`."""
        known = self.known(object_ids, versions)
        found: list[bool] = (known & np.asarray([v is not None for v in versions], dtype=np.bool_)).tolist()
        self.skipped += sum(found)
        return found

    def rows(self, import_id: str, start: int, stop: int, version: str | None = None) -> Rows:
        """The numbers of a bulk import's rows from `start` to before `stop` that are done; `version` None is any."""
        rows, versions = self._rows.get(import_id, (NO_ROWS, np.empty(0, np.uint64)))
        part = slice(int(np.searchsorted(rows, start)), int(np.searchsorted(rows, stop)))
        rows, versions = rows[part], versions[part]
        found = np.unique(rows if version is None else rows[versions == hashes([version])[0]])
        self.skipped += len(found)
        return found


def written_since(table: DocumentTable, batch_id: str, since: datetime) -> int:
    """Documents that a batch wrote from then on."""
    return table.count_where(_of_batch(batch_id, since))


def _of_batch(batch_id: str, since: datetime | None) -> str:
    ours = f"{column('batch_id')} = {literal(batch_id)}"
    return ours if since is None else f"{ours} AND {column('created_at')} >= timestamp {literal(since.isoformat())}"


class _Counting:
    """Rows of documents as they come, until it is known of which objects all blobs are there."""

    def __init__(self) -> None:
        self._single: list[Hashes] = []
        self._several: list[tuple[Hashes, Hashes, Rows]] = []
        self._bulk: dict[str, list[tuple[Rows, Hashes, Hashes, Rows]]] = {}

    def add(self, part: pa.RecordBatch) -> None:
        """Count these rows of documents or of the ledger."""
        bulk = pc.fill_null(pc.match_substring_regex(part["object_id"], BULK), False)
        if bulk.true_count:
            self._add_bulk(part.filter(bulk))
            part = part.filter(pc.invert(bulk))
        key = paired(hashes(part["object_id"]), hashes(part[SOURCE_VERSION]))
        needed = blobs_of_versions(part[SOURCE_VERSION])
        self._single.append(np.unique(key[needed == 1]))
        several = needed > 1
        if several.any():
            self._several.append((key[several], hashes(part["blob_id"])[several], needed[several]))

    def _add_bulk(self, part: pa.RecordBatch) -> None:
        found = pc.extract_regex(part["object_id"], BULK)
        sources = pc.dictionary_encode(found.field("source"))
        rows = pc.cast(found.field("row"), pa.int64()).to_numpy()
        facts = rows, hashes(part[SOURCE_VERSION]), hashes(part["blob_id"]), blobs_of_versions(part[SOURCE_VERSION])
        for code, source in enumerate(sources.dictionary.to_pylist()):
            mine = sources.indices.to_numpy() == code
            self._bulk.setdefault(f"imp_{source}", []).append(tuple(fact[mine] for fact in facts))

    def done(self) -> Done:
        """What is finished of all that was counted."""
        objects = [*self._single]
        if self._several:
            key, blob, needed = (np.concatenate(column) for column in zip(*self._several, strict=True))
            objects.append(key[_complete(key, blob, needed)])
        rows = {}
        for source, parts in self._bulk.items():
            number, version, blob, needed = (np.concatenate(column) for column in zip(*parts, strict=True))
            places = _complete(paired(number.astype(np.uint64), version), blob, needed)
            places = places[np.argsort(number[places], kind="stable")]
            rows[source] = number[places], version[places]
        return Done(np.concatenate(objects) if objects else None, rows)


def _complete(key: Hashes, blob: Hashes, needed: Rows) -> Rows:
    """One place of each key of which as many different blobs are there as it needs."""
    _, firsts = np.unique(paired(key, blob), return_index=True)
    _, places, counts = np.unique(key[firsts], return_index=True, return_counts=True)
    places = firsts[places]
    return np.asarray(places[counts >= needed[places]])


def blobs_of_versions(versions: Any) -> Rows:
    """How many blobs the objects of these versions have; most have one, and their versions are not looked at singly."""
    needed = np.ones(len(versions), dtype=np.int64)
    several = np.flatnonzero(pc.match_substring(versions, ".").to_numpy(zero_copy_only=False))
    needed[several] = [blobs_of(v) for v in versions.take(pa.array(several)).to_pylist()]
    return needed
