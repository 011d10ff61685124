"""Repeated columns: the value as often as asked for, from memory that is shared where it may be."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from batch import repeated as module
from batch.repeated import KEPT, KEPT_BYTES, repeated

TIME = pa.timestamp("us", tz="UTC")
CASES: list[tuple[Any, pa.DataType]] = [
    ("text/plain", pa.string()),
    ("", pa.string()),
    ("日本 😀", pa.string()),
    (None, pa.string()),
    (None, pa.int64()),
    (None, pa.bool_()),
    (None, pa.list_(pa.string())),
    (None, pa.list_(pa.float32(), 3)),
    (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), TIME),
]


@pytest.mark.parametrize(("value", "kind"), CASES, ids=str)
def test_a_column_holds_its_value_so_many_times_whatever_was_asked_before(value: Any, kind: pa.DataType) -> None:
    for count in (0, 5, 3, 100, 7, 1):
        column = repeated(value, count, kind)

        column.validate(full=True)
        assert column.equals(pa.array([value] * count, kind))
        assert column.nbytes <= pa.array([value] * count, kind).nbytes + 64


def test_shorter_columns_are_cut_from_longer_ones() -> None:
    long, short = repeated("shared", 1_000), repeated("shared", 10)

    assert [b.address for b in long.buffers()[1:]] == [b.address for b in short.buffers()[1:]]


def test_values_that_look_alike_in_another_type_stay_apart() -> None:
    assert repeated(None, 2).type == pa.string()
    assert repeated(None, 2, pa.int64()).type == pa.int64()


def test_what_is_kept_is_bounded_in_number_and_size() -> None:
    for i in range(3 * KEPT):
        repeated(f"value {i}", 10)
    repeated("x" * 1_000, KEPT_BYTES // 1_000 + 1)

    assert len(module._made) == KEPT
    assert all(array.nbytes <= KEPT_BYTES for array in module._made.values())
