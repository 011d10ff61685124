"""Keys and errors: who gets in, and how every refusal is told."""

import pytest
from fastapi.testclient import TestClient

from core.organizations import bootstrap
from core.stores import Stores
from tests.contract.schemas import assert_is
from tests.unit.api.conftest import Api, NewTenant


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([], "no API key"),
        ([("Authorization", "Basic abc")], "no bearer token"),
        ([("Authorization", "Bearer sk_unknown")], "not valid"),
        ([("Authorization", "Bearer sk_a"), ("authorization", "Bearer sk_b")], "disagree"),
    ],
)
def test_request_without_a_valid_key_is_refused(client: TestClient, headers: list[tuple[str, str]], said: str) -> None:
    answer = client.get("/v1/namespaces", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["error"]["type"] == "UnauthorizedError"
    assert said in answer.json()["error"]["message"]
    assert_is("ErrorResponse", answer.json())


def test_authorization_headers_that_agree_count_once(client: TestClient, api: Api) -> None:
    key = f"Bearer {api.secret}"

    twice = client.get("/v1/namespaces", headers=[("Authorization", key), ("authorization", key)])
    joined_by_a_gateway = client.get("/v1/namespaces", headers={"Authorization": f"{key},{key}"})

    assert (twice.status_code, joined_by_a_gateway.status_code) == (200, 200)


def test_bootstrap_gives_the_same_organization_for_the_same_secret(moto_stores: Stores, client: TestClient) -> None:
    secret = bootstrap(moto_stores)
    Api(client, secret).ok("POST", "/v1/namespaces", {"namespace_name": "kept"})

    assert bootstrap(moto_stores, secret) == secret
    assert Api(client, secret).ok("GET", "/v1/namespaces")["total_count"] == 1


def test_unknown_path_and_wrong_method_are_told_in_the_envelope(client: TestClient) -> None:
    nowhere, wrong = client.get("/v1/nowhere"), client.put("/v1/namespaces")

    assert (nowhere.status_code, wrong.status_code) == (404, 405)
    assert "/v1/nowhere" in nowhere.json()["error"]["message"]
    assert "PUT" in wrong.json()["error"]["message"]
    assert_is("ErrorResponse", nowhere.json())
    assert_is("ErrorResponse", wrong.json())


def test_one_tenant_does_not_see_what_another_owns(new_tenant: NewTenant) -> None:
    ours, theirs = new_tenant(), new_tenant()
    namespace = ours.ok("POST", "/v1/namespaces", {"namespace_name": "same"})
    theirs.ok("POST", "/v1/namespaces", {"namespace_name": "same"})

    message = theirs.fails(404, "GET", f"/v1/namespaces/{namespace['namespace_id']}")

    assert "no namespace" in message
    assert [n["namespace_id"] for n in theirs.ok("GET", "/v1/namespaces")["results"]] != [namespace["namespace_id"]]
