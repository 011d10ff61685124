"""The worker's end of a host: frames and log read together, under a deadline; hostile input never blocks or grows it."""

import contextlib
import math
import os
import select
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence

from plugin_sdk.host.cgroups import Group
from plugin_sdk.host.masking import Masks
from plugin_sdk.host.protocol import Frame, FrameReader, from_host
from plugin_sdk.host.transport import CHUNK, receive_some, rights

Number = tuple[int, int]
"""What a zygote calls a process of its, after how many zygotes its worker had before: the next one counts anew."""

LOG_LIMIT = 64 << 10
DRAIN_LIMIT = 1 << 20
"""Bytes of log read at the end of a call; what an endless printer adds after them waits in the pipe."""

LOG_RATE = 4 << 20
"""Bytes of log read in a second of a call; who prints more waits for the next, and costs the worker nothing."""


class HostEnded(Exception):
    """The host closed its end."""


class HostSilent(Exception):
    """Nothing came before the deadline."""


class LogTail:
    """The last 64 KiB of what the plugin printed, without the secrets that it was given."""

    def __init__(self, masks: Masks) -> None:
        self._masks = masks
        self._bytes = bytearray()
        self._lock = threading.Lock()
        self.total = 0

    def add(self, data: bytes) -> None:
        """Append, and forget what is too old."""
        with self._lock:
            before = len(self._bytes)
            self._bytes += data
            self._masks.blank(self._bytes, before)
            self.total += len(data)
            if len(self._bytes) > 2 * LOG_LIMIT:
                del self._bytes[:-LOG_LIMIT]

    def since(self, mark: int) -> str:
        """What came after `total` was `mark`, as far as it is still here."""
        with self._lock:
            count = min(self.total - mark, LOG_LIMIT)
            return bytes(self._bytes[-count:]).decode("utf-8", "replace") if count else ""


class Pace:
    """So many bytes a second."""

    def __init__(self, rate: int) -> None:
        self._rate, self.left, self._since = rate, rate, time.monotonic()

    def spend(self, count: int) -> None:
        """They were read."""
        self.left -= count

    def wait_s(self) -> float:
        """Seconds until there is something to spend; 0 now."""
        if self.left > 0:
            return 0.0
        over = self._since + 1.0 - time.monotonic()
        if over > 0:
            return over
        self.left, self._since = self._rate, time.monotonic()
        return 0.0


