"""Frames of the plugin host: whatever bytes come, they give frames or a refusal, and never more than was allowed."""

import contextlib
import mmap
import os
import socket
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_sdk.host.answers import plain
from plugin_sdk.host.board import SIZE, Reader, Writer
from plugin_sdk.host.flight import Flight, Progress
from plugin_sdk.host.protocol import HEADER, Frame, FrameReader, Op, ProtocolError, encode, from_host, packed
from plugin_sdk.host.transport import Channel, ConnectionLost, mapped, share_bytes, shared_file

CAPS = from_host(1 << 16)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=5), st.data())
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(values, data):
    stream = b"".join(encode(Op.PREDICTION, value) for value in values)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader = FrameReader(CAPS)

    frames = [f for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) for f in reader.feed(stream[a:b])]

    assert [frame.decoded() for frame in frames] == values


@given(st.binary(max_size=300))
def test_any_bytes_give_frames_or_a_refusal(data):
    reader = FrameReader(CAPS)
    try:
        frames = list(reader.feed(data))
    except ProtocolError:
        return
    for frame in frames:
        assert frame.op in CAPS
        assert len(frame.body) <= CAPS[frame.op]
        with contextlib.suppress(ProtocolError):
            frame.decoded()


@given(st.sampled_from(sorted(CAPS)), st.binary(max_size=100))
def test_any_body_of_a_known_kind_is_decoded_or_refused(op, body):
    (frame,) = FrameReader(CAPS).feed(HEADER.pack(op, len(body)) + body)
    try:
        value = frame.decoded()
    except ProtocolError:
        return
    assert type(value) in (dict, list, str, bytes, int, float, bool, type(None))


def test_a_frame_over_its_cap_is_refused_before_its_body_comes():
    with pytest.raises(ProtocolError, match="at most 1024"):
        list(FrameReader(CAPS).feed(HEADER.pack(Op.READY, 1025)))


@pytest.mark.parametrize("op", [0, Op.RUN, Op.FORK, 255])
def test_a_kind_that_a_host_may_not_send_is_refused(op):
    with pytest.raises(ProtocolError, match="not known here"):
        list(FrameReader(CAPS).feed(HEADER.pack(op, 0)))


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc1", b"\x91" * 100_000, b"\xd4\x01\x00", b"\xd6\xff\x00", b"\xa1\xff", b"\xc0\xc0"],
)
def test_hostile_msgpack_is_refused(body):
    with pytest.raises(ProtocolError):
        Frame(Op.PREDICTION, body).decoded()


def board() -> tuple[Writer, Reader, mmap.mmap]:
    memory = mmap.mmap(-1, SIZE)
    return Writer(memory), Reader(memory), memory


def expecting(reader: Reader, heard: list[Progress] | None = None) -> Flight:
    flight = Flight(10, reader)
    flight.expect(["A", "B"], 4, None if heard is None else heard.append)
    return flight


@given(st.binary(max_size=200), st.integers(0, SIZE - 200))
def test_whatever_is_on_the_board_names_only_rows_that_were_sent(data, at):
    writer, reader, memory = board()
    flight = expecting(reader, [])
    writer.started(0, 1, np.array([0, 3]))
    memory[at : at + len(data)] = data

    flight.look()
    flight.end()

    assert all(0 <= row < 4 for row in flight.rows)
    assert flight.step in ("", "prepare", "A", "B")


def test_the_board_shows_the_rows_of_each_batch_in_flight():
    writer, reader, _ = board()
    flight = expecting(reader)
    writer.started(0, 1, np.array([0, 2]))
    writer.started(0, 2, np.array([3]))
    flight.end()
    assert (flight.step, flight.rows) == ("A", (0, 2, 3))

    writer.finished(0, 1, 2, 3)
    flight.end()
    assert (flight.step, flight.rows) == ("A", (3,))

    writer.finished(0, 2, 3, 3)
    writer.started(-1, 3, np.arange(4))
    flight.end()
    assert (flight.step, flight.rows) == ("prepare", (0, 1, 2, 3))


def test_a_batch_too_large_to_list_is_shown_by_its_first_and_last_row():
    writer, reader, _ = board()
    writer.started(0, 1, np.arange(1, 5000, 2))

    (flying,) = reader.flying(10_000)

    assert flying.rows == tuple(range(1, 5000))
    assert reader.flying(100)[0].rows == tuple(range(1, 100))


def test_more_batches_than_the_board_has_room_for_are_let_be():
    writer, reader, _ = board()
    for batch in range(100):
        writer.started(0, batch, np.array([0]))
    for batch in range(100):
        writer.finished(0, batch, 1, 1)

    assert reader.numbers() == set()


