"""Compact tables: what a host makes of one is the very frame that the table itself gives."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from plugin_sdk.frames import to_frame
from plugin_sdk.host.compact import SMALL_BYTES, compacted, restored
from plugin_sdk.host.tables import Known, read_table, size_of, write_into

ROWS = 200
TEXTS = pa.array([f"text {i}".ljust(SMALL_BYTES // ROWS + 1) for i in range(ROWS)])
JSON = {b"openpeek": b"json"}


def sent(table: pa.Table) -> pa.Table:
    """The table as the host has it, in memory that can only be read."""
    compact = compacted(table)
    memory = pa.py_buffer(bytearray(size_of(compact)))
    write_into(memory, compact)
    return restored(read_table(pa.py_buffer(memory.to_pybytes()), Known()))


def planned() -> pa.Table:
    constant = {
        "mime_type": pa.scalar("text/plain"),
        "blob_url": pa.scalar(None, pa.string()),
        "count": pa.scalar(7, pa.int64()),
        "missing": pa.scalar(None, pa.int64()),
        "flag": pa.scalar(True),
        "empty": pa.scalar(""),
        "ratio": pa.scalar(float("nan")),
    }
    columns = {"data": TEXTS, "document_id": pa.array([f"doc_{i}" for i in range(ROWS)]), "text": TEXTS}
    columns |= {name: pa.repeat(value, ROWS) for name, value in constant.items()}
    columns |= {
        "number": pa.array(range(ROWS)),
        "same number": pa.array([None, *range(ROWS - 1)]),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(np.ones(ROWS * 2, np.float32)), 2),
        "mostly": pa.array([None] * (ROWS - 1) + ["x"]),
    }
    table = pa.table(columns)
    facts = pa.field("facts", pa.string(), metadata=JSON)
    return table.append_column(facts, pa.repeat('{"a":1}', ROWS)).append_column("as text", table["number"])


@pytest.mark.parametrize(
    "table",
    [
        planned(),
        planned().slice(3, 150),
        planned().drop_columns(["data", "text"]),
        planned().slice(0, 0),
        pa.concat_tables([planned(), planned()]),
        planned().filter(pa.array([i % 2 == 0 for i in range(ROWS)])),
    ],
    ids=["whole", "sliced", "small", "empty", "in two chunks", "filtered"],
)
def test_a_frame_of_a_compact_table_is_that_of_the_table_itself(table: pa.Table) -> None:
    expected, found = to_frame(table), to_frame(sent(table))

    pd.testing.assert_frame_equal(found, expected)
    assert found.columns.tolist() == table.column_names


def test_a_compact_table_holds_equal_columns_and_single_values_once() -> None:
    table = planned()
    ids = size_of(table.select(["data", "document_id", "number", "same number", "vector", "mostly"]))

    assert size_of(compacted(table)) < ids + 8_000 < size_of(table)


def test_columns_of_the_same_values_that_mean_something_else_stay_apart() -> None:
    texts = pa.array(['["a"]', '["b"]'] * (SMALL_BYTES // 10))
    table = pa.table([texts, texts], schema=pa.schema([("a", pa.string()), pa.field("b", pa.string(), metadata=JSON)]))

    frame = to_frame(sent(table))

    assert (frame["a"][0], frame["b"][0]) == ('["a"]', ["a"])


def test_equal_columns_are_changed_one_without_the_other() -> None:
    frame = to_frame(sent(planned()))

    frame.loc[0, "data"] = "changed"
    frame.loc[1, "number"] = -1
    frame.loc[2, "mime_type"] = "image/png"
    frame.loc[3, "count"] = 8

    assert frame["text"][0].strip() == "text 0"
    assert frame["as text"][1] == 1
    assert frame["mime_type"][:4].tolist() == ["text/plain", "text/plain", "image/png", "text/plain"]
    assert frame["count"][:5].tolist() == [7, 7, 7, 8, 7]