class Connection:
    """A host's control socket, log pipe and process handle; `number` is what its zygote calls it."""

    def __init__(
        self, control: socket.socket, log: int, pid: int, number: Number, handle: int | None, max_reply: int
    ) -> None:
        control.setblocking(False)
        os.set_blocking(log, False)
        self.pid, self.number = pid, number
        self.masks = Masks()
        self.log = LogTail(self.masks)
        self._control, self._log, self._handle = control, log, handle
        self._reader = FrameReader(from_host(max_reply))
        self._frames: deque[Frame] = deque()
        self._poll = select.poll()
        self._poll.register(control.fileno(), select.POLLIN)
        self._poll.register(log, select.POLLIN)
        self._log_open = True
        self._pace = Pace(LOG_RATE)
        self._hears_log = True
        self._log_waits = True
        self._descriptor: int | None = None
        self._takes_descriptor = False
        self._closing = threading.Lock()
        self._closed = False
        self._group: Group | None = None

    @property
    def handle(self) -> int | None:
        """Readable once the process has ended, where the system has such."""
        return self._handle

    def admitted(self, group: Group) -> None:
        """The process lies in a control group, which goes with it."""
        self._group = group

    @property
    def ran_out(self) -> bool:
        """Whether the kernel has ended the process for its group's memory."""
        return self._group is not None and self._group.ran_out()

    def expect_descriptor(self) -> None:
        """Take one descriptor with what comes next."""
        self._takes_descriptor = True

    def take_descriptor(self) -> int | None:
        """The descriptor that came, if one did, now the caller's; from now on none is taken any more."""
        self._takes_descriptor = False
        found, self._descriptor = self._descriptor, None
        return found

    def send(self, frame: bytes, fds: Sequence[int] = (), *, deadline: float) -> None:
        """Send one encoded frame; what the host prints meanwhile is kept.

        Raises:
            HostEnded: it is gone.
            HostSilent: it did not read in time.
        """
        data = memoryview(frame)
        while data:
            try:
                sent = self._control.sendmsg([data], [rights(fds)]) if fds else self._control.send(data)
            except BlockingIOError:
                self._wait_to_send(deadline)
                continue
            except (BrokenPipeError, ConnectionResetError) as error:
                raise HostEnded from error
            data, fds = data[sent:], ()

    def receive(self, wait_s: float) -> Frame | None:
        """The next frame; None if no whole one came in `wait_s` seconds, which something printed may shorten.

        Raises:
            HostEnded: it is gone.
            ProtocolError: it sent what no honest host sends.
        """
        if not self._frames:
            ready = self._poll.poll(int(min(wait_s, self._log_turn()) * 1000) + 1)
            self._log_waits = len(ready) > 1 or not self._hears_log
            for fd, _ in ready:
                if fd == self._log:
                    self._read_log()
                else:
                    self._read_control()
        return self._frames.popleft() if self._frames else None

    def settle_log(self) -> None:
        """Take what the plugin had printed when the last frame came; mostly nothing, as the same look showed."""
        if self._log_waits:
            self.drain_log()

    def drain_log(self) -> None:
        """Take what the plugin has printed so far."""
        read = 0
        while self._log_open and read < DRAIN_LIMIT and (count := self._read_log()):
            read += count

    def kill(self) -> None:
        """End the host now, from any thread; a handle, where there is one, never means another process."""
        with self._closing, contextlib.suppress(ProcessLookupError):
            if self._closed:
                return
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            else:
                os.kill(self.pid, signal.SIGKILL)

    def ended(self, timeout_s: float) -> bool:
        """Whether the process is over, waiting for it at most so long."""
        if self._handle is None:
            time.sleep(min(timeout_s, 0.05))
            return True
        return bool(select.select([self._handle], [], [], timeout_s)[0])

    def close(self) -> None:
        """Close every descriptor; the log stays readable."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._log_open = False
            self._control.close()
            for fd in (self._log, self._handle, self._descriptor):
                if fd is not None:
                    os.close(fd)
            if self._group is not None:
                self._group.close()

    def _log_turn(self) -> float:
        """Listen to the log, or not while it has had its share; seconds until that changes."""
        if self._hears_log and self._pace.left > 0:
            return math.inf
        wait_s = self._pace.wait_s()
        if self._log_open and self._hears_log != (wait_s == 0):
            self._hears_log = wait_s == 0
            self._poll.modify(self._log, select.POLLIN if self._hears_log else 0)
        return wait_s or math.inf

    def _wait_to_send(self, deadline: float) -> None:
        turn = self._log_turn()
        writable = select.poll()
        writable.register(self._control.fileno(), select.POLLOUT)
        if self._log_open and self._hears_log:
            writable.register(self._log, select.POLLIN)
        left = deadline - time.monotonic()
        if left <= 0:
            raise HostSilent
        ready = writable.poll(int(min(left, turn) * 1000) + 1)
        if any(fd == self._log for fd, _ in ready):
            self._read_log()

    def _read_control(self) -> None:
        """Descriptors that a host might send along are never received, but for the one that is expected."""
        try:
            data = self._receive_with_descriptor() if self._takes_descriptor else self._control.recv(CHUNK)
        except BlockingIOError:
            return
        except ConnectionResetError as error:
            raise HostEnded from error
        if not data:
            raise HostEnded
        self._frames.extend(self._reader.feed(data))

    def _receive_with_descriptor(self) -> bytes:
        data, fds = receive_some(self._control)
        for fd in fds:
            if self._descriptor is None:
                self._descriptor = fd
            else:
                os.close(fd)
        return data

    def _read_log(self) -> int:
        try:
            data = os.read(self._log, CHUNK)
        except BlockingIOError:
            return 0
        if not data and self._log_open:
            self._log_open = False
            self._poll.unregister(self._log)
        self._pace.spend(len(data))
        self.log.add(data)
        return len(data)
