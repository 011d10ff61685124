"""Document counts: what is written down is what the dataset holds, whoever counts late, twice, or not at all."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from batch.tending import tend
from core.document_counts import document_counts, note_count
from core.document_schema import document_schema
from core.errors import NotFound, StoreUnavailable
from core.stores import Stores
from core.stores.vectors import DocumentTable, Vectors
from tests.unit.core.samples import SCOPE

SCHEMA = document_schema(None, {"properties": {}})


@pytest.fixture
def vectors(tmp_path: Path) -> Vectors:
    return Vectors(str(tmp_path))


@pytest.fixture
def table(vectors: Vectors) -> DocumentTable:
    return vectors.create(SCOPE, "col_1", SCHEMA)


def write(table: DocumentTable, *ids: str) -> None:
    rows = [{"document_id": i, "collection_id": "col_1", "object_id": f"obj_{i}"} for i in ids]
    table.commit(table.write_fragments(pa.Table.from_pylist(rows, schema=SCHEMA)))


def noted(stores: Stores) -> int:
    return document_counts(stores, SCOPE, ["col_1"])["col_1"]


class Late:
    """A table as it was when it was counted; its writer was held up before it wrote that down."""

    def __init__(self, table: DocumentTable) -> None:
        self._found = table.counted()

    def counted(self) -> tuple[int, int]:
        return self._found


class Gone:
    """A table that was dropped."""

    def counted(self) -> tuple[int, int]:
        raise NotFound("It is gone.", "Run a batch.")


def test_count_that_comes_late_or_twice_changes_nothing(moto_stores: Stores, table: DocumentTable) -> None:
    write(table, "a", "b")
    late = Late(table)
    write(table, "c")
    note_count(moto_stores.records, SCOPE, "col_1", table)

    for countable in (late, table, table):
        note_count(moto_stores.records, SCOPE, "col_1", countable)

    assert noted(moto_stores) == 3


def test_lost_answer_counts_nothing_twice(
    moto_stores: Stores, table: DocumentTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = moto_stores.records.put_newer

    def unheard(*given: Any) -> bool:
        real(*given)
        raise StoreUnavailable("The answer was lost.", "Try again.")

    write(table, "a", "b")
    with monkeypatch.context() as patch:
        patch.setattr(type(moto_stores.records), "put_newer", lambda _, *given: unheard(*given))
        with pytest.raises(StoreUnavailable):
            note_count(moto_stores.records, SCOPE, "col_1", table)

    note_count(moto_stores.records, SCOPE, "col_1", table)

    assert noted(moto_stores) == 2


def test_writer_that_ended_before_it_counted_is_made_up_for_by_tending(
    moto_stores: Stores, vectors: Vectors, table: DocumentTable
) -> None:
    write(table, "a", "b")
    assert noted(moto_stores) == 0

    tend(moto_stores, vectors, SCOPE, "col_1")

    assert noted(moto_stores) == 2


def test_count_of_earlier_releases_is_corrected(moto_stores: Stores, table: DocumentTable) -> None:
    moto_stores.records.add(SCOPE.key("collection_counts"), "col_1", {"documents": 7})
    write(table, "a")

    note_count(moto_stores.records, SCOPE, "col_1", table)

    assert noted(moto_stores) == 1


def test_writers_at_once_leave_the_count_of_the_last_version(moto_stores: Stores, table: DocumentTable) -> None:
    barrier = threading.Barrier(8)

    def work(n: int) -> None:
        barrier.wait(60)
        write(table, f"d{n}")
        note_count(moto_stores.records, SCOPE, "col_1", table)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert noted(moto_stores) == table.count() == 8


def test_collections_are_counted_together_and_those_without_documents_have_none(
    moto_stores: Stores, table: DocumentTable
) -> None:
    write(table, "a")
    note_count(moto_stores.records, SCOPE, "col_1", table)
    note_count(moto_stores.records, SCOPE, "col_2", Gone())

    assert document_counts(moto_stores, SCOPE, ["col_1", "col_2"]) == {"col_1": 1, "col_2": 0}
    assert document_counts(moto_stores, SCOPE, []) == {}
