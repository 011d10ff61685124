"""Reading of a plan's objects: every one that is there, in the batch's order, whether it lies among others or not."""

import itertools
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch import plan
from batch.bulk.parts import BulkPart, BulkSource, Column
from batch.bulk.pieces import parts_of
from batch.partitions import Partition
from batch.plan import read_objects
from batch.reading import Reader
from core.imports import SourceFile
from core.objects import Blob, Object
from core.stores import Stores
from core.stores.records import Entry
from tests.unit.batch.test_bulk_reading import SCHEMA, TEXT, YEAR, bodies, extraction, put, source

SOURCE = BulkSource("imp_0123456789abcdef012", "obj_0123456789abcdef012", (Column("text", "t", "text", "text"),))
FILES = [SourceFile("s3://b/1", "e1", 10, (30, 0, 30)), SourceFile("s3://b/2", "e2", 10, (40,))]


@pytest.mark.parametrize("chosen", [slice(None), slice(None, None, 7), slice(20, 21), slice(100, 260)])
@pytest.mark.parametrize("shuffled", [False, True])
def test_every_object_comes_once_in_the_batch_s_order(
    moto_stores: Stores, monkeypatch: pytest.MonkeyPatch, chosen: slice, shuffled: bool
) -> None:
    monkeypatch.setattr(plan, "IDS_PER_PAGE", 120)
    job = extraction(moto_stores)
    pk = job.scope.key("object", job.bucket_id)
    ids = [f"obj_{i:019x}" for i in range(400)]
    moto_stores.records.put_many([Entry(pk, i, Object(object_id=i, bucket_id=job.bucket_id).body()) for i in ids])
    wanted = ids[chosen]
    if shuffled:
        random.Random(1).shuffle(wanted)

    pages = read_objects(moto_stores, job, [[*wanted, "obj_gone"]])

    assert [body["object_id"] for bodies, _ in pages for body in bodies] == wanted


@pytest.mark.parametrize(
    "filters", [{"year": {"gte": 3}}, {"AND": [{"field": "metadata.year", "operator": "gte", "value": 3}]}]
)
def test_a_collection_takes_what_its_source_filters_let_through(moto_stores: Stores, filters: dict[str, Any]) -> None:
    job = replace(extraction(moto_stores), source_filters=filters)
    pk = job.scope.key("object", job.bucket_id)
    objects = [
        Object(
            object_id=f"obj_{i}",
            bucket_id=job.bucket_id,
            metadata={"year": i},
            blobs=[Blob(blob_id=f"b{i}", property="text", type="text", data="x")],
        )
        for i in range(6)
    ]
    moto_stores.records.put_many([Entry(pk, o.object_id, o.body()) for o in objects])
    (piece,) = put(moto_stores, bodies(6))
    rows = Partition.named(0, BulkPart.of(source(TEXT, YEAR), (piece,)))

    (planned,) = plan.plan(moto_stores, job, [[o.object_id for o in objects]], SCHEMA, lambda: 100)

    for partition in (planned, rows):
        assert Reader(moto_stores.blobs).table(job, partition, SCHEMA)["year"].to_pylist() == [3, 4, 5]


class Ended:
    """Says which rows are finished."""

    def __init__(self, *rows: int) -> None:
        self._rows = np.array(sorted(rows), dtype=np.int64)

    def __bool__(self) -> bool:
        return bool(self._rows.size)

    def rows(self, import_id: str, start: int, stop: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
        assert import_id == SOURCE.import_id
        return self._rows[(self._rows >= start) & (self._rows < stop)]


def numbers(parts: list[BulkPart]) -> list[int]:
    return [int(n) for part in parts for n in part.numbers]


GROUPS = st.lists(st.integers(0, 50) | st.integers(8_000, 20_000), min_size=1, max_size=8)


@given(groups=GROUPS, limits=st.lists(st.integers(1, 120) | st.integers(5_000, 40_000), min_size=1, max_size=10))
def test_parts_hold_every_row_once_and_at_most_as_many_as_the_limit_says(groups: list[int], limits: list[int]) -> None:
    asked, told = itertools.cycle(limits), []

    def limit() -> int:
        told.append(next(asked))
        return told[-1]

    parts = list(parts_of(SOURCE, [SourceFile("s3://b/1", "e1", 10, tuple(groups))], limit))

    assert numbers(parts) == list(range(sum(groups)))
    assert all(part.rows <= most for part, most in zip(parts, told, strict=False))


@pytest.mark.parametrize(("groups", "limit", "sizes"), [
    ((60, 60, 60), 65, [60, 60, 60]),
    ((60, 60, 60), 50, [30] * 6),
    ((60, 60, 60), 130, [120, 60]),
    ((20, 20, 60, 20), 50, [40, 30, 50]),
    ((10, 60, 60), 60, [60, 60, 10]),
    ((0.3, 0.3, 0.3), 0.25, [0.25, 0.25, 0.25, 0.15]),
])  # fmt: skip
def test_a_part_rather_ends_with_a_large_row_group(groups: tuple[float, ...], limit: float, sizes: list[float]) -> None:
    """All in thousands of rows."""
    file = SourceFile("s3://b/1", "e1", 10, tuple(round(rows * 1000) for rows in groups))

    parts = parts_of(SOURCE, [file], lambda: round(limit * 1000))

    assert [part.rows / 1000 for part in parts] == sizes


def test_finished_rows_and_what_was_not_asked_for_are_left_out() -> None:
    ended = Ended(*range(30), 35, 99)

    parts = list(parts_of(SOURCE, FILES, lambda: 20, None, ended))
    some = list(parts_of(SOURCE, FILES, lambda: 20, np.array([2, 35, 36, 70]), ended))

    assert numbers(parts) == [n for n in range(30, 99) if n != 35]
    assert all(piece.first_row >= 30 for part in parts for piece in part.pieces)
    assert numbers(some) == [36, 70]
    assert list(parts_of(SOURCE, FILES, lambda: 20, None, Ended(*range(100)))) == []
