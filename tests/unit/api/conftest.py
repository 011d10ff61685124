"""The control API in this process, called by a client that holds every answer against the contract."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.organizations import create_organization
from core.stores import Stores
from functions.api.app import create_app
from tests.contract.schemas import assert_answers
from tests.unit.core.samples import HereInspector


class Api:
    """A caller with a key and, if given, a namespace."""

    def __init__(self, client: TestClient, secret: str, namespace: str | None = None) -> None:
        self.client, self.secret, self.namespace = client, secret, namespace

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The answer, once it is what the contract says."""
        headers = {"Authorization": f"Bearer {self.secret}"} | options.pop("headers", {})
        if self.namespace:
            headers.setdefault("X-Namespace", self.namespace)
        if body is not None:
            options["json"] = body
        answer = self.client.request(method, path, headers=headers, **options)
        assert_answers(method, path, answer.status_code, answer.json() if answer.content else None)
        return answer

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The body of an answer that must be a success."""
        answer = self.call(method, path, body, **options)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def fails(self, status: int, method: str, path: str, body: Any = None, **options: Any) -> str:
        """The message of an answer that must fail with `status`."""
        answer = self.call(method, path, body, **options)
        assert answer.status_code == status, answer.text
        return str(answer.json()["error"]["message"])

    def within(self, namespace: str) -> "Api":
        """The same caller in this namespace."""
        return Api(self.client, self.secret, namespace)


NewTenant = Callable[[], Api]


@pytest.fixture(scope="module")
def app(moto_clients: Stores) -> FastAPI:
    """The control API; which stores it uses, each test says."""
    return create_app(moto_clients)


@pytest.fixture
def client(app: FastAPI, moto_stores: Stores) -> Iterator[TestClient]:
    """The app's own client."""
    app.state.stores = moto_stores
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def new_tenant(moto_stores: Stores, client: TestClient) -> NewTenant:
    """Makes an organization, and its caller with an admin key."""
    return lambda: Api(client, create_organization(moto_stores, "acme", "admin@localhost")[1])


@pytest.fixture
def publishing(app: FastAPI, client: TestClient, moto_stores: Stores) -> Stores:
    """The app's stores where manifests are read in this process and no scan event is waited for."""
    app.state.inspector = HereInspector()
    app.state.stores = replace(moto_stores, settings=moto_stores.settings.model_copy(update={"scan_wait_s": 0.02}))
    return moto_stores


@pytest.fixture
def api(new_tenant: NewTenant) -> Api:
    """One tenant, in a namespace `demo`."""
    tenant = new_tenant()
    namespace = tenant.ok("POST", "/v1/namespaces", {"namespace_name": "demo"})
    return tenant.within(namespace["namespace_id"])
