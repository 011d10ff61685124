"""The ends of a host's socket, and the sealed shared-memory files that go over it."""

import array
import fcntl
import mmap
import os
import select
import socket
import tempfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from plugin_sdk.host.protocol import Frame, FrameReader, ProtocolError, encode

CHUNK = 1 << 16
MAX_FDS = 4
RIGHTS_SPACE = socket.CMSG_SPACE(MAX_FDS * 4)
CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
FUTURE_WRITE = 0x0010  # F_SEAL_FUTURE_WRITE, which Python 3.11 has no name for
POPULATE = getattr(mmap, "MAP_POPULATE", 0)


class ConnectionLost(Exception):
    """The other side is gone, or its end was closed here."""


class Channel:
    """The blocking end of a control socket, as the zygote and its children hold it; many threads may send and ask."""

    def __init__(self, control: socket.socket, caps: Mapping[int, int]) -> None:
        self.control = control
        self._reader = FrameReader(caps)
        self._frames: deque[Frame] = deque()
        self._fds: deque[int] = deque()
        self._sending = threading.Lock()
        self._asking = threading.Lock()

    def send(self, op: int, value: Any = None, fds: Sequence[int] = ()) -> None:
        """Send one frame, with descriptors if any.

        Raises:
            ConnectionLost: the other side is gone.
        """
        self.send_frame(encode(op, value), fds)

    def send_frame(self, frame: bytes, fds: Sequence[int] = ()) -> None:
        """Send an encoded frame, with descriptors if any.

        Raises:
            ConnectionLost: the other side is gone.
        """
        with self._sending:
            try:
                send_all(self.control, frame, fds)
            except OSError as error:
                raise ConnectionLost(str(error)) from error

    def receive(self) -> Frame | None:
        """The next frame; None once the other side is gone.

        Raises:
            ConnectionLost: this side's end is closed, or nothing came within its time limit.
        """
        while not self._frames:
            try:
                data, fds = receive_some(self.control)
            except OSError as error:
                raise ConnectionLost(str(error)) from error
            self._fds.extend(fds)
            if not data:
                return None
            self._frames.extend(self._reader.feed(data))
        return self._frames.popleft()

    def ask(self, op: int, value: Any = None) -> Frame:
        """Send one frame and wait for its answer; one question at a time.

        Raises:
            ConnectionLost: the other side is gone.
        """
        with self._asking:
            self.send(op, value)
            answer = self.receive()
        if answer is None:
            raise ConnectionLost("the other side is gone")
        return answer

    def take_fd(self) -> int:
        """The next descriptor that came with a frame.

        Raises:
            ProtocolError: none came.
        """
        if not self._fds:
            raise ProtocolError("a descriptor is missing")
        return self._fds.popleft()


def send_all(control: socket.socket, data: bytes, fds: Sequence[int] = ()) -> None:
    """Send every byte over a blocking socket; the descriptors go with the first."""
    sent = 0
    if fds:
        sent = control.sendmsg([data], [rights(fds)])
    if sent < len(data):
        control.sendall(memoryview(data)[sent:])


def rights(fds: Sequence[int]) -> tuple[int, int, bytes]:
    """The ancillary message that carries descriptors."""
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds).tobytes()


def hung_up(control: socket.socket) -> bool:
    """Whether the other side is gone."""
    look = select.poll()
    look.register(control, 0)
    return bool(look.poll(0))


def receive_some(control: socket.socket) -> tuple[bytes, list[int]]:
    """Some bytes and the descriptors that came with them; no bytes once the other side is gone."""
    try:
        data, ancillary, _, _ = control.recvmsg(CHUNK, RIGHTS_SPACE, CLOSE_ON_EXEC)
    except ConnectionResetError:
        return b"", []
    if not ancillary:
        return data, []
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    return data, list(fds)


def shared_file(size: int, name: str) -> int:
    """A new file of `size` bytes that lives in memory alone and can neither shrink nor grow; its descriptor."""
    if not hasattr(os, "memfd_create"):
        return _unlinked_file(size)
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    seal(fd, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return fd


def share_bytes(data: bytes) -> int:
    """The bytes in a new shared file that nobody can change any more."""
    fd = shared_file(len(data), "asset")
    with writable(fd, len(data)) as memory:
        memory[:] = data
    return fd


def seal(fd: int, seals: int) -> None:
    """Forbid for good what `seals` name."""
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)


def writable(fd: int, size: int, *, populate: bool = True) -> mmap.mmap:
    """The file's bytes, to be written by this process while whoever gets the descriptor can only read them."""
    flags = mmap.MAP_SHARED | (POPULATE if populate else 0)
    memory = mmap.mmap(fd, size, flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    if hasattr(os, "memfd_create"):
        seal(fd, FUTURE_WRITE | fcntl.F_SEAL_SEAL)
    return memory


def mapped(fd: int, size: int, *, write: bool = False, populate: bool = True) -> mmap.mmap:
    """The file's bytes in memory, unmapped once nothing refers to them; the descriptor is closed.

    `populate` has all pages there at once; without, each takes room and time when it is first used.
    """
    access = mmap.PROT_READ | (mmap.PROT_WRITE if write else 0)
    try:
        return mmap.mmap(fd, size, flags=mmap.MAP_SHARED | (POPULATE if populate else 0), prot=access)
    finally:
        os.close(fd)


def copy_into(fd: int, target: memoryview) -> None:
    """Fill `target` from the file's start.

    Raises:
        ProtocolError: the file is shorter.
    """
    done = 0
    while done < len(target):
        count = os.preadv(fd, [target[done:]], done)
        if count == 0:
            raise ProtocolError(f"{done} bytes came, {len(target)} were announced")
        done += count


def _unlinked_file(size: int) -> int:
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        return os.dup(file.fileno())
