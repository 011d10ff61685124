"""Many clients at once, on real stores: nothing is lost, done twice, skipped on a page, or let in by a changed URL."""

import asyncio
import hashlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import botocore.auth
import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from core.arrivals import register_file
from core.errors import StaleRecord
from core.organizations import create_organization
from core.stores import Stores, blobs
from core.stores.blobs import BlobRef
from functions.api.app import create_app

pytestmark = pytest.mark.slow

CLIENTS = 64
FIELDS = {f"field_{n}": {"type": "string"} for n in range(CLIENTS)}
SCHEMA = {"properties": {"text": {"type": "text"}, **FIELDS}}
OBJECT = {"blobs": [{"property": "text", "type": "text", "data": "rain"}]}
numbers = itertools.count(1)


class Api:
    """A caller in a namespace of its own."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.client.request(method, path, json=body, headers=headers)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.call(method, path, body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def app(module_stores: Stores) -> FastAPI:
    """The control API over the emulator."""
    return create_app(module_stores)


@pytest.fixture(scope="module")
def api(app: FastAPI, module_stores: Stores) -> Iterator[Api]:
    """The control API behind a socket."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_keep_alive=600))
    _, key = create_organization(module_stores, "acme", "admin@localhost")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=partial(asyncio.run, server.serve([listener])), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        limits = httpx.Limits(max_connections=CLIENTS)
        headers = {"Authorization": f"Bearer {key}", "X-Namespace": "demo"}
        # Longer than pytest's own timeout: what hangs is to be seen in the stacks that pytest prints then.
        with httpx.Client(base_url=address, headers=headers, limits=limits, timeout=320) as client:
            made = Api(client)
            made.ok("POST", "/v1/namespaces", {"namespace_name": "demo"})
            yield made
        server.should_exit = True
        thread.join(timeout=100)


@pytest.fixture
def bucket(api: Api) -> str:
    """An empty bucket."""
    made = api.ok("POST", "/v1/buckets", {"bucket_name": f"docs-{next(numbers)}", "bucket_schema": SCHEMA})
    return str(made["bucket_id"])


def at_once(call: Any, inputs: Any) -> list[Any]:
    """What the calls give, all of which begin together."""
    inputs = list(inputs)
    barrier = threading.Barrier(len(inputs))

    def begin(item: Any) -> Any:
        barrier.wait(100)
        return call(item)

    with ThreadPoolExecutor(len(inputs)) as pool:
        return list(pool.map(begin, inputs))


def test_no_update_is_lost_when_clients_change_one_record_at_once(api: Api, bucket: str) -> None:
    base = f"/v1/buckets/{bucket}/objects"
    made = api.ok("POST", base, OBJECT)["object_id"]

    answers = at_once(lambda n: api.call("PATCH", f"{base}/{made}", {f"field_{n}": f"value {n}"}), range(CLIENTS))

    assert {a.status_code for a in answers} == {200}, answers[0].text
    whole = api.ok("GET", f"{base}/{made}")
    found = {**whole, **(whole.get("metadata") or {})}
    assert {name: found.get(name) for name in FIELDS} == {f"field_{n}": f"value {n}" for n in range(CLIENTS)}


def test_a_name_is_given_once_and_every_object_is_counted(api: Api, bucket: str) -> None:
    name = f"wanted-{next(numbers)}"

    names = at_once(lambda _: api.call("POST", "/v1/buckets", {"bucket_name": name}), range(CLIENTS))
    objects = at_once(lambda _: api.call("POST", f"/v1/buckets/{bucket}/objects", OBJECT), range(CLIENTS))

    assert sorted(a.status_code for a in names) == [200] + [409] * (CLIENTS - 1)
    assert {a.status_code for a in objects} == {200}
    assert api.ok("GET", f"/v1/buckets/{bucket}")["object_count"] == CLIENTS


def test_an_idempotency_key_is_used_once_by_all(api: Api, bucket: str) -> None:
    path, key = f"/v1/buckets/{bucket}/objects", {"Idempotency-Key": "one"}

    answers = at_once(lambda _: api.call("POST", path, OBJECT, **key), range(CLIENTS))

    assert {a.status_code for a in answers} <= {200, 409}
    assert len({a.json()["object_id"] for a in answers if a.status_code == 200}) == 1
    assert api.ok("GET", f"/v1/buckets/{bucket}")["object_count"] == 1


def test_pages_hold_what_stays_once_while_others_come_and_go(api: Api, bucket: str) -> None:
    base = f"/v1/buckets/{bucket}/objects"
    made = api.ok("POST", f"{base}/batch", {"objects": [OBJECT] * 120})["succeeded"]
    ids = [o["object_id"] for o in made]
    stays, goes = set(ids[::2]), ids[1::2]
    ended = threading.Event()

    def change() -> None:
        for object_id in goes:
            api.ok("DELETE", f"{base}/{object_id}")
            api.ok("POST", base, OBJECT)
            if ended.is_set():
                return

    thread = threading.Thread(target=change)
    thread.start()
    seen: list[str] = []
    cursor = None
    while True:
        page = api.ok("POST", f"{base}/list", {"limit": 7} | ({"cursor": cursor} if cursor else {}))
        seen += [o["object_id"] for o in page["results"]]
        cursor = page["pagination"]["next_cursor"]
        if cursor is None:
            break
    ended.set()
    thread.join()

    assert len(seen) == len(set(seen))
    assert stays <= set(seen)


