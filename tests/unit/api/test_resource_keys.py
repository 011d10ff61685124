"""Keys limited to a bucket, a collection or a retriever: that one is open to them by every name, and nothing else is."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.stores import Stores
from tests.unit.api.conftest import Api
from tests.unit.api.whole import Place, collect, new_place, new_tenant, whole_app

KEYS = "/v1/organizations/users/admin@localhost/api-keys"
PARAMETERS = {"bucket": "bucket_identifier", "collection": "collection_identifier", "retriever": "retriever_id"}
STAGE = {"stage_name": "s", "config": {"stage_id": "attribute_filter", "parameters": {}}}
PUBLIC = "/v1/health"


class World:
    """Two namespaces of one tenant, each with one thing of each kind; the first has another of each."""

    def __init__(self, stores: Stores, client: TestClient) -> None:
        self.client, self.tenant = client, new_tenant(stores, client)
        self.here, self.there = (new_place(stores, self.tenant, name) for name in ("here", "there"))
        api = self.here.api
        bucket = api.ok("POST", "/v1/buckets", {"bucket_name": "other"})["bucket_id"]
        retriever = {"retriever_name": "other", "collection_identifiers": ["texts"], "stages": [STAGE]}
        self.others = {
            "bucket": (bucket, "other"),
            "collection": (collect(api, "more", bucket), "more"),
            "retriever": (api.ok("POST", "/v1/retrievers", retriever)["retriever_id"], "other"),
        }
        self.routes = [
            (method.upper(), path)
            for path, methods in client.get("/openapi.json").json()["paths"].items()
            for method in methods
            if not path.startswith(PUBLIC)
        ]

    def limited(self, kind: str, name: str, **scope: Any) -> Api:
        """The holder of a key that is limited to the first namespace's one."""
        given = {"resource_type": kind, "resource_id": self.here.ids[PARAMETERS[kind]]} | scope
        key = self.tenant.ok("POST", KEYS, {"name": name, "scopes": [given]})
        assert key["scopes"] == [{"operations": None} | given] or key["scopes"] == [given]
        return Api(self.client, key["key"], self.here.namespace)


