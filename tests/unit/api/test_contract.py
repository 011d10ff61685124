"""The contract, run by schemathesis against the whole app: no 500, and no answer that the contract does not describe.

    OPENPEEK_CONTRACT_EXAMPLES=200 python -m pytest tests/unit/api/test_contract.py

Each operation gets requests that the contract allows and requests that it forbids, on things that exist and on some
that do not.
"""

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import requests
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from core.stores import Stores
from tests.contract.schemas import assert_answers, contract
from tests.unit.api.whole import Place, new_place, new_tenant, whole_app

EXAMPLES = int(os.environ.get("OPENPEEK_CONTRACT_EXAMPLES", "0"))
OPERATIONS = [
    (method, path)
    for path, methods in contract()["paths"].items()
    for method, operation in methods.items()
    if isinstance(operation, dict)
]
ENDS_OTHERS = ("delete", "rotate", "cancel")
SENT = {"connection", "content-length", "host", "user-agent", "accept-encoding", "x-schemathesis-testcaseid"}


@cache
def operation(method: str, path: str) -> Any:
    """What schemathesis knows of an operation."""
    return loaded()[path][method.upper()]


@cache
def loaded() -> Any:
    """The contract, loaded once."""
    return schemathesis.openapi.from_dict(contract())


@pytest.fixture(scope="module")
def places(module_moto_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Places"]:
    """Namespaces to send requests to."""
    app = whole_app(module_moto_stores, tmp_path_factory.mktemp("vectors"))
    yield Places(module_moto_stores, TestClient(app, raise_server_exceptions=False))


class Places:
    """One namespace for all operations, and a new one for each that ends what others need."""

    def __init__(self, stores: Stores, client: TestClient) -> None:
        self._stores, self._tenant = stores, new_tenant(stores, client)
        self._made = 0
        self._shared: Place | None = None

    def for_(self, method: str, path: str) -> Place:
        if method == "delete" or path.endswith(ENDS_OTHERS):
            return self._new()
        self._shared = self._shared or self._new()
        return self._shared

    def _new(self) -> Place:
        self._made += 1
        return new_place(self._stores, self._tenant, f"place-{self._made}")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_are_those_of_the_contract(places: Places, method: str, path: str) -> None:
    place = places.for_(method, path)
    modes = [operation(method, path).as_strategy(generation_mode=mode) for mode in GenerationMode]

    @settings(
        max_examples=EXAMPLES or 2,
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(modes), real=st.sampled_from([True, True, True, False]))
    def send(case: Any, real: bool) -> None:
        for name in case.path_parameters or {}:
            if known := place.id_of(name, path) if real or name in ("namespace_id", "user_email") else None:
                case.path_parameters[name] = known
        answer = request(place, case)
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        if answer.status_code not in (404, 405):  # a made-up id can lead to another route, or to none
            assert_answers(method, path, answer.status_code, answer.json() if answer.content else None)

    send()


def request(place: Place, case: Any) -> Any:
    """The answer to a generated request, sent with the place's key and namespace."""
    sent = case.as_transport_kwargs(base_url="http://testserver")
    given_headers = {k: v for k, v in (sent.get("headers") or {}).items() if k.lower() not in SENT}
    headers = given_headers | {"Authorization": f"Bearer {place.api.secret}", "X-Namespace": place.namespace}
    prepared = requests.Request(
        sent["method"],
        sent["url"],
        params=sent.get("params"),
        json=sent.get("json"),
        data=sent.get("data"),
        files=sent.get("files"),
        headers={k: v for k, v in headers.items() if v is not None},
    ).prepare()
    content = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    kept = {k: v for k, v in prepared.headers.items() if k.lower() != "content-length"}
    return place.api.client.request(prepared.method or "", prepared.url or "", content=content, headers=kept)
