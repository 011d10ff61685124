"""The proxy of a plugin host: what honest clients get through it, and every way around it that we know, refused."""

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from plugin_sdk.host import HostSettings, NetworkPolicy, PluginHost, Zygote
from plugin_sdk.host.network import allowances
from plugin_sdk.host.proxy import Proxy
from tests.integration import test_walls
from tests.integration.test_walls import (
    CLOSED,
    CROSSINGS,
    FILES,
    NO_NAMESPACES,
    opened,
    tried,
    worker,
)
from tests.unit.plugin_sdk.folders import write_files

open_plugin, user_python = test_walls.open_plugin, test_walls.user_python
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")

NAMES = {"loopback.test": ["127.0.0.1"], "mixed.test": ["1.1.1.1", "10.0.0.1"], "six.test": ["::ffff:127.0.0.1"]}
NAMES |= {"nat64.test": ["64:ff9b::7f00:1"], "gone.test": []}
LIMIT = 1 << 20
REFUSED = "import requests; found = requests.get('http://127.0.0.1/').status_code"
LEFT = """
def connect():
    socket.create_connection(("127.0.0.1", 9), 2)
found = [os.environ.get("HTTP_PROXY"), outcome(connect)]
"""


class Answers(BaseHTTPRequestHandler):
    """A small service: says what it was asked, redirects, takes and sends bodies."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))  # type: ignore[attr-defined]
        path, _, rest = self.path.partition("?")
        if path == "/redirect":
            self.send_response(302)
            self.send_header("Location", rest)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path == "/many":
            self._send(b"x" * int(rest))
        else:
            self._send(json.dumps({"path": self.path, "headers": dict(self.headers)}).encode())

    def do_POST(self) -> None:
        self._send(self.rfile.read(int(self.headers["Content-Length"])))

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@dataclass
class Service:
    """A running server."""

    port: int
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Service]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that are cut off are part of the tests
    service = Service(server.server_address[1])
    server.asked = service.asked  # type: ignore[attr-defined]
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield service
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that is its own authority, for secure.test, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("ca")
    cert, key = folder / "ca.pem", folder / "key.pem"
    names = ["-subj", "/CN=secure.test", "-addext", "subjectAltName=DNS:secure.test"]
    made = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-out",
        cert,
        "-keyout",
        key,
        *names,
    ]
    subprocess.run(made, check=True, capture_output=True)
    return cert, key


@pytest.fixture(scope="module")
def secure(certificate: tuple[Path, Path]) -> Iterator[Service]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with serving(context) as running:
        yield running


def resolve(host: str, port: int) -> list[str]:
    """A resolver of ours: a few names, and what the system makes of numbers."""
    if host in NAMES:
        return NAMES[host]
    if host.endswith(".test"):
        raise OSError("no such name")
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@pytest.fixture(scope="module")
def policy(service: Service, secure: Service, certificate: tuple[Path, Path]) -> NetworkPolicy:
    rules = f"api.test:80=127.0.0.1:{service.port},secure.test:443=127.0.0.1:{secure.port}"
    return NetworkPolicy(
        allow=allowances(rules),
        ca_file=certificate[0],
        max_connections=16,
        max_bytes=LIMIT,
        connect_timeout_s=0.5,
        idle_timeout_s=60,
        resolve=resolve,
    )


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("probe"), FILES)


@pytest.fixture(scope="module")
def zygote(policy: NetworkPolicy) -> Iterator[Zygote]:
    with Zygote(HostSettings(memory_mb=1024, call_timeout_s=100, scratch_mb=8, network=policy)) as running:
        yield running


@pytest.fixture(scope="module")
def shared_host(zygote: Zygote, plugin: Path) -> Iterator[PluginHost]:
    with opened(zygote, plugin) as host:
        yield host


@pytest.fixture
def attempt(shared_host: PluginHost) -> Callable[[str], Any]:
    return lambda code: tried(shared_host, code)


# Honest clients


def test_the_usual_clients_reach_an_allowed_host(attempt, service):
    found = attempt("""
        import asyncio, httpx, requests, urllib.request
        async def get():
            async with httpx.AsyncClient() as client:
                return (await client.get("http://api.test/async")).json()["path"]
        with requests.Session() as session:
            again = [session.get(f"http://api.test/{n}?q=1").json()["path"] for n in range(3)]
        found = {
            "requests": again,
            "httpx": httpx.get("http://api.test/httpx").json()["path"],
            "async": asyncio.run(get()),
            "urllib": json.load(urllib.request.urlopen("http://api.test"))["path"],
            "body": requests.post("http://api.test/", data=b"y" * 300_000).content == b"y" * 300_000,
        }
    """)

    assert found == {
        "requests": ["/0?q=1", "/1?q=1", "/2?q=1"],
        "httpx": "/httpx",
        "async": "/async",
        "urllib": "/",
        "body": True,
    }
    assert {host for _, host in service.asked} == {"api.test"}


def test_https_goes_through_a_tunnel_and_trusts_the_operator_s_authority(attempt):
    found = attempt("""
        import httpx, requests, ssl, urllib.request
        found = {
            "requests": requests.get("https://secure.test/a").json()["path"],
            "httpx": httpx.get("https://secure.test/b").json()["path"],
            "urllib": json.load(urllib.request.urlopen("https://secure.test/c"))["path"],
            "ca": [os.environ["SSL_CERT_FILE"], outcome(open, os.environ["SSL_CERT_FILE"], "a")],
        }
    """)

    assert found.pop("ca") in (["/etc/plugin-ca.pem", "EROFS"], ["/etc/plugin-ca.pem", "EACCES"])
    assert found == {"requests": "/a", "httpx": "/b", "urllib": "/c"}


def test_a_client_that_waits_for_leave_to_send_its_body_gets_it(attempt):
    found = attempt("""
        port = int(os.environ["HTTP_PROXY"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 5) as proxy:
            proxy.sendall(b"POST http://api.test/ HTTP/1.1\\r\\nContent-Length: 4\\r\\nExpect: 100-continue\\r\\n\\r\\n")
            first = proxy.recv(65536).decode()
            proxy.sendall(b"body")
            found = [first, b"".join(iter(lambda: proxy.recv(65536), b"")).decode()]
    """)

    assert found[0] == "HTTP/1.1 100 Continue\r\n\r\n"
    assert found[1].startswith("HTTP/1.1 200 OK\r\n")
    assert found[1].endswith("Connection: close\r\n\r\nbody")


def test_many_requests_at_once_are_answered(attempt, shared_host):
    before = shared_host.network_usage.connections

    found = attempt("""
        import requests
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(lambda n: requests.get(f"http://api.test/many?{n * 1000}").text.count("x"), range(60)))
    """)

    assert found == [n * 1000 for n in range(60)]
    assert shared_host.network_usage.connections == before + 60
    assert shared_host.network_usage.received_bytes > sum(found)


# What is refused


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://127.0.0.1/", "127.0.0.1 is no public address"),
        ("http://localhost/", "is no public address"),
        ("http://[::1]/", "::1 is no public address"),
        ("http://[::ffff:127.0.0.1]/", "is no public address"),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254 is no public address"),
        ("http://10.0.0.1/", "10.0.0.1 is no public address"),
        ("http://192.168.0.1/", "192.168.0.1 is no public address"),
        ("http://2130706433/", "127.0.0.1 is no public address"),
        ("http://0x7f000001/", "127.0.0.1 is no public address"),
        ("http://127.1/", "127.0.0.1 is no public address"),
        ("http://0/", "0.0.0.0 is no public address"),
        ("http://loopback.test/", "127.0.0.1 is no public address"),
        ("http://mixed.test/", "10.0.0.1 is no public address"),
        ("http://six.test/", "is no public address"),
        ("http://nat64.test/", "is no public address"),
        ("http://api.test:8080/", "port 8080 is not allowed"),
        ("http://api.test:443/", "no such name"),
        ("http://user:secret@127.0.0.1/", "127.0.0.1 is no public address"),
    ],
)
def test_what_the_policy_forbids_is_refused_with_host_and_rule_in_answer_and_log(shared_host, url, rule):
    found = tried(
        shared_host, f"import requests; answer = requests.get({url!r}); found = [answer.status_code, answer.text]"
    )

    assert found[0] == (502 if "no such name" in rule else 403)
    assert rule in found[1]
    assert rule in shared_host.log.splitlines()[-1]
    assert shared_host.log.splitlines()[-1].startswith("network: refused: ")


def test_a_tunnel_is_refused_by_the_same_rules_and_the_client_s_error_says_why(attempt):
    found = attempt("""
        import requests
        found = []
        for host in ("127.0.0.1", "169.254.169.254", "2130706433", "loopback.test", "secure.test:22"):
            try:
                requests.get(f"https://{host}/")
            except requests.exceptions.ProxyError as error:
                found.append(str(error))
    """)

    assert len(found) == 5
    assert all("is no public address" in text for text in found[:4])
    assert "port 22 is not allowed" in found[4]


def test_a_redirect_to_a_private_address_is_refused_at_its_hop(attempt, service):
    code = 'import requests; answer = requests.get("http://api.test/redirect?{}"); found = [answer.status_code, answer.text]'

    inside = attempt(code.format(f"http://127.0.0.1:{service.port}/secret"))
    metadata = attempt(code.format("http://169.254.169.254/"))
    honest = attempt(code.format("http://api.test/there"))

    assert inside[0] == metadata[0] == 403
    assert "port" in inside[1]
    assert "169.254.169.254 is no public address" in metadata[1]
    assert honest[0] == 200
    assert all(path != "/secret" for path, _ in service.asked)


def test_a_second_request_on_a_connection_goes_to_no_other_host(attempt, service):
    found = attempt("""
        port = int(os.environ["HTTP_PROXY"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 5) as proxy:
            proxy.sendall(b"GET http://api.test/first HTTP/1.1\\r\\nHost: elsewhere\\r\\n\\r\\n"
                          b"GET http://169.254.169.254/second HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
            found = b"".join(iter(lambda: proxy.recv(65536), b"")).decode().count("HTTP/1.1 200")
    """)

    assert found == 1
    assert ("/first", "api.test") in service.asked
    assert not any("second" in path for path, _ in service.asked)


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1",
        "GET ftp://api.test/ HTTP/1.1",
        "GET https://api.test/ HTTP/1.1",
        "GET file:///etc/passwd HTTP/1.1",
        "CONNECT api.test HTTP/1.1",
        "CONNECT api.test:0 HTTP/1.1",
        "CONNECT api.test:99999 HTTP/1.1",
        "CONNECT [::1:80 HTTP/1.1",
        "CONNECT  HTTP/1.1",
        "\\xff\\xfe",
        "A" * 70_000,
    ],
)
def test_what_is_no_request_is_refused(attempt, head):
    found = attempt(f"""
        port = int(os.environ["HTTP_PROXY"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 5) as proxy:
            proxy.sendall({head!r}.encode("latin-1") + b"\\r\\nHost: api.test\\r\\n\\r\\n")
            found = proxy.recv(65536).decode()
    """)

    assert found.startswith("HTTP/1.1 400 Bad Request: ")


def test_a_name_whose_answer_changes_is_checked_at_each_connection(service, plugin):
    """Only the first answer is public; where the second leads, a service listens on an allowed port."""
    answers = [["1.1.1.1"], ["127.0.0.1"], ["127.0.0.1"]]
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    policy = NetworkPolicy(ports=frozenset({service.port}), connect_timeout_s=0.5, resolve=rebinding)
    service.asked.clear()
    with Zygote(HostSettings(call_timeout_s=100, network=policy)) as zygote, opened(zygote, plugin) as host:
        url = f"http://rebind.test:{service.port}/"
        found = tried(host, f"import requests; found = [requests.get({url!r}).status_code for _ in range(3)]")

    assert found == [502, 403, 403]
    assert asked == ["rebind.test"] * 3
    assert service.asked == []


def test_there_is_nothing_to_connect_to_but_the_proxy(attempt, service):
    found = attempt(f"""
        def connect(host, port):
            socket.create_connection((host, port), timeout=2)
        def bind():
            socket.socket().bind(("127.0.0.1", 0))
        found = {{
            "service": outcome(connect, "127.0.0.1", {service.port}),
            "metadata": outcome(connect, "169.254.169.254", 80),
            "global": outcome(connect, "1.1.1.1", 443),
            "six": outcome(connect, "::1", {service.port}),
            "bind": outcome(bind),
            "listen": outcome(lambda: socket.socket().listen()),
            "filter": outcome(lambda: socket.socket().setsockopt(1, 26, b"x" * 16)),
            "ulp": outcome(lambda: socket.socket().setsockopt(6, 31, b"tls")),
        }}
        kinds = {{"udp": (2, 2), "raw": (2, 3), "sctp": (2, 1, 132), "mptcp": (2, 1, 262), "unix": (1, 1),
                 "netlink": (16, 3), "packet": (17, 3), "vsock": (40, 1), "alg": (38, 5)}}
        found |= {{name: outcome(lambda: socket.socket(*kind).fileno()) for name, kind in kinds.items()}}
        try:
            socket.getaddrinfo("example.com", 80)
        except OSError as error:
            found["name"] = type(error).__name__
    """)

    assert found.pop("name") == "gaierror"
    kinds = {name: found.pop(name) for name in ("udp", "raw", "unix", "netlink", "packet", "vsock", "alg", "six")}
    assert set(kinds.values()) == {"EAFNOSUPPORT"}
    assert set(found.values()) <= {"EPERM", "EACCES", "ENETUNREACH", "ECONNREFUSED"}, found


def test_the_other_walls_stand_as_without_network(shared_host):
    files = [code for code in CROSSINGS if "create_connection" not in code]

    found = [tried(shared_host, code) for code in files]

    assert set(found) <= CLOSED


# Bounds, and the end


def test_bytes_of_a_connection_are_bounded(shared_host):
    found = tried(
        shared_host,
        f"""
        import requests
        try:
            found = len(requests.get("http://api.test/many?{2 * LIMIT}").content)
        except requests.exceptions.RequestException as error:
            found = type(error).__name__
        """,
    )

    assert found in ("ChunkedEncodingError", "ConnectionError")
    assert f"network: api.test:80: cut after {LIMIT} bytes" in shared_host.log


def test_connections_at_once_are_bounded_and_free_again(shared_host, policy):
    found = tried(
        shared_host,
        f"""
        import requests
        port = int(os.environ["HTTP_PROXY"].rpartition(":")[2])
        held = [socket.create_connection(("127.0.0.1", port), 5) for _ in range({policy.max_connections})]
        time.sleep(0.3)
        busy = requests.get("http://api.test/").status_code
        for each in held:
            each.close()
        deadline = time.monotonic() + 60  # it learns of an end when it looks
        while (free := requests.get("http://api.test/").status_code) != 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        found = [busy, free]
        """,
    )

    assert found == [503, 200]


def test_hosts_have_a_proxy_each_that_ends_with_them(zygote, plugin):
    for end in (lambda host: host.kill(), lambda host: host.close(), lambda host: os.kill(host.pid, signal.SIGKILL)):
        with opened(zygote, plugin) as other, opened(zygote, plugin) as host:
            hold = 'import socket; held = socket.create_connection(("127.0.0.1", int(os.environ["HTTP_PROXY"][17:])))'
            tried(
                host, f"{hold}; held.sendall(b'CONNECT api.test:80 HTTP/1.1\\r\\n\\r\\n'); found = len(held.recv(99))"
            )
            proxy = host._outside._proxy
            assert isinstance(proxy, Proxy)
            assert not proxy.closed
            end(host)
            deadline = time.monotonic() + 60
            while not (proxy.closed and not proxy._open) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert proxy.closed
            assert not proxy._open
            answer = tried(other, "import requests; found = requests.get('http://api.test/').status_code")
            assert answer == 200


def test_the_worker_s_threads_and_descriptors_are_given_back(zygote, plugin):
    before = len(os.listdir("/proc/self/fd")), threading.active_count()  # noqa: PTH208
    for _ in range(3):
        with opened(zygote, plugin) as host:
            tried(host, "import requests; found = requests.get('http://api.test/').status_code")
    deadline = time.monotonic() + 60
    while threading.active_count() > before[1] and time.monotonic() < deadline:
        time.sleep(0.02)

    assert threading.active_count() <= before[1]
    assert len(os.listdir("/proc/self/fd")) <= before[0]  # noqa: PTH208


def test_a_host_without_network_has_no_proxy_and_no_sockets(plugin):
    with Zygote(HostSettings(call_timeout_s=100)) as zygote, opened(zygote, plugin) as host:
        found = tried(host, "found = [os.environ.get('HTTP_PROXY'), outcome(lambda: socket.socket().fileno())]")

        assert found == [None, "EAFNOSUPPORT"]
        assert host.network_usage is None


def test_where_the_loopback_device_cannot_be_brought_up_there_is_no_network(plugin):
    """As in a container that may make namespaces but not change devices."""
    told = worker(plugin, deny=["loopback"], network=True, codes=[LEFT])

    assert "error" not in told, told
    assert told["answers"][0]["found"] in ([None, "ENETUNREACH"], [None, "EACCES"])


def test_without_network_namespaces_there_is_no_network(open_plugin, user_python):
    told = worker(open_plugin, python=user_python, deny=NO_NAMESPACES, allow=["namespaces"], network=True, codes=[LEFT])

    assert "error" not in told, told
    assert told["answers"][0]["found"] == [None, "EAFNOSUPPORT"]


def test_a_worker_without_rights_has_the_same_proxy(open_plugin, user_python):
    told = worker(open_plugin, python=user_python, network=True, codes=[REFUSED])

    assert "error" not in told, told
    assert told["answers"][0]["found"] == 403
    assert "network: refused: 127.0.0.1:80" in told["log"]