LIMIT = 5
STAGE = {"stage_name": "s", "config": {"stage_id": "attribute_filter", "parameters": {}}}
COLLECTION = {
    "source": {"type": "bucket", "bucket_ids": ["docs"]},
    "feature_extractor": {"feature_extractor_name": "passthrough_extractor", "version": "v1"},
}
QUOTAS: dict[str, tuple[str, str, Any]] = {
    "buckets": ("/v1/buckets", "bucket_name", {}),
    "objects": ("/v1/buckets/{bucket}/objects", "key_prefix", OBJECT),
    "retrievers": ("/v1/retrievers", "retriever_name", {"stages": [STAGE], "collection_identifiers": []}),
    "namespaces": ("/v1/namespaces", "namespace_name", {}),
    "collections": ("/v1/collections", "collection_name", COLLECTION),
    "api_keys": ("/v1/organizations/users/admin@localhost/api-keys", "name", {}),
}


@pytest.mark.parametrize("quota", QUOTAS)
def test_quota_is_exact_when_many_create_at_once(
    api: Api, app: FastAPI, bucket: str, module_stores: Stores, quota: str
) -> None:
    path, name, body = QUOTAS[quota]
    api.ok("POST", "/v1/namespaces", {"namespace_name": f"full-{quota}"})
    inside = {"X-Namespace": f"full-{quota}"}
    namespaces = api.ok("POST", "/v1/namespaces/list?limit=1000")["total_count"]
    held = api.call("POST", "/v1/buckets", {"bucket_name": "docs", "bucket_schema": SCHEMA}, **inside).json()
    path = path.format(bucket=held["bucket_id"])
    used = {"buckets": 1, "api_keys": 1, "namespaces": namespaces}.get(quota, 0)
    limits = module_stores.settings.model_copy(update={f"max_{quota}": used + LIMIT})

    app.state.stores = replace(module_stores, settings=limits)
    try:
        answers = at_once(lambda n: api.call("POST", path, body | {name: f"thing-{n}"}, **inside), range(CLIENTS))
    finally:
        app.state.stores = module_stores

    assert sorted(a.status_code for a in answers) == [200] * LIMIT + [403] * (CLIENTS - LIMIT), [
        a.text for a in answers
    ]
    assert {a.json()["error"]["details"]["code"] for a in answers if a.status_code == 403} == {"quota_exceeded"}


def presigned(api: Api, bucket: str, **asked: Any) -> Any:
    """A new upload."""
    body = {"filename": f"{next(numbers)}.txt", "content_type": "text/plain", "blob_property": "text"}
    return api.ok("POST", f"/v1/buckets/{bucket}/uploads", body | asked)


