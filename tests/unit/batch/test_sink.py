"""Sink: what finished partitions wrote becomes visible, and what they replace goes in the same version."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from batch.done import Done, made_by
from batch.partitions import Extraction, Failure, Outcome, PluginRef
from batch.rows import ROW_COLUMNS
from batch.sink import Sink
from batch.writing import write
from core.collections import ExtractorConfig
from core.document_schema import MADE_BY, SOURCE_VERSION, document_schema
from core.settings import Settings
from core.stores.blobs import BlobRef
from core.stores.vectors import DocumentTable, Vectors
from core.tenancy import Scope
from plugin_sdk.manifest import Manifest

SCOPE = Scope("org_a", "ns_a")
MANIFEST = Manifest(name="x", version="1.0.0", output_schema={"properties": {"label": {"type": "string"}}})
CONFIG = ExtractorConfig(feature_extractor_name="x", version="1.0.0", plugin_id="x_1_0_0")
EXTRACTION = Extraction(
    Settings(), SCOPE, "bkt", "btch", "col_1", CONFIG, PluginRef(BlobRef("p", "x.zip"), "0" * 64, MANIFEST)
)


class Counts:
    """The records that a sink needs: counters alone."""

    def __init__(self) -> None:
        self.documents = self.place = 0

    def put_newer(self, pk: str, sk: str, numbers: dict[str, int], order: str, place: int) -> bool:
        if place <= self.place:
            return False
        self.documents, self.place = numbers["documents"], place
        return True


class Run:
    """A batch over one collection, partition by partition."""

    def __init__(self, table: DocumentTable, counts: Counts) -> None:
        self.table = table
        self.sink = Sink(counts, SCOPE, "col_1", table)  # type: ignore[arg-type]
        self.index = 0

    def partition(self, *blobs: tuple[str, str, str], documents: int = 1, fail: Collection[str] = ()) -> Outcome:
        """One whose rows are (object, blob, version); each gives so many documents, or fails."""
        outcome = Outcome(self.index, rows=len(blobs))
        self.index += 1
        planned = [
            {"document_id": f"doc_{int(b[1:]):x}", "object_id": o, "blob_id": b, SOURCE_VERSION: v} for o, b, v in blobs
        ]
        made = [
            row
            | {"document_id": row["document_id"] + (f"_{n}" if n else ""), "label": v, "collection_id": "col_1"}
            | {MADE_BY: made_by(EXTRACTION)}
            for row, (_, b, v) in zip(planned, blobs, strict=True)
            if b not in fail
            for n in range(documents)
        ]
        outcome.failures = [
            Failure(row["document_id"], row["object_id"], None, None, "bad")
            for row in planned
            if row["blob_id"] in fail
        ]
        table = pa.Table.from_pylist(made, self.table.schema)
        write(EXTRACTION, self.table, [table], pa.Table.from_pylist(planned, ROW_COLUMNS), outcome)
        return outcome

    def commit(self, *outcomes: Outcome) -> None:
        """All of them as one version."""
        self.sink._group += outcomes
        self.sink.commit()


@pytest.fixture
def table(tmp_path: Path) -> DocumentTable:
    return Vectors(str(tmp_path)).create(SCOPE, "col_1", document_schema(MANIFEST))


@pytest.fixture
def counts() -> Counts:
    return Counts()


def stored(table: DocumentTable) -> list[tuple[str, str, str]]:
    rows: list[dict[str, Any]] = table.list(limit=1000).documents
    return sorted((r["object_id"], r["document_id"], r["label"]) for r in rows)


def test_chunks_and_blobs_that_an_object_lost_go_in_the_commit_of_the_new_ones(
    table: DocumentTable, counts: Counts
) -> None:
    first = Run(table, counts)
    first.commit(
        first.partition(("o1", "b1", "v1.2"), ("o1", "b2", "v1.2"), ("o2", "b3", "v1"), documents=3),
    )
    assert (table.count(), counts.documents) == (9, 9)
    version = table.version

    second = Run(table, counts)
    second.commit(second.partition(("o1", "b1", "v2"), documents=2))

    assert table.version == version + 1
    assert stored(table) == [
        ("o1", "doc_1", "v2"),
        ("o1", "doc_1_1", "v2"),
        ("o2", "doc_3", "v1"),
        ("o2", "doc_3_1", "v1"),
        ("o2", "doc_3_2", "v1"),
    ]
    assert counts.documents == 5


def test_an_object_across_partitions_loses_its_old_blobs_with_its_last_partition(
    table: DocumentTable, counts: Counts
) -> None:
    first = Run(table, counts)
    first.commit(first.partition(("o1", "b1", "v1.3"), ("o1", "b2", "v1.3"), ("o1", "b9", "v1.3")))

    second = Run(table, counts)
    half, rest = second.partition(("o1", "b1", "v2.2")), second.partition(("o1", "b2", "v2.2"))
    second.commit(half)
    assert [label for _, _, label in stored(table)] == ["v2.2", "v1.3", "v1.3"]
    second.commit(rest)

    assert stored(table) == [("o1", "doc_1", "v2.2"), ("o1", "doc_2", "v2.2")]


def test_a_failed_blob_keeps_its_earlier_documents_and_is_not_done(table: DocumentTable, counts: Counts) -> None:
    first = Run(table, counts)
    first.commit(first.partition(("o1", "b1", "v1"), ("o2", "b2", "v1")))

    second = Run(table, counts)
    second.commit(second.partition(("o1", "b1", "v2"), ("o2", "b2", "v2"), fail={"b2"}))

    assert stored(table) == [("o1", "doc_1", "v2"), ("o2", "doc_2", "v1")]
    assert Done.of(table, EXTRACTION).objects(["o1", "o2"], ["v2", "v2"]) == [True, False]


def test_rows_that_gave_nothing_are_done_and_what_they_gave_before_is_gone(
    table: DocumentTable, counts: Counts
) -> None:
    first = Run(table, counts)
    first.commit(first.partition(("o1", "b1", "v1"), ("o2", "b2", "v1")))

    second = Run(table, counts)
    second.commit(second.partition(("o1", "b1", "v2"), documents=0))

    assert stored(table) == [("o2", "doc_2", "v1")]
    assert Done.of(table, EXTRACTION).objects(["o1", "o2"], ["v2", "v1"]) == [True, True]
    assert counts.documents == 1


def test_a_writer_does_not_look_into_what_it_wrote_itself(
    table: DocumentTable, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(table, counts)
    read: list[int] = []

    def note(dataset: Any, fragments: list[Any]) -> dict[int, Any]:
        read.append(len(fragments))
        return {}

    monkeypatch.setattr("core.stores.commits._read", note)

    for n in range(5):
        run.commit(run.partition((f"o{n}", f"b{n}", "v1")))

    assert table.count() == 5
    assert read == []
