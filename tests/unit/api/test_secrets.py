"""Routes of secrets: names come back, values never do."""

import logging

import pytest
from fastapi import FastAPI

from core.secrets import reveal_secret
from core.stores import Stores
from infra.emulator.resources import create_key
from tests.unit.api.conftest import Api, NewTenant

ROOT = "/v1/organizations/secrets"
VALUE = "sk_live_0123456789"


@pytest.fixture(autouse=True)
def key(app: FastAPI, client: object, moto_stores: Stores) -> None:
    create_key(moto_stores.settings)


def test_life_of_a_secret(api: Api, moto_stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    made = api.call("POST", ROOT, {"secret_name": "stripe", "secret_value": VALUE})
    assert (made.status_code, made.json()) == (201, {"secret_name": "stripe", "created": True})
    assert api.ok("GET", ROOT) == {"secrets": ["stripe"], "count": 1}
    assert "PUT" in api.fails(409, "POST", ROOT, {"secret_name": "stripe", "secret_value": "x"})
    assert api.ok("PUT", f"{ROOT}/stripe", {"secret_value": "new"}) == {"secret_name": "stripe", "updated": True}
    org_id = api.ok("GET", "/v1/plugins")["organization_id"]
    assert reveal_secret(moto_stores, org_id, "stripe") == "new"
    assert api.ok("DELETE", f"{ROOT}/stripe") == {"secret_name": "stripe", "deleted": True}

    api.fails(404, "DELETE", f"{ROOT}/stripe")
    api.fails(404, "PUT", f"{ROOT}/stripe", {"secret_value": "x"})
    ours = [r for r in caplog.records if not r.name.startswith("botocore")]
    assert VALUE not in "".join(f"{r.getMessage()}{r.__dict__}" for r in ours)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"secret_name": "", "secret_value": VALUE}, "secret_name"),
        ({"secret_name": "a/b", "secret_value": VALUE}, "secret_name"),
        ({"secret_name": "a" * 101, "secret_value": VALUE}, "secret_name"),
        ({"secret_name": "a", "secret_value": ""}, "secret_value"),
        ({"secret_name": "a", "secret_value": VALUE * 10_000}, "secret_value"),
        ({"secret_name": "a", "secret_value": [VALUE]}, "secret_value"),
        ({"secret_name": "a", "secret_value": VALUE, "sekret": VALUE}, "sekret"),
    ],
)
def test_refusal_names_the_field_and_not_the_value(api: Api, body: dict[str, object], field: str) -> None:
    answer = api.call("POST", ROOT, body)

    assert answer.status_code == 422
    assert field in answer.text
    assert VALUE not in answer.text


def test_needs_an_admins_key_of_the_whole_organization(new_tenant: NewTenant) -> None:
    tenant = new_tenant()
    namespace = tenant.ok("POST", "/v1/namespaces", {"namespace_name": "demo"})["namespace_id"]
    keys = "/v1/organizations/users/admin@localhost/api-keys"
    scopes = [{"resource_type": "namespace", "resource_id": namespace}]
    limited = Api(tenant.client, tenant.ok("POST", keys, {"name": "limited", "scopes": scopes})["key"])
    writer = Api(tenant.client, tenant.ok("POST", keys, {"name": "writer", "permissions": ["read", "write"]})["key"])

    for key in (limited, writer):
        key.fails(403, "GET", ROOT)
        key.fails(403, "POST", ROOT, {"secret_name": "a", "secret_value": "b"})
    assert "whole organization" in limited.fails(403, "POST", keys, {"name": "unlimited"})
