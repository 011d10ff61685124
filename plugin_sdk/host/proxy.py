"""The proxy of one host, in its worker: CONNECT and plain http requests, to where the host's policy allows.

The plugin's requests are hostile input. A name is resolved here, once for each connection, and the addresses that were
checked are those that are dialled; each hop of a redirect is a request of its own, and so is checked too.
"""

import contextlib
import errno
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from plugin_sdk.host.network import Address, NetworkPolicy, Refused, Unresolved, split_authority

log = logging.getLogger(__name__)

HEAD_LIMIT = 64 << 10
HEAD_TIMEOUT_S, SLOT_TIMEOUT_S = 30.0, 0.5
CHUNK = 64 << 10
MAX_INTERIM = 16
HOP_HEADERS = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"upgrade"})
OWN_HEADERS = HOP_HEADERS | {b"proxy-authorization", b"host"}
"""Headers that are between a client and its proxy, or that the proxy writes itself."""

PHRASES = {400: "Bad Request", 403: "Forbidden", 502: "Bad Gateway", 503: "Busy"}


class BadRequest(Exception):
    """What came is no request for a proxy."""


@dataclass(slots=True)
class Usage:
    """What passed through a proxy so far."""

    connections: int = 0
    refused: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """Where a request wants to go, and the bytes that go there first."""

    host: str
    port: int
    tunnel: bool
    first: bytes


