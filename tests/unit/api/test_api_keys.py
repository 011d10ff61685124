"""Routes of API keys."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.ids import now
from core.stores import Stores
from tests.unit.api.conftest import Api, NewTenant

KEYS = "/v1/organizations/users/admin@localhost/api-keys"


def test_key_is_created_used_listed_and_revoked(api: Api, client: TestClient) -> None:
    made = api.ok("POST", KEYS, {"name": "ci", "description": "for tests"})
    ci = Api(client, made["key"])

    assert made["key"].startswith("sk_")
    assert ci.ok("GET", "/v1/namespaces")["total_count"] == 1
    listed = api.ok("GET", KEYS)
    assert [k["name"] for k in listed["results"]] == ["ci", "default"]
    assert "key" not in listed["results"][0]
    assert listed["results"][0]["last_used_at"]
    api.ok("DELETE", f"{KEYS}/ci")
    assert "not valid" in ci.fails(401, "GET", "/v1/namespaces")
    assert api.ok("GET", KEYS)["total"] == 1
    assert [k["status"] for k in api.ok("GET", f"{KEYS}?include_revoked=true")["results"]] == ["active", "revoked"]
    assert api.ok("POST", KEYS, {"name": "ci"})["key_id"] != made["key_id"]


def test_only_the_hash_of_a_secret_is_stored(api: Api, moto_stores: Stores) -> None:
    secret = api.ok("POST", KEYS, {"name": "ci"})["key"]

    items = moto_stores.records._client.scan(TableName=moto_stores.settings.table_name)["Items"]

    assert secret not in str(items)
    assert api.secret not in str(items)


def test_rotated_key_has_a_new_secret_and_the_old_one_is_of_no_use(api: Api, client: TestClient) -> None:
    old = api.ok("POST", KEYS, {"name": "ci", "permissions": ["read"]})
    Api(client, old["key"]).ok("GET", "/v1/namespaces")

    new = api.ok("POST", f"{KEYS}/ci/rotate")

    assert (new["key_id"], new["permissions"]) == (old["key_id"], ["read"])
    Api(client, old["key"]).fails(401, "GET", "/v1/namespaces")
    assert Api(client, new["key"]).ok("GET", "/v1/namespaces")["total_count"] == 1


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        (["read"], {"GET"}),
        (["read", "write"], {"GET", "POST"}),
        (["read", "delete"], {"GET", "DELETE"}),
        (["admin"], {"GET", "POST", "DELETE", "KEYS"}),
        ([], set()),
    ],
)
def test_key_does_what_its_permissions_say(
    api: Api, client: TestClient, permissions: list[str], allowed: set[str]
) -> None:
    api.ok("POST", "/v1/buckets", {"name": "docs"})
    key = api.ok("POST", KEYS, {"name": "ci", "permissions": permissions})["key"]
    limited = Api(client, key, api.namespace)
    calls: dict[str, tuple[str, str, Any]] = {
        "GET": ("GET", "/v1/buckets/docs", None),
        "POST": ("POST", "/v1/buckets", {"name": "more"}),
        "DELETE": ("DELETE", "/v1/buckets/docs", None),
        "KEYS": ("GET", KEYS, None),
    }

    statuses = {name: limited.call(*call).status_code for name, call in calls.items()}

    assert statuses == {name: 200 if name in allowed else 403 for name in calls}


def test_key_limited_to_a_namespace_enters_no_other(api: Api, client: TestClient) -> None:
    other = api.ok("POST", "/v1/namespaces", {"name": "other"})
    scopes = [{"resource_type": "namespace", "resource_id": "other"}]
    made = api.ok("POST", KEYS, {"name": "ci", "scopes": scopes})
    limited = Api(client, made["key"])

    assert made["scopes"][0]["resource_id"] == other["namespace_id"]
    assert [n["namespace_name"] for n in limited.ok("GET", "/v1/namespaces")["results"]] == ["other"]
    limited.within("other").ok("POST", "/v1/buckets", {"name": "docs"})
    limited.within("demo").fails(404, "POST", "/v1/buckets", {"name": "docs"})
    limited.fails(404, "GET", "/v1/namespaces/demo")
    unsupported = [{"resource_type": "taxonomy", "resource_id": "docs"}]
    assert "limited to 'taxonomy'" in api.fails(422, "POST", KEYS, {"name": "x", "scopes": unsupported})


def test_expired_key_is_refused(api: Api, client: TestClient) -> None:
    made = api.ok("POST", KEYS, {"name": "ci", "expires_at": (now() + timedelta(hours=1)).isoformat()})
    Api(client, made["key"]).ok("GET", "/v1/namespaces")

    changed = api.ok("PATCH", f"{KEYS}/ci", {"expires_at": (now() - timedelta(seconds=1)).isoformat()})

    assert changed["status"] == "expired"
    assert "expired" in Api(client, made["key"]).fails(401, "GET", "/v1/namespaces")
    assert "timezone" in api.fails(422, "PATCH", f"{KEYS}/ci", {"expires_at": "2030-01-01T00:00:00"})


def test_key_is_renamed_and_names_stay_unique(api: Api) -> None:
    api.ok("POST", KEYS, {"name": "ci"})

    assert "'ci'" in api.fails(409, "POST", KEYS, {"name": "ci"})
    assert "'default'" in api.fails(409, "PATCH", f"{KEYS}/ci", {"name": "default"})
    assert api.ok("PATCH", f"{KEYS}/ci", {"name": "build", "description": "d"})["description"] == "d"
    api.fails(404, "DELETE", f"{KEYS}/ci")
    assert api.ok("PATCH", f"{KEYS}/build", {"status": "revoked"})["status"] == "revoked"
    assert api.ok("GET", KEYS)["total"] == 1


def test_another_organizations_user_is_not_there(new_tenant: NewTenant) -> None:
    ours, theirs = new_tenant(), new_tenant()
    ours.ok("POST", KEYS, {"name": "ours"})

    assert theirs.ok("GET", KEYS)["total"] == 1
    theirs.fails(404, "DELETE", f"{KEYS}/ours")
    assert "no user" in theirs.fails(404, "GET", "/v1/organizations/users/who@else/api-keys")


def test_key_limited_to_namespaces_can_not_lift_its_limit(api: Api, client: TestClient) -> None:
    scopes = [{"resource_type": "namespace", "resource_id": "demo"}]
    limited = Api(client, api.ok("POST", KEYS, {"name": "ci", "scopes": scopes})["key"], api.namespace)

    limited.ok("GET", f"/v1/namespaces/{api.namespace}")
    for method, path, body in (
        ("POST", KEYS, {"name": "free"}),
        ("PATCH", f"{KEYS}/ci", {"scopes": []}),
        ("POST", f"{KEYS}/ci/rotate", None),
        ("GET", KEYS, None),
        ("POST", "/v1/namespaces", {"name": "mine"}),
        ("GET", "/v1/plugins", None),
        ("GET", "/v1/models", None),
    ):
        assert "whole organization" in limited.fails(403, method, path, body)


@pytest.mark.parametrize(
    ("operations", "allowed"),
    [
        (["read_data"], {"read"}),
        (["write_data", "read_data"], {"read", "write"}),
        (["delete_data"], {"delete"}),
        (["create_retriever"], {"retriever"}),
        (["modify_infrastructure"], {"namespace", "upload"}),
        (["execute_job"], set()),
        (None, {"read", "write", "delete", "retriever", "namespace", "upload"}),
    ],
)
@pytest.mark.parametrize("kind", ["namespace", "organization"])
def test_key_does_only_the_operations_of_its_scope(
    api: Api, client: TestClient, kind: str, operations: list[str] | None, allowed: set[str]
) -> None:
    api.ok("POST", "/v1/buckets", {"name": "docs"})
    scopes = [{"resource_type": kind, "resource_id": "demo", "operations": operations}]
    limited = Api(client, api.ok("POST", KEYS, {"name": "ci", "scopes": scopes})["key"], api.namespace)
    root = f"/v1/namespaces/{api.namespace}"
    calls: dict[str, tuple[str, str, Any]] = {
        "read": ("POST", "/v1/buckets/list", {}),
        "write": ("POST", f"{root}/buckets", {"name": "more"}),
        "retriever": ("DELETE", "/v1/retrievers/ret_0", None),
        "namespace": ("PATCH", root, {"description": "d"}),
        "upload": ("POST", f"{root}/plugins/uploads", {"name": "abc", "version": "1.0.0"}),
        "delete": ("DELETE", "/v1/buckets/docs", None),
    }
    calls["retriever"] = ("PATCH", "/v1/retrievers/ret_0", {"description": "d"})

    statuses = {name: limited.call(*call).status_code for name, call in calls.items()}

    assert {name for name, status in statuses.items() if status != 403} == allowed


def test_operations_of_one_namespace_are_not_those_of_another(api: Api, client: TestClient) -> None:
    api.ok("POST", "/v1/namespaces", {"name": "other"})
    scopes = [
        {"resource_type": "namespace", "resource_id": "demo", "operations": ["read_data"]},
        {"resource_type": "namespace", "resource_id": "other", "operations": ["modify_infrastructure"]},
    ]
    limited = Api(client, api.ok("POST", KEYS, {"name": "ci", "scopes": scopes})["key"])

    assert "modify_infrastructure" in limited.fails(403, "PATCH", "/v1/namespaces/demo", {"description": "d"})
    limited.ok("PATCH", "/v1/namespaces/other", {"description": "d"})
    limited.fails(403, "DELETE", "/v1/namespaces/demo")
    bad = [{"resource_type": "namespace", "resource_id": "demo", "operations": ["create_cluster"]}]
    assert "create_cluster" in api.fails(422, "POST", KEYS, {"name": "x", "scopes": bad})


def test_limit_of_requests_is_kept_over_processes_and_can_be_taken_away(api: Api, client: TestClient) -> None:
    limited = Api(client, api.ok("POST", KEYS, {"name": "ci", "rate_limit_override": 3})["key"])

    statuses = [limited.call("GET", "/v1/namespaces").status_code for _ in range(8)]
    refused = next(s for s in statuses if s != 200)

    assert refused == 429
    assert statuses.count(200) in (3, 4, 5, 6)  # at most two windows of three
    answer = limited.call("GET", "/v1/namespaces")
    if answer.status_code == 429:
        assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert api.ok("PATCH", f"{KEYS}/ci", {"rate_limit_override": None})["rate_limit_override"] is None
    assert {limited.call("GET", "/v1/namespaces").status_code for _ in range(4)} == {200}


def test_uses_are_counted_and_told_at_once(api: Api, client: TestClient) -> None:
    made = api.ok("POST", KEYS, {"name": "ci"})
    ci = Api(client, made["key"])
    for _ in range(5):
        ci.ok("GET", "/v1/namespaces")

    (listed,) = [k for k in api.ok("GET", KEYS)["results"] if k["name"] == "ci"]

    assert made["usage"] == {"requests": 0}
    assert listed["usage"]["requests"] == 5
    assert 0 <= (now() - datetime.fromisoformat(listed["last_used_at"])).total_seconds() < 30
    ci.ok("GET", "/v1/namespaces")
    assert api.ok("POST", f"{KEYS}/ci/rotate")["usage"]["requests"] == 6


def test_key_is_not_born_expired_and_its_end_can_be_taken_away(api: Api, client: TestClient) -> None:
    past, later = (now() - timedelta(hours=1)).isoformat(), (now() + timedelta(hours=1)).isoformat()

    assert "expires_at" in api.fails(422, "POST", KEYS, {"name": "ci", "expires_at": past})
    api.ok("POST", KEYS, {"name": "ci", "expires_at": later})
    assert api.ok("PATCH", f"{KEYS}/ci", {"expires_at": None})["expires_at"] is None
