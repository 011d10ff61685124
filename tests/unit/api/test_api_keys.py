"""Routes of API keys."""

from datetime import timedelta
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
    unsupported = [{"resource_type": "bucket", "resource_id": "docs"}]
    assert "limited by 'bucket'" in api.fails(422, "POST", KEYS, {"name": "x", "scopes": unsupported})


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
