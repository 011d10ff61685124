"""What a page of objects costs in a small bucket and in a large one, over HTTP in this process, on the emulator.

    python -m benchmarks.listing [--objects 100000] [--small 100]

Both buckets are asked in turns, so that what else the machine does meets both; the ratio of the medians should be 1.
"""

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from fastapi.testclient import TestClient
from rich.console import Console
from rich.table import Table

from core.buckets import Bucket, create_bucket, take_room
from core.ids import ordered_id
from core.namespaces import create_namespace
from core.objects import Object
from core.organizations import create_organization
from core.settings import Settings
from core.stores import Stores
from core.stores.records import Entry, chunks
from core.tenancy import Principal, Scope
from functions.api.app import create_app
from infra.emulator import Emulator, provision

ROUNDS = 60
WRITERS = 4
PAGES: dict[str, dict[str, Any]] = {
    "page 1": {"limit": 10},
    "page 1, 100 long": {"limit": 100},
    "page 1 and the total": {"limit": 10, "query": "?include_total=true"},
    "page 1 by a filter": {"limit": 10, "filters": {"field": "title", "operator": "eq", "value": "even"}},
}


def fill(stores: Stores, scope: Scope, name: str, number: int) -> Bucket:
    """A bucket of so many small objects; half of them are even."""
    bucket = create_bucket(stores, scope, name, bucket_schema={"properties": {"title": {"type": "string"}}})
    pk = scope.key("object", bucket.bucket_id)

    def entry(n: int) -> Entry:
        title = {"title": "odd" if n % 2 else "even"}
        made = Object(object_id=ordered_id("obj"), bucket_id=bucket.bucket_id, metadata=title)
        return Entry(pk, made.object_id, made.body())

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(stores.records.put_many, chunks([entry(n) for n in range(number)], 1000)))
    take_room(stores, scope, bucket.bucket_id, objects=number, size_bytes=0)
    return bucket


def listed_ms(client: TestClient, bucket: Bucket, page: dict[str, Any]) -> float:
    """Milliseconds of one page, which must be full."""
    body = {k: v for k, v in page.items() if k != "query"}
    started = time.perf_counter()
    answer = client.post(f"/v1/buckets/{bucket.bucket_id}/objects/list{page.get('query', '')}", json=body)
    took = (time.perf_counter() - started) * 1000
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["results"]) == page["limit"]
    return took


def measure(stores: Stores, small: int, large: int) -> dict[str, tuple[float, float]]:
    """Medians of each page in the small bucket and in the large one."""
    organization, key = create_organization(stores, "bench", "bench@localhost")
    principal = Principal(organization.org_id, "u", "k", frozenset(["admin"]))
    namespace = create_namespace(stores, principal, "bench").namespace_id
    buckets = [fill(stores, principal.scope(namespace), f"of-{n}", n) for n in (small, large)]
    headers = {"Authorization": f"Bearer {key}", "X-Namespace": namespace}
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in PAGES}
    with TestClient(create_app(stores), headers=headers) as client:
        for _ in range(ROUNDS):
            for name, page in PAGES.items():
                for found, bucket in zip(times[name], buckets, strict=True):
                    found.append(listed_ms(client, bucket, page))
    return {name: (median(of_small), median(of_large)) for name, (of_small, of_large) in times.items()}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--small", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Emulator(Path(folder)) as emulator:
        settings = Settings(aws_endpoint_url=emulator.endpoint_url, data_uri=folder)
        provision(settings)
        found = measure(Stores.open(settings), asked.small, asked.objects)
    table = Table("listing", f"of {asked.small:,}: ms", f"of {asked.objects:,}: ms", "ratio", "target")
    for name, (of_small, of_large) in found.items():
        table.add_row(name, f"{of_small:.1f}", f"{of_large:.1f}", f"{of_large / of_small:.2f}", "about 1")
    Console().print(table)


if __name__ == "__main__":
    main()
