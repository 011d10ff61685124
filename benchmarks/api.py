"""What the control API itself costs: key-checked reads with the stores' answers canned, so that the app alone is timed.

    python -m benchmarks.api [--requests 5000] [--profile]

Requests are ASGI calls in this process, one after the other, without a socket; the figure is per second of CPU time.
"""

import argparse
import cProfile
import pstats
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from statistics import median
from typing import Any

import uvloop
from moto import mock_aws
from rich.console import Console
from rich.table import Table

from core.settings import Settings
from core.stores import Stores
from core.stores.records import Record, Records
from functions.api.app import create_app

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
TARGET = 2_000
ROUNDS = 10


class Canned(Records):
    """Records in a dict; they answer at once."""

    def __init__(self) -> None:
        super().__init__(None, "canned")
        self._bodies: dict[tuple[str, str], Any] = {}

    def get(self, pk: str, sk: str) -> Record | None:
        return self._bodies.get((pk, sk))

    def get_counted(self, key: tuple[str, str], counter_key: tuple[str, str]) -> tuple[Record | None, dict[str, int]]:
        return self._bodies.get(key), {}

    def create(self, entry: Any) -> Record:
        record = Record(entry.pk, entry.sk, entry.body, entry.index, entry.expires_at)
        self._bodies[entry.pk, entry.sk] = record
        return record

    def create_all(self, entries: Any, turn: Any = None) -> None:
        for entry in entries:
            self.create(entry)

    def sort_keys(self, pk: str, *, prefix: str = "") -> Iterator[str]:
        return (sk for (own, sk) in list(self._bodies) if own == pk and sk.startswith(prefix))

    def update(self, pk: str, sk: str, change: Any, *, attempts: int = 100) -> Record | None:
        return self._bodies.get((pk, sk))

    def add(self, pk: str, sk: str, deltas: Any) -> dict[str, int]:
        return dict(deltas)


class Caller:
    """Calls an ASGI app as a server would."""

    def __init__(self, app: App, key: str, namespace: str = "") -> None:
        self._app = app
        self._headers = [(b"host", b"api"), (b"authorization", f"Bearer {key}".encode())]
        if namespace:
            self._headers.append((b"x-namespace", namespace.encode()))

    async def get(self, path: str) -> int:
        """The status of the answer."""
        scope: Message = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": list(self._headers),
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        status = 0

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)

        await self._app(scope, receive, send)
        return status


Read = tuple[Caller, str]
"""Who asks, and for what."""


async def rate(caller: Caller, path: str, requests: int) -> float:
    """Requests per second of a core, all of which must succeed; what other processes take does not count."""
    started = time.process_time()
    for _ in range(requests):
        assert await caller.get(path) == 200
    return requests / (time.process_time() - started)


async def rates(reads: Mapping[str, Read], requests: int) -> dict[str, list[float]]:
    """The rates of each read in rounds, a first one that warms up left out."""
    found: dict[str, list[float]] = {name: [] for name in reads}
    for turn in range(ROUNDS + 1):
        for name, (caller, path) in reads.items():
            measured = await rate(caller, path, requests // ROUNDS)
            if turn:
                found[name].append(measured)
    return found


def prepared() -> tuple[App, str, str, str]:
    """The app over canned stores, with a key, a namespace and a bucket in it."""
    from core.buckets import create_bucket
    from core.namespaces import create_namespace
    from core.organizations import create_organization
    from core.tenancy import Principal

    with mock_aws():
        opened = Stores.open(Settings(aws_endpoint_url="http://127.0.0.1:9"))
    stores = Stores(opened.settings, Canned(), opened.blobs, opened.queues)
    organization, key = create_organization(stores, "bench", "bench@localhost")
    principal = Principal(organization.org_id, "u", "k", frozenset(["admin"]))
    namespace = create_namespace(stores, principal, "bench").namespace_id
    bucket = create_bucket(stores, principal.scope(namespace), "docs", bucket_schema={"properties": {}})
    return create_app(stores), key, namespace, bucket.bucket_id


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--profile", action="store_true", help="Tell where the time goes, too.")
    arguments = parser.parse_args()
    app, key, namespace, bucket = prepared()
    reads = {
        "GET namespace": (Caller(app, key), f"/v1/namespaces/{namespace}"),
        "GET bucket": (Caller(app, key, namespace), f"/v1/buckets/{bucket}"),
        "GET bucket, namespace in the path": (Caller(app, key), f"/v1/namespaces/{namespace}/buckets/{bucket}"),
    }
    table = Table("app alone, key checked", "requests/s: median", "best", "target")
    for name, values in uvloop.run(rates(reads, arguments.requests)).items():
        table.add_row(name, f"{median(values):,.0f}", f"{max(values):,.0f}", f"≥ {TARGET:,}")
    Console().print(table)
    if arguments.profile:
        profile = cProfile.Profile()
        caller, path = reads["GET bucket"]
        profile.runcall(uvloop.run, rate(caller, path, arguments.requests))
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