@pytest.fixture(scope="module")
def world(module_moto_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    app = whole_app(module_moto_stores, tmp_path_factory.mktemp("data"))
    yield World(module_moto_stores, TestClient(app))


def status(caller: Api, method: str, path: str, namespace: str) -> int:
    headers = {"Authorization": f"Bearer {caller.secret}", "X-Namespace": namespace}
    body = {"json": {}} if method in ("POST", "PUT", "PATCH") else {}
    answered: int = caller.client.request(method, path, headers=headers, **body).status_code
    return answered


def filled(path: str, place: Place, kind: str, name: str) -> str:
    """The path with this resource, and with what is there otherwise."""
    return place.filled(path.replace(f"{{{PARAMETERS[kind]}}}", name))


@pytest.mark.parametrize("kind", PARAMETERS)
def test_what_no_scope_names_is_closed_by_every_route(world: World, kind: str) -> None:
    limited = world.limited(kind, f"closed-{kind}")
    own = f"{{{PARAMETERS[kind]}}}"
    tried, problems = 0, []
    for method, path in world.routes:
        names = [*world.others[kind], "none"] if own in path else ["none"]
        calls = [(filled(path, world.here, kind, name), world.here.namespace) for name in names]
        if own in path:
            calls += [(world.there.filled(path), world.there.namespace)]
            mine = world.here.ids[PARAMETERS[kind]]
            calls += [(filled(path, world.there, kind, mine), world.there.namespace)]
        for called, namespace in calls:
            tried += 1
            if status(limited, method, called, namespace) != 403:
                problems.append(f"{method} {called}")

    assert problems == []
    assert tried > 200


@pytest.mark.parametrize("kind", PARAMETERS)
def test_what_the_scope_names_is_open_by_id_and_name_and_in_both_forms(world: World, kind: str) -> None:
    limited = world.limited(kind, f"open-{kind}")
    own = f"{{{PARAMETERS[kind]}}}"
    names = [world.here.ids[PARAMETERS[kind]], {"bucket": "docs", "collection": "texts", "retriever": "find"}[kind]]
    reads = [(m, p) for m, p in world.routes if own in p and (m == "GET" or p.endswith(("/list", "/execute")))]
    found = [
        (method, called, status(limited, method, called, world.here.namespace))
        for method, path in reads
        for called in (filled(path, world.here, kind, name) for name in names)
    ]

    assert len(found) >= 4
    assert [call for call in found if call[2] not in (200, 404, 422)] == []
    assert sum(code == 200 for _, _, code in found) >= 4


def test_writes_stay_in_the_bucket_and_its_operations(world: World) -> None:
    reader = world.limited("bucket", "reads", operations=["read_data"])
    writer = world.limited("bucket", "writes", operations=["read_data", "write_data"])
    place = f"/v1/buckets/{world.here.ids['bucket_identifier']}/objects"
    body = {"blobs": [{"property": "text", "type": "text", "data": "x"}]}

    made = writer.ok("POST", place, body)["object_id"]

    assert "write_data" in reader.fails(403, "POST", place, body)
    assert reader.ok("GET", f"{place}/{made}")["object_id"] == made
    assert "delete_data" in writer.fails(403, "DELETE", f"{place}/{made}")
    told = writer.fails(403, "POST", f"/v1/buckets/{world.others['bucket'][0]}/objects", body)
    assert f"bucket {world.here.ids['bucket_identifier']}" in told


def test_scope_beside_a_namespace_adds_to_it(world: World) -> None:
    scopes = [
        {"resource_type": "namespace", "resource_id": world.there.namespace, "operations": ["read_data"]},
        {"resource_type": "bucket", "resource_id": world.here.ids["bucket_identifier"]},
    ]
    key = world.tenant.ok("POST", KEYS, {"name": "both", "scopes": scopes})["key"]
    here, there = (Api(world.client, key, place.namespace) for place in (world.here, world.there))

    there.ok("POST", "/v1/buckets/list", {})
    there.fails(403, "POST", "/v1/buckets", {"bucket_name": "new"})
    here.ok("PATCH", "/v1/buckets/docs", {"description": "d"})
    here.fails(404, "POST", "/v1/buckets/list", {})
    here.fails(404, "GET", "/v1/buckets/other")


def test_bucket_that_a_route_s_own_word_names_opens_no_route(world: World) -> None:
    made = world.here.api.ok("POST", "/v1/retrievers", {"retriever_name": "execute", "stages": [STAGE]})
    scopes = [{"resource_type": "retriever", "resource_id": made["retriever_id"]}]
    limited = Api(world.client, world.tenant.ok("POST", KEYS, {"name": "word", "scopes": scopes})["key"])

    asked = {"stages": [STAGE], "collection_identifiers": ["texts"], "inputs": {}}
    limited.within(world.here.namespace).fails(403, "POST", "/v1/retrievers/execute", asked)


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ({"resource_type": "bucket", "resource_id": "docs"}, "no bucket of the id 'docs'"),
        ({"resource_type": "collection", "resource_id": "col_none"}, "no collection of the id 'col_none'"),
        ({"resource_type": "cluster", "resource_id": "c"}, "can't be limited to 'cluster'"),
    ],
)
def test_scope_of_nothing_is_refused(world: World, scope: dict[str, str], told: str) -> None:
    assert told in world.tenant.fails(422, "POST", KEYS, {"name": "none", "scopes": [scope]})


def test_another_organizations_bucket_is_no_scope(world: World, module_moto_stores: Stores) -> None:
    stranger = new_tenant(module_moto_stores, world.client)
    scope = {"resource_type": "bucket", "resource_id": world.here.ids["bucket_identifier"]}

    assert "no bucket" in stranger.fails(422, "POST", KEYS, {"name": "theirs", "scopes": [scope]})
