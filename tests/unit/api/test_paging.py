"""Paging over every list while things are added and removed: what is there all the time is on one page, and on one only."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.ids import ordered_id
from core.imports import Import
from core.stores import Stores
from core.stores.records import Entry
from core.tasks import create_task
from core.tenancy import Scope
from tests.unit.api.conftest import Api
from tests.unit.api.whole import Place, collect, new_place, new_tenant, whole_app

numbers = count()


@dataclass
class Kind:
    """How things of a list are made and taken away, and what they are ordered by."""

    path: str
    id_field: str
    make: Callable[[], str]
    remove: Callable[[str], Any]
    method: str = "POST"
    in_query: bool = False
    sorts: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def place(module_moto_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Place:
    app = whole_app(module_moto_stores, tmp_path_factory.mktemp("vectors"))
    client = TestClient(app, raise_server_exceptions=False)
    return new_place(module_moto_stores, new_tenant(module_moto_stores, client), "demo")


@pytest.fixture(scope="module")
def kinds(place: Place, module_moto_stores: Stores) -> dict[str, Kind]:
    """Every list that is read page by page."""
    api, ids = place.api, place.ids
    bucket, collection = f"/v1/buckets/{ids['bucket_identifier']}", f"/v1/collections/{ids['collection_identifier']}"
    blob = {"property": "text", "type": "text", "data": "hello"}
    stage = {"config": {"stage_id": "attribute_filter", "parameters": {}}, "stage_name": "s"}
    organization = api.ok("GET", f"/v1/namespaces/{place.namespace}/plugins/{ids['plugin_id']}")["plugin"]
    scope = Scope(organization["organization_id"], place.namespace)

    def made(path: str, id_field: str, body: Callable[[], Any]) -> Callable[[], str]:
        return lambda: str(api.ok("POST", path, body())[id_field])

    def gone(path: str) -> Callable[[str], Any]:
        return lambda id_: api.ok("DELETE", f"{path}/{id_}")

    def named(kind: str) -> Callable[[], Any]:
        return lambda: {f"{kind}_name": f"{random.choice('abc')}{next(numbers)}"}

    def title() -> dict[str, Any]:
        return {"blobs": [blob], "title": random.choice(["a", "b", "c"])}

    def import_record() -> str:
        asked = {"url": f"s3://elsewhere/{next(numbers)}.csv", "bucket_id": ids["bucket_identifier"]}
        wanted = Import(import_id=ordered_id("imp"), **asked)
        pk = scope.key("import", ids["bucket_identifier"])
        module_moto_stores.records.create(Entry(pk, wanted.import_id, wanted.body()))
        return wanted.import_id

    def no_import(id_: str) -> None:
        module_moto_stores.records.delete(scope.key("import", ids["bucket_identifier"]), id_)

    def task() -> str:
        return create_task(module_moto_stores, scope, f"t{next(numbers) % 3}", []).task_id

    def no_task(id_: str) -> None:
        module_moto_stores.records.delete(f"{scope.org_id}#task", id_)

    retriever = {"collection_identifiers": [ids["collection_identifier"]], "stages": [stage]}
    upload = {"filename": "a.txt", "content_type": "text/plain"}
    document = {"collection_id": ids["collection_identifier"], "text": "hi"}
    objects = {"object_ids": [ids["object_identifier"]]}
    namespaces = made("/v1/namespaces", "namespace_id", named("namespace"))
    retrievers = made("/v1/retrievers", "retriever_id", lambda: retriever | named("retriever")())
    imports = f"{bucket}/imports"
    found = [
        Kind("/v1/namespaces", "namespace_id", namespaces, gone("/v1/namespaces"), "GET", True),
        Kind("/v1/namespaces/list", "namespace_id", namespaces, gone("/v1/namespaces"), sorts=("namespace_name",)),
        Kind(
            "/v1/buckets/list",
            "bucket_id",
            made("/v1/buckets", "bucket_id", named("bucket")),
            gone("/v1/buckets"),
            sorts=("bucket_name",),
        ),
        Kind(
            "/v1/collections/list",
            "collection_id",
            lambda: collect(api, f"{random.choice('abc')}{next(numbers)}", ids["bucket_identifier"]),
            gone("/v1/collections"),
            sorts=("collection_name",),
        ),
        Kind("/v1/retrievers", "retriever_id", retrievers, gone("/v1/retrievers"), "GET", True),
        Kind("/v1/retrievers/list", "retriever_id", retrievers, gone("/v1/retrievers"), sorts=("retriever_name",)),
        Kind(
            f"{bucket}/objects/list",
            "object_id",
            made(f"{bucket}/objects", "object_id", title),
            gone(f"{bucket}/objects"),
            sorts=("title",),
        ),
        Kind(
            f"{bucket}/uploads/list",
            "upload_id",
            made(f"{bucket}/uploads", "upload_id", lambda: upload),
            gone(f"{bucket}/uploads"),
            in_query=True,
            sorts=("filename",),
        ),
        Kind(
            f"{bucket}/batches/list",
            "batch_id",
            made(f"{bucket}/batches", "batch_id", lambda: objects),
            gone(f"{bucket}/batches"),
        ),
        Kind(imports, "import_id", import_record, no_import, "GET", True),
        Kind(f"{imports}/list", "import_id", import_record, no_import, sorts=("url",)),
        Kind("/v1/tasks/list", "task_id", task, no_task, sorts=("task_type",)),
        Kind(
            f"{collection}/documents/list",
            "document_id",
            made(f"{collection}/documents", "document_id", lambda: document),
            gone(f"{collection}/documents"),
        ),
    ]
    return {kind.path if kind.method == "POST" else f"{kind.method} {kind.path}": kind for kind in found}


def paged(api: Api, kind: Kind, body: dict[str, Any], change: Callable[[], None]) -> Iterator[str]:
    """The ids on each page, with a change between any two."""
    cursor = None
    while True:
        asked: dict[str, Any] = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        if kind.in_query:
            answer = api.client.request(
                kind.method, kind.path, params=asked, json=body if kind.method == "POST" else None, headers=headers(api)
            )
        else:
            answer = api.client.request(kind.method, kind.path, json=asked | body, headers=headers(api))
        assert answer.status_code == 200, answer.text
        yield from (found[kind.id_field] for found in answer.json()["results"])
        cursor = answer.json()["pagination"]["next_cursor"]
        if cursor is None:
            return
        change()


def headers(api: Api) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.secret}", "X-Namespace": str(api.namespace)}


def cases() -> list[tuple[str, str]]:
    """Every list by the end of its path, and how it is sorted: by nothing, or up and down."""
    by_age = ["GET namespaces", "GET retrievers", "GET imports", "batches/list", "documents/list"]
    by_field = [f"{n}/list" for n in ("namespaces", "buckets", "collections", "retrievers", "objects", "uploads")]
    by_field += ["imports/list", "tasks/list"]
    return [(name, "") for name in by_age + by_field] + [(n, d) for n in by_field for d in ("asc", "desc")]


@pytest.mark.parametrize(("name", "direction"), cases())
def test_pages_hold_everything_that_lasts_once(place: Place, kinds: dict[str, Kind], name: str, direction: str) -> None:
    method, _, path = name.rpartition(" ")
    kind = next(k for k in kinds.values() if k.path.endswith(f"/{path}") and k.method == (method or "POST"))
    random.seed(name + direction)
    lasting, passing = [], []
    for _ in range(4):
        passing.append(kind.make())
        lasting += [kind.make(), kind.make()]

    def change() -> None:
        if passing:
            kind.remove(passing.pop(0 if random.random() < 0.7 else random.randrange(len(passing))))
        if random.random() < 0.4:
            passing.append(kind.make())

    body = {"sort": {"field": kind.sorts[0], "direction": direction}} if direction else {}
    seen = list(paged(place.api, kind, body, change))
    for id_ in passing:
        kind.remove(id_)

    assert sorted(i for i in seen if i in lasting) == sorted(lasting)
    assert len(seen) == len(set(seen))


def test_every_list_with_a_cursor_is_among_them(place: Place, kinds: dict[str, Kind]) -> None:
    """Search results have cursors too, but are ranked anew for every page."""
    document = place.api.client.get("/openapi.json").json()
    held = {(kind.method, kind.path) for kind in kinds.values()}
    missing = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            schema = str(operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema"))
            in_body = any(f"/{model}'" in schema for model in with_cursor(document))
            in_query = any(p["name"] == "cursor" for p in operation.get("parameters", []))
            filled = place.filled(path).replace(f"/v1/namespaces/{place.namespace}/", "/v1/")
            if (in_body or in_query) and (method.upper(), filled) not in held:
                missing.append(f"{method} {path}")

    assert missing == []


def with_cursor(document: dict[str, Any]) -> set[str]:
    schemas = document["components"]["schemas"]
    return {name for name, schema in schemas.items() if "cursor" in schema.get("properties", {})}
