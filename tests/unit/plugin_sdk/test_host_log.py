"""What a plugin prints costs its worker little, however much it is, and holds up no answer."""

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from plugin_sdk.host import connection as connections
from plugin_sdk.host.connection import Connection, HostSilent, Pace
from plugin_sdk.host.protocol import Op, encode


@pytest.fixture
def ends() -> Iterator[tuple[Connection, socket.socket, int]]:
    """A worker's end of a host that prints without end, the host's socket, and its end of the log."""
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    connection = Connection(ours, reading, os.getpid(), (1, 1), None, 1 << 20)
    over = threading.Event()

    def shout() -> None:
        while not over.is_set():
            try:
                os.write(writing, b"y" * 65536)
            except BrokenPipeError:
                return

    printer = threading.Thread(target=shout)
    printer.start()
    yield connection, theirs, writing
    over.set()
    connection.close()
    printer.join()
    theirs.close()
    os.close(writing)


def test_of_an_endless_printer_no_more_is_read_than_its_share(ends, monkeypatch):
    connection, _, _ = ends
    end = time.monotonic() + 0.3

    while time.monotonic() < end:
        assert connection.receive(0.05) is None

    assert 0 < connection.log.total <= connections.LOG_RATE + connections.CHUNK


def test_an_answer_comes_through_what_is_printed(ends):
    connection, theirs, _ = ends
    for _ in range(100):
        connection.receive(0.001)  # its share is used up

    theirs.sendall(encode(Op.READY))

    end = time.monotonic() + 100
    while (frame := connection.receive(0.1)) is None and time.monotonic() < end:
        pass
    assert frame is not None
    assert frame.op == Op.READY


def test_sending_to_a_printer_that_does_not_read_ends_at_the_deadline(ends):
    connection, _, _ = ends

    with pytest.raises(HostSilent):
        connection.send(b"x" * (64 << 20), deadline=time.monotonic() + 0.3)


def test_a_share_is_given_anew_each_second(monkeypatch):
    now = 100.0
    monkeypatch.setattr(connections.time, "monotonic", lambda: now)
    pace = Pace(10)
    pace.spend(10)

    assert pace.wait_s() == 1.0
    now = 101.5
    assert pace.wait_s() == 0.0
    pace.spend(9)
    assert pace.wait_s() == 0.0