def test_each_batch_under_way_has_a_time_limit_of_its_own():
    writer, reader, _ = board()
    flight = expecting(reader)
    writer.started(0, 1, np.array([0]))
    assert flight.look()
    first = flight.deadline
    time.sleep(0.01)
    writer.started(0, 2, np.array([1]))
    flight.look()
    assert flight.deadline == first

    writer.finished(0, 1, 1, 2)
    flight.look()
    assert flight.deadline > first


def test_progress_is_told_once_for_each_change_seen():
    writer, reader, _ = board()
    heard: list[Progress] = []
    flight = expecting(reader, heard)
    for done in (1, 2):
        writer.started(1, done, np.array([0]))
        writer.finished(1, done, done, 2)
        flight.look()
        flight.look()
    flight.tell()

    assert heard == [Progress("B", 1, 2), Progress("B", 2, 2)]


def test_descriptors_cross_with_the_frame_that_they_belong_to():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        fd = share_bytes(b"hello")
        Channel(ours, CAPS).send(Op.READY, None, [fd])
        os.close(fd)
        there = Channel(theirs, CAPS)
        assert there.receive() == Frame(Op.READY, b"\xc0")
        with mapped(there.take_fd(), 5) as memory:
            assert memory.read() == b"hello"
        with pytest.raises(ProtocolError, match="descriptor"):
            there.take_fd()


def test_a_lost_connection_is_told_to_whoever_asks():
    ours, theirs = socket.socketpair()
    with ours:
        channel = Channel(ours, CAPS)
        theirs.close()
        with pytest.raises(ConnectionLost):
            channel.ask(Op.READY)


def test_questions_of_several_threads_wait_for_each_other():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        asking, answering = Channel(ours, CAPS), Channel(theirs, CAPS)
        answers: list[object] = []

        def answer() -> None:
            for _ in range(40):
                frame = answering.receive()
                assert frame is not None
                answering.send(Op.PREDICTION, frame.decoded())

        def ask(n: int) -> None:
            answers.extend(asking.ask(Op.PREDICTION, n).decoded() == n for _ in range(10))

        threads = [threading.Thread(target=answer), *(threading.Thread(target=ask, args=(n,)) for n in range(4))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [True] * 40


def test_shared_files_can_neither_shrink_nor_grow_nor_be_written_by_their_receiver():
    fd = shared_file(10, "test")
    for size in (5, 20):
        with pytest.raises(PermissionError):
            os.ftruncate(fd, size)
    os.close(fd)

    fd = share_bytes(b"x" * 10)
    with pytest.raises(PermissionError):
        os.pwrite(fd, b"y", 0)
    with pytest.raises(PermissionError):
        mapped(fd, 10, write=True)


def test_plain_answers_are_taken_as_they_are():
    value = {"a": [1, 2.5, "x", None, True], "b": {"c": b"raw"}, "v": [0.5] * 3}
    assert plain(value) == value


@pytest.mark.parametrize(
    "unit",
    [b"\x90", b"\x80", b"\x81\xa1a\x90", b"\xa2ab", b"\x91\x90"],
    ids=["lists", "dicts", "pairs", "texts", "deep"],
)
def test_a_frame_of_more_values_than_a_worker_can_hold_is_refused_early(unit: bytes) -> None:
    count = 9_000_000
    body = b"\xdc\x00\x0a" + (b"\xdd" + (count // 10).to_bytes(4, "big") + unit * (count // 10)) * 10

    with pytest.raises(ProtocolError, match="more than 8000000 values"):
        Frame(Op.PREDICTION, body).decoded()


@pytest.mark.parametrize("head", [b"\xdd", b"\xdf"])
def test_a_list_that_claims_more_than_there_can_be_is_refused_unread(head: bytes) -> None:
    body = (head + (50_000_000).to_bytes(4, "big")) * 500 + b"\xc0" * 60_000_000

    with pytest.raises(ProtocolError, match="no msgpack"):
        Frame(Op.PREDICTION, body).decoded()


def test_a_large_honest_answer_is_taken() -> None:
    answer = {"vectors": [[0.5] * 384] * 5_000, "texts": ["ü界" * 50] * 20_000}

    assert Frame(Op.PREDICTION, packed(answer)).decoded() == answer


def test_answers_are_bounded_whatever_tables_may_be() -> None:
    reader = FrameReader(from_host(1 << 30))

    with pytest.raises(ProtocolError, match="at most 67108864"):
        list(reader.feed(HEADER.pack(Op.PREDICTION, (64 << 20) + 1)))
