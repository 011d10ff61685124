"""Rewriting: which of its documents a retry will write again, and what counts if an attempt at it was cut short."""

from pathlib import Path

import pyarrow as pa
import pytest

from batch.partitions import Outcome
from batch.report import Report
from batch.rewriting import counted
from core.batches import Batch
from core.document_schema import document_schema
from core.hashing import hashes
from core.retries import Earlier
from core.stores import Stores
from core.stores.commits import Replaced
from core.stores.vectors import DocumentTable, Vectors
from tests.unit.core.samples import SCOPE

SCHEMA = document_schema(None, {"properties": {}})
BATCH = Batch(batch_id="btch_1", bucket_id="bkt_1", object_count=2)
AGAIN = Earlier(written=5, retries={"obj_a": 1})
"""Of five documents, three are of the object that is run again."""


@pytest.fixture
def vectors(tmp_path: Path) -> Vectors:
    return Vectors(str(tmp_path))


@pytest.fixture
def table(vectors: Vectors) -> DocumentTable:
    made = vectors.create(SCOPE, "col_1", SCHEMA)
    write(made, "obj_a", "blob_1", "doc_1", "doc_1_1")
    write(made, "obj_a", "blob_2", "doc_2")
    write(made, "obj_b", "blob_3", "doc_3", "doc_4")
    write(made, "obj_a", "blob_4", "doc_5", batch_id="btch_2")
    return made


def write(table: DocumentTable, obj: str, blob: str, *ids: str, batch_id: str = BATCH.batch_id) -> Replaced:
    """Documents of one blob, in place of those that it gave before."""
    rows = [{"document_id": i, "collection_id": "col_1", "object_id": obj, "blob_id": blob} for i in ids]
    rows = [row | {"batch_id": batch_id} for row in rows]
    replaced = Replaced.blobs_of([obj], [blob])
    table.commit(table.write_fragments(pa.Table.from_pylist(rows, schema=SCHEMA)), replaced)
    return replaced


def test_documents_are_told_apart_by_blob(moto_stores: Stores, vectors: Vectors, table: DocumentTable) -> None:
    found = counted(moto_stores, vectors, SCOPE, BATCH, ["col_1", "col_none"], AGAIN)

    one, two = hashes(["blob_1", "blob_2"]).tolist()
    assert (found.written, found.others) == (5, 2)
    assert found.rewritten == {"col_1": {one: 2, two: 1}, "col_none": {}}


def test_attempt_that_was_cut_short_counts_by_what_it_wrote(
    moto_stores: Stores, vectors: Vectors, table: DocumentTable
) -> None:
    counted(moto_stores, vectors, SCOPE, BATCH, ["col_1"], AGAIN)
    write(table, "obj_a", "blob_2", "doc_2", "doc_2_1", "doc_2_2")

    found = counted(moto_stores, vectors, SCOPE, BATCH, ["col_1"], AGAIN)

    assert (found.written, found.others) == (7, 2)


def test_what_is_replaced_is_taken_back_once(moto_stores: Stores, vectors: Vectors, table: DocumentTable) -> None:
    before = counted(moto_stores, vectors, SCOPE, BATCH, ["col_1"], AGAIN)
    report = Report(moto_stores, SCOPE, BATCH, ["col_1"], rows=1, before=before)

    for index in range(2):  # a partition may name a blob again
        replaced = write(table, "obj_a", "blob_1", f"doc_1{index}")
        report.add("col_1", Outcome(index, rows=1, written=1 - index, replaced=replaced))

    assert report.counts.written == 4