def changed(url: str, path: str | None = None, **query: str) -> str:
    """The URL with another path, or other values in its query."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query)) | query
    return urlunsplit(parts._replace(path=path or parts.path, query=urlencode(given)))


TAMPERED = {
    "another key": lambda url: changed(url, path=f"{urlsplit(url).path}-2"),
    "another organization": lambda url: changed(url, path=urlsplit(url).path.replace("/org_", "/org_0")),
    "another signature": lambda url: changed(url, **{"X-Amz-Signature": "0" * 64}),
    "a longer life": lambda url: changed(url, **{"X-Amz-Expires": "604800"}),
    "another day": lambda url: changed(url, **{"X-Amz-Date": "20200101T000000Z"}),
    "another signer": lambda url: changed(url, **{"X-Amz-Credential": "other/20260101/us-east-1/s3/aws4_request"}),
    "headers left out": lambda url: changed(url, **{"X-Amz-SignedHeaders": ""}),
}


def announced(api: Api, kind: str, bucket: str) -> Any:
    """A new upload of this kind, by whichever name its URL has."""
    name = {"name": f"thing_{next(numbers)}", "version": "1.0.0"}
    if kind == "plugin":
        return api.ok("POST", "/v1/namespaces/demo/plugins/uploads", name)
    if kind == "model":
        return api.ok("POST", "/v1/models/uploads", name | {"model_format": "safetensors"})
    return presigned(api, bucket)


def everything(stores: Stores) -> list[tuple[str, bytes]]:
    """Every file of both buckets."""
    settings = stores.settings
    refs = [ref for name in (settings.object_bucket, settings.plugin_bucket) for ref in stores.blobs.each(name, "")]
    return [(ref.key, stores.blobs.get(ref)) for ref in refs]


@pytest.mark.parametrize("kind", ["object", "plugin", "model"])
@pytest.mark.parametrize("how", TAMPERED)
def test_tampered_url_takes_nothing(api: Api, bucket: str, module_stores: Stores, kind: str, how: str) -> None:
    upload = announced(api, kind, bucket)
    before = everything(module_stores)

    answer = httpx.put(TAMPERED[how](upload["presigned_url"]), content=b"rain", headers={"Content-Type": "text/plain"})

    assert 400 <= answer.status_code < 500, answer.text
    assert everything(module_stores) == before


@pytest.mark.parametrize("kind", ["object", "plugin", "model"])
def test_url_is_for_a_put_of_a_whole_body(api: Api, bucket: str, module_stores: Stores, kind: str) -> None:
    url, before = announced(api, kind, bucket)["presigned_url"], everything(module_stores)
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}"

    for method in ("GET", "DELETE", "POST"):
        assert 400 <= httpx.request(method, url).status_code < 500
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=100) as raw:
        raw.sendall(f"PUT {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: 1000\r\n\r\nrain".encode())
        raw.shutdown(socket.SHUT_WR)
        told = raw.recv(1000)

    assert not told.startswith(b"HTTP/1.1 2"), told
    assert everything(module_stores) == before


def test_url_of_a_slow_clock_is_expired(api: Api, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = botocore.auth.get_current_datetime
    with monkeypatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: earlier(real, *a, **k))
        upload = presigned(api, bucket, presigned_url_expiration=60)

    answer = httpx.put(upload["presigned_url"], content=b"rain", headers={"Content-Type": "text/plain"})

    assert answer.status_code == 403
    assert "expired" in answer.text


@pytest.mark.parametrize("kind", ["object", "plugin", "model"])
def test_url_that_was_signed_in_the_future_takes_nothing_yet(
    api: Api, bucket: str, module_stores: Stores, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = botocore.auth.get_current_datetime
    with monkeypatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: earlier(real, *a, **k) + timedelta(days=1))
        upload = announced(api, kind, bucket)
    before = everything(module_stores)

    answer = httpx.put(upload["presigned_url"], content=b"rain", headers={"Content-Type": "text/plain"})

    assert 400 <= answer.status_code < 500, answer.text
    assert everything(module_stores) == before


def earlier(clock: Any, *arguments: Any, **named: Any) -> datetime:
    """Two hours before the time of `clock`."""
    told: datetime = clock(*arguments, **named)
    return told - timedelta(hours=2)


def test_replayed_confirmation_changes_nothing(api: Api, bucket: str) -> None:
    upload = presigned(api, bucket)
    headers = {"Content-Type": "text/plain"}
    httpx.put(upload["presigned_url"], content=b"rain", headers=headers).raise_for_status()
    path = f"/v1/buckets/{bucket}/uploads/{upload['upload_id']}/confirm"

    answers = at_once(lambda _: api.call("POST", path, {}), range(8))

    assert {a.status_code for a in answers} == {200}, [a.text for a in answers]
    assert len({a.json()["object_id"] for a in answers}) == 1
    assert api.ok("GET", f"/v1/buckets/{bucket}")["object_count"] == 1


def test_what_was_confirmed_is_out_of_reach_of_its_url(api: Api, bucket: str, module_stores: Stores) -> None:
    upload, headers = presigned(api, bucket), {"Content-Type": "text/plain"}
    path = f"/v1/buckets/{bucket}/uploads/{upload['upload_id']}/confirm"
    contents = [f"version {n}".encode() for n in range(CLIENTS)]
    httpx.put(upload["presigned_url"], content=contents[0], headers=headers).raise_for_status()

    def race(number: int) -> Any:
        if number % 2:
            return httpx.put(upload["presigned_url"], content=contents[number], headers=headers, timeout=60)
        return api.call("POST", path, {})

    confirmed = [a for a in at_once(race, range(16)) if a.request.method == "POST"]
    told = api.ok("GET", f"/v1/buckets/{bucket}/uploads/{upload['upload_id']}")
    made = api.ok("GET", f"/v1/buckets/{bucket}/objects/{told['object_id']}")
    file = BlobRef.parse(made["blobs"][0]["url"])
    kept = module_stores.blobs.get(file)
    httpx.put(upload["presigned_url"], content=b"too late", headers=headers)
    register_file(module_stores, BlobRef(file.bucket, upload["s3_key"]))

    assert {a.status_code for a in confirmed} <= {200, 409}, [a.text for a in confirmed]
    assert kept in contents
    assert hashlib.md5(kept).hexdigest() == told["etag"]
    assert module_stores.blobs.get(file) == kept
    folder = upload["s3_key"].rpartition("/")[0]
    assert [ref.key for ref in module_stores.blobs.each(file.bucket, folder)] == [file.key]


def test_large_file_is_copied_in_parts(module_stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "COPIED_AT_ONCE_BYTES", 5 * 1024 * 1024)
    content = b"0123456789abcdef" * (13 * 1024 * 1024 // 16) + b"end"
    source, target = (BlobRef(module_stores.settings.object_bucket, name) for name in ("large", "copied"))
    module_stores.blobs.put(source, content, "text/plain")
    info = module_stores.blobs.head(source)

    module_stores.blobs.copy_version(source, target, info)
    module_stores.blobs.put(source, b"another", "text/plain")

    assert module_stores.blobs.get(target) == content
    assert module_stores.blobs.head(target).content_type == "text/plain"
    with pytest.raises(StaleRecord):
        module_stores.blobs.copy_version(source, target, info)
