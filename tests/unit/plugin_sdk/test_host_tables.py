"""Tables that a host sends back: whatever bytes come, they give a plain, valid batch or a refusal."""

import os
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_sdk.host import results
from plugin_sdk.host.protocol import ProtocolError
from plugin_sdk.host.replies import Summary
from plugin_sdk.host.tables import ORDINAL, ORIGIN, PLACED, Known, positions, size_of, take_back, write_into
from plugin_sdk.host.transport import mapped, shared_file

ROWS = 5
EXAMPLES = int(os.environ.get("OPENPEEK_FUZZ_EXAMPLES", "200"))


def reply() -> pa.RecordBatch:
    """A reply with a column of every kind that one may have."""
    columns = {
        ORIGIN: pa.array(range(ROWS), pa.int64()),
        ORDINAL: pa.array([0] * ROWS, pa.int64()),
        "text": pa.array(["a", None, "", "ü" * 40, "e"]),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(ROWS * 4, dtype=np.float32)), 4),
        "words": pa.array([["x"], [], None, ["y", None], ["z"] * 3]),
        "flag": pa.array([True, None, False, True, False]),
        "blob": pa.array([b"\0", None, b"", b"ab", b"c" * 30]),
        "nested": pa.array([[[1]], [], None, [[2, 3], []], [None]]),
        "score": pa.array([0.5, None, float("nan"), 1.0, -1.0]),
    }
    return pa.RecordBatch.from_pydict(columns).replace_schema_metadata(PLACED)


def written(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


STREAM = written(reply())
WORDS = [at for at in range(0, len(STREAM) - 8, 4) if any(STREAM[at : at + 4])]
"""Where the stream holds something: lengths, offsets and tables of its messages, and values."""


def taken(data: bytes) -> pa.RecordBatch | None:
    """What is taken back of these bytes; None if they are refused."""
    fd = shared_file(max(len(data), 1), "reply")
    try:
        mapped(os.dup(fd), max(len(data), 1), write=True)[: len(data)] = data
        known = Known()
        batch = take_back(fd, len(data), 1000, known)
        positions(batch, ROWS, known)
        return batch
    except ProtocolError:
        return None
    finally:
        os.close(fd)


def use(batch: pa.RecordBatch) -> None:
    """Read every value: what validation let pass must be readable without a crash."""
    for column in batch.columns:
        assert len(column.to_pylist()) == batch.num_rows


def test_a_whole_reply_is_taken_as_it_is() -> None:
    fd = shared_file(size_of(reply()), "reply")
    write_into(pa.py_buffer(mapped(os.dup(fd), size_of(reply()), write=True)), reply())

    assert str(take_back(fd, size_of(reply()), ROWS, Known())) == str(reply())
    os.close(fd)


def assembled_from(sent: pa.Table, batch: pa.RecordBatch, known: Known) -> pa.Table:
    """What a worker that knows this of the last reply makes of the next."""
    fd = shared_file(size_of(batch), "reply")
    write_into(pa.py_buffer(mapped(os.dup(fd), size_of(batch), write=True)), batch)
    taken = take_back(fd, size_of(batch), 1000, known)
    os.close(fd)
    told = Summary(size=1, failures=[], tracebacks=[], rows_dropped=0, step_seconds={})
    return results.assembled(sent, taken, told, None, "", known).table


SENT = pa.table({"document_id": ["a", "b", "c"], "n": [1, 2, 3]})


def test_a_reply_for_the_very_rows_that_were_sent_has_their_new_columns_alone() -> None:
    result = assembled_from(SENT, pa.RecordBatch.from_pydict({"word": ["x", "y", "z"]}), Known())

    assert result.to_pydict() == SENT.to_pydict() | {"word": ["x", "y", "z"]}


def test_rows_that_a_reply_moves_are_found_by_their_origin_and_named_by_their_ordinal() -> None:
    places = {ORIGIN: pa.array([0, 2, 2], pa.int64()), ORDINAL: pa.array([0, 0, 1], pa.int64())}
    batch = pa.RecordBatch.from_pydict(places | {"word": ["x", "y", "z"]}).replace_schema_metadata(PLACED)

    result = assembled_from(SENT, batch, Known())

    assert result.to_pydict() == {"document_id": ["a", "c", "c_1"], "n": [1, 3, 3], "word": ["x", "y", "z"]}


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"word": ["x", "y"]}, "2 rows for 3"),
        ({"document_id": ["x", "y", "z"]}, "'document_id'"),
        ({ORIGIN: [0, 1, 2], "object_id": ["x", "y", "z"]}, "'object_id'"),
    ],
)
def test_a_reply_without_origins_is_refused_unless_it_adds_columns_to_all_rows(
    columns: dict[str, Any], says: str
) -> None:
    with pytest.raises(ProtocolError, match=says):
        assembled_from(SENT, pa.RecordBatch.from_pydict(columns), Known())


def test_a_schema_that_passed_with_origins_is_looked_at_again_without() -> None:
    places = {"document_id": pa.array([0, 1, 2], pa.int64()), "object_id": pa.array([0, 0, 0], pa.int64())}
    batch, known = pa.RecordBatch.from_pydict(places | {"word": ["x", "y", "z"]}), Known()

    assembled_from(SENT, batch.replace_schema_metadata(PLACED), known)
    with pytest.raises(ProtocolError, match="'document_id'"):
        assembled_from(SENT, batch, known)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, len(STREAM) - 9))
def test_a_reply_cut_short_is_refused(size: int) -> None:
    batch = taken(STREAM[:size])

    assert batch is None or batch.equals(reply())  # only padding was cut


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(WORDS), st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31), 8]) | st.integers(-99, 9999)),
        min_size=1,
        max_size=4,
    )
)
def test_a_reply_with_changed_numbers_is_refused_or_readable(changes: list[tuple[int, int]]) -> None:
    data = bytearray(STREAM)
    for at, number in changes:
        data[at : at + 4] = number.to_bytes(4, "little", signed=True)

    if (batch := taken(bytes(data))) is not None:
        use(batch)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(STREAM) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_reply_with_changed_bytes_is_refused_or_readable(changes: list[tuple[int, int]]) -> None:
    data = bytearray(STREAM)
    for at, byte in changes:
        data[at] = byte

    if (batch := taken(bytes(data))) is not None:
        use(batch)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused(data: bytes) -> None:
    assert taken(data) is None


@pytest.mark.parametrize("head", [b"", b"\xff\xff\xff\xff", b"\xff\xff\xff\xff\xff\xff\xff\x7f", b"ARROW1\0\0"])
def test_a_reply_of_nothing_but_a_head_is_refused(head: bytes) -> None:
    assert taken(head) is None