class Proxy:
    """Answers what comes at a listener, in threads of its own, until it is closed or its host's process ends."""

    def __init__(
        self, listener: socket.socket, policy: NetworkPolicy, say: Callable[[str], None], process: int | None = None
    ) -> None:
        """Start answering.

        Args:
            listener: accepts the host's connections; closed with the proxy.
            policy: what may be reached.
            say: takes a line for the host's log.
            process: readable once the host has ended; a duplicate is kept.
        """
        self.usage = Usage()
        self.policy = policy
        """What connections may lead to from now on."""
        self._listener, self._say = listener, say
        self._process = os.dup(process) if process is not None else None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._slots = threading.BoundedSemaphore(policy.max_connections)
        self._closed = False
        listener.setblocking(False)
        self._thread = threading.Thread(target=self._serve, name="host-proxy", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether it has stopped answering."""
        return not self._thread.is_alive()

    def close(self) -> None:
        """Stop answering and cut all connections."""
        with self._lock:
            self._closed = True
            self._cut(*self._open, self._listener)
        if threading.current_thread() is not self._thread:
            self._thread.join(5)

    def _serve(self) -> None:
        waiting = select.poll()
        waiting.register(self._listener, select.POLLIN)
        if self._process is not None:
            waiting.register(self._process, select.POLLIN)
        try:
            while not self._closed:
                if any(fd == self._process for fd, _ in waiting.poll()):
                    break
                client = self._accepted()
                if client is not None:
                    self._begin(client)
        finally:
            self.close()
            self._listener.close()
            if self._process is not None:
                os.close(self._process)
            log.debug("proxy closed", extra={"usage": self.usage})

    def _accepted(self) -> socket.socket | None:
        """The next connection; without a descriptor to spare, a little later."""
        try:
            return self._listener.accept()[0]
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                time.sleep(0.1)
            return None

    def _begin(self, client: socket.socket) -> None:
        self.usage.connections += 1
        if not self._slots.acquire(timeout=SLOT_TIMEOUT_S):
            limit = self.policy.max_connections
            with client:
                client.settimeout(0.1)
                self._refuse(client, 503, f"more than {limit} connections at once")
            return
        try:
            threading.Thread(target=self._answer, args=(client,), name="host-proxy-connection", daemon=True).start()
        except RuntimeError:  # this process may have no more threads
            self._slots.release()
            client.close()

    def _answer(self, client: socket.socket) -> None:
        try:
            with client, self._kept(client):
                client.settimeout(HEAD_TIMEOUT_S)
                self._handle(client)
        except OSError:  # the plugin or the other side went away
            pass
        except Exception:
            log.exception("a proxy's connection failed")
        finally:
            self._slots.release()

    def _handle(self, client: socket.socket) -> None:
        host = "?"
        try:
            head, rest = read_head(client)
            request = parsed(head)
            host = f"{request.host}:{request.port}"
            upstream = self._dial(self.policy.route(request.host, request.port))
        except BadRequest as error:
            return self._refuse(client, 400, str(error))
        except Refused as error:
            return self._refuse(client, 403, str(error))
        except Unresolved as error:
            return self._refuse(client, 502, str(error))
        except OSError as error:
            return self._refuse(client, 502, f"{host}: not reached ({error.strerror or error})")
        with upstream, self._kept(upstream):
            if request.tunnel:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            upstream.sendall(request.first + rest)
            self._count(sent=len(request.first + rest))
            return self._relay(client, upstream, host, plain=not request.tunnel)

    def _dial(self, addresses: list[Address]) -> socket.socket:
        """A connection to the first of the addresses that answers."""
        for address in addresses[:-1]:
            with contextlib.suppress(OSError):
                return socket.create_connection(address, self.policy.connect_timeout_s)
        return socket.create_connection(addresses[-1], self.policy.connect_timeout_s)

    def _relay(self, client: socket.socket, upstream: socket.socket, host: str, *, plain: bool) -> None:
        """Both ways at once: a side that writes before it reads must not stop the other."""
        for each in (client, upstream):
            each.settimeout(self.policy.idle_timeout_s)
        back = threading.Thread(
            target=self._pump_back, args=(upstream, client, host, plain), name="host-proxy-answer", daemon=True
        )
        back.start()
        self._pump(client, upstream, host, outward=True)
        back.join()

    def _pump_back(self, upstream: socket.socket, client: socket.socket, host: str, plain: bool) -> None:
        """The answer; a plain one tells the client that this connection is over, lest it asks once more on it."""
        try:
            first = closing_answer(upstream, client) if plain else b""
        except (OSError, BadRequest) as error:
            self._say(f"network: {host}: no answer ({error})")
            return self._cut(client, upstream)
        return self._pump(upstream, client, host, outward=False, first=first)

    def _pump(
        self, source: socket.socket, target: socket.socket, host: str, *, outward: bool, first: bytes = b""
    ) -> None:
        """Pass on what `source` sends until its end; an error, silence or the limit cuts both ways.

        Once the other side has ended the exchange is over; the plugin may end its own half alone.
        """
        left = self.policy.max_bytes
        try:
            target.sendall(first)
            self._count(received=len(first))
            while data := source.recv(min(CHUNK, left)):
                target.sendall(data)
                left -= len(data)
                self._count(sent=len(data) if outward else 0, received=0 if outward else len(data))
                if not left:
                    self._say(f"network: {host}: cut after {self.policy.max_bytes} bytes")
                    raise ConnectionAbortedError
            target.shutdown(socket.SHUT_WR if outward else socket.SHUT_RDWR)
        except OSError:
            self._cut(source, target)

    @staticmethod
    def _cut(*connections: socket.socket) -> None:
        for each in connections:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _count(self, sent: int = 0, received: int = 0) -> None:
        with self._lock:
            self.usage.sent_bytes += sent
            self.usage.received_bytes += received

    @contextlib.contextmanager
    def _kept(self, one: socket.socket) -> Iterator[None]:
        """Have `close` cut this connection, too."""
        with self._lock:
            if self._closed:
                raise ConnectionAbortedError
            self._open.add(one)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(one)

    def _refuse(self, client: socket.socket, status: int, why: str) -> None:
        """Say why in the log, the status line (all that some clients show of a refused tunnel) and the body."""
        with self._lock:
            self.usage.refused += 1
        text = " ".join(why.split()).encode("ascii", "replace").decode()
        self._say(f"network: refused: {text}")
        body = f"The plugin host's proxy refused this request: {text}.\n".encode()
        head = (
            f"HTTP/1.1 {status} {PHRASES[status]}: {text}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        with contextlib.suppress(OSError):
            client.sendall(head.encode() + body)
            client.shutdown(socket.SHUT_WR)
            client.settimeout(1)
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline and client.recv(CHUNK):
                pass  # what it still sends would make the kernel drop our answer


def closing_answer(upstream: socket.socket, client: socket.socket) -> bytes:
    """The start of an answer, with `Connection: close` in its head; interim answers (100 Continue) are passed on at once.

    Raises:
        BadRequest: it is no answer.
    """
    head, rest = read_head(upstream)
    for _ in range(MAX_INTERIM):
        if not head.startswith(b"HTTP/1.1 1"):
            break
        client.sendall(head + b"\r\n\r\n")
        head, rest = read_head(upstream, rest)
    line, *headers = head.split(b"\r\n")
    kept = [header for header in headers if header.partition(b":")[0].strip().lower() not in HOP_HEADERS]
    return b"\r\n".join([line, *kept, b"Connection: close", b"", b""]) + rest


def read_head(source: socket.socket, data: bytes = b"") -> tuple[bytes, bytes]:
    """A message up to its empty line, and what came after it; `data` has come already.

    Raises:
        BadRequest: there is no end to it.
    """
    while (end := data.find(b"\r\n\r\n")) < 0:
        if len(data) > HEAD_LIMIT:
            raise BadRequest(f"the head has more than {HEAD_LIMIT} bytes")
        piece = source.recv(CHUNK)
        if not piece:
            raise BadRequest("the head has no end")
        data += piece
    return data[:end], data[end + 4 :]


def parsed(head: bytes) -> Request:
    """The request that a head makes.

    Raises:
        BadRequest: it is none for a proxy.
    """
    line, *headers = head.split(b"\r\n")
    try:
        method, target, version = line.decode("ascii").split(" ")
        if method == "CONNECT":
            host, port = split_authority(target)
            return Request(host, port, tunnel=True, first=b"")
        return _plain(method, target, version, headers)
    except ValueError as error:
        raise BadRequest(f"no request for a proxy ({error})") from error


def _plain(method: str, target: str, version: str, headers: list[bytes]) -> Request:
    """One request to one host: `Connection: close` keeps a second one from going there unseen."""
    url = urlsplit(target)
    if url.scheme.lower() != "http" or not url.netloc:
        raise ValueError("only CONNECT host:port and http://host/ are answered")
    authority = url.netloc.rpartition("@")[2]
    host, port = split_authority(authority, default_port=80)
    path = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
    kept = [header for header in headers if header.partition(b":")[0].strip().lower() not in OWN_HEADERS]
    own = [f"{method} {path} {version}".encode(), f"Host: {authority}".encode(), b"Connection: close"]
    return Request(host, port, tunnel=False, first=b"\r\n".join([*own, *kept, b"", b""]))
