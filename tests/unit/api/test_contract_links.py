"""The contract, run by schemathesis along links: what one answer names, the next request uses, through whole lives.

    OPENPEEK_CONTRACT_EXAMPLES=100 python -m pytest tests/unit/api/test_contract_links.py

Bucket → objects → batch, upload → confirm, plugin upload → confirm, collection → documents, key → rotate and delete.
"""

import os
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import requests
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Response

from core.stores import Stores
from tests.contract.schemas import assert_answers, contract
from tests.unit.api.test_contract import request
from tests.unit.api.whole import Place, new_place, new_tenant, whole_app

EXAMPLES = int(os.environ.get("OPENPEEK_CONTRACT_EXAMPLES", "0"))
KEYS = "/v1/organizations/users/{user_email}/api-keys"
BUCKET = "/v1/buckets/{bucket_identifier}"
COLLECTION = "/v1/collections/{collection_identifier}"
PLUGINS = "/v1/namespaces/{namespace_id}/plugins"
CONFIG = schemathesis.Config.from_dict({"phases": {"stateful": {"inference": {"algorithms": []}}}})
"""Only the links below: those that names suggest lead astray, and take long to find."""

EMAIL = {"user_email": "admin@localhost"}

Link = tuple[str, str, str, str, dict[str, str], Any]
"""Method and path whose answer leads on, where to, with which parameters and body."""


def links() -> Iterator[Link]:
    """Bucket to objects to batch, plugin upload to confirm, collection to documents, key to its end."""
    bucket = {"bucket_identifier": "$response.body#/bucket_id"}
    same_bucket = {"bucket_identifier": "$request.path.bucket_identifier"}
    for method, path in (("post", "/objects"), ("post", "/uploads"), ("get", ""), ("patch", ""), ("delete", "")):
        yield "post", "/v1/buckets", method, BUCKET + path, bucket, None
    made = {"object_ids": ["$response.body#/object_id"]}
    yield "post", f"{BUCKET}/objects", "post", f"{BUCKET}/batches", same_bucket, made
    one = same_bucket | {"object_identifier": "$response.body#/object_id"}
    for method in ("get", "patch", "delete"):
        yield "post", f"{BUCKET}/objects", method, f"{BUCKET}/objects/{{object_identifier}}", one, None
    batch = same_bucket | {"batch_id": "$response.body#/batch_id"}
    for method, path in (("get", ""), ("post", "/submit"), ("post", "/cancel"), ("post", "/objects"), ("delete", "")):
        yield "post", f"{BUCKET}/batches", method, f"{BUCKET}/batches/{{batch_id}}{path}", batch, None
    upload = same_bucket | {"upload_id": "$response.body#/upload_id"}
    for method, path in (("post", "/confirm"), ("get", ""), ("delete", "")):
        yield "post", f"{BUCKET}/uploads", method, f"{BUCKET}/uploads/{{upload_id}}{path}", upload, None
    plugin = {"namespace_id": "$request.path.namespace_id", "upload_id": "$response.body#/upload_id"}
    yield "post", f"{PLUGINS}/uploads", "post", f"{PLUGINS}/uploads/{{upload_id}}/confirm", plugin, None
    collection = {"collection_identifier": "$response.body#/collection_id"}
    for method, path in (("post", "/documents"), ("post", "/documents/list"), ("get", ""), ("delete", "")):
        yield "post", "/v1/collections", method, COLLECTION + path, collection, None
    document = {"collection_identifier": "$request.path.collection_identifier"}
    document |= {"document_id": "$response.body#/document_id"}
    for method in ("get", "patch", "delete"):
        yield "post", f"{COLLECTION}/documents", method, f"{COLLECTION}/documents/{{document_id}}", document, None
    key = EMAIL | {"key_name": "$response.body#/name"}
    for method, path in (("patch", ""), ("post", "/rotate"), ("delete", "")):
        yield "post", KEYS, method, f"{KEYS}/{{key_name}}{path}", key, None


def linked() -> dict[str, Any]:
    """The operations on these ways, with the links between them."""
    whole, taken = deepcopy(contract()), set[tuple[str, str]]()
    for n, (method, path, then, target, parameters, body) in enumerate(links()):
        taken |= {(path, method), (target, then)}
        link = {"operationId": whole["paths"][target][then]["operationId"], "parameters": parameters}
        link |= {} if body is None else {"requestBody": body}
        whole["paths"][path][method]["responses"]["200"].setdefault("links", {})[f"link{n}"] = link
    kept: dict[str, Any] = {}
    for path, method in taken:
        kept.setdefault(path, {})[method] = whole["paths"][path][method]
    return whole | {"paths": kept}


@pytest.fixture(scope="module")
def place(module_moto_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A namespace with one thing of each kind."""
    app = whole_app(module_moto_stores, tmp_path_factory.mktemp("vectors"))
    client = TestClient(app, raise_server_exceptions=False)
    return new_place(module_moto_stores, new_tenant(module_moto_stores, client), "linked")


def strings(value: Any) -> Iterator[str]:
    """Every text in an answer."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


def test_whole_lives_are_those_of_the_contract(place: Place) -> None:
    followed: set[str] = set()
    machine = schemathesis.openapi.from_dict(linked(), config=CONFIG).as_state_machine()

    class Lives(machine):  # type: ignore[misc, valid-type]
        """Sends each request with the place's key; an id that no answer named becomes one that exists."""

        def setup(self) -> None:
            self.named: set[str] = set()

        def call(self, case: Any, **kwargs: Any) -> Response:
            for name, value in (case.path_parameters or {}).items():
                if value in self.named and name not in ("namespace_id", "user_email"):
                    followed.add(f"{case.operation.method.upper()} {case.operation.path}")
                else:
                    case.path_parameters[name] = place.id_of(name, case.operation.path) or value
            answer = request(place, case)
            body = answer.json() if answer.content else None
            method, path = case.operation.method, case.operation.path
            assert answer.status_code < 500 or answer.status_code == 503, (method, path, answer.text)
            if answer.status_code not in (404, 405):
                assert_answers(method, path, answer.status_code, body)
            self.named |= set(strings(body))
            return Response(
                status_code=answer.status_code,
                headers={name: [value] for name, value in answer.headers.items()},
                content=answer.content,
                request=requests.Request(method.upper(), f"http://testserver{path}").prepare(),
                elapsed=0.0,
                verify=False,
            )

        def validate_response(self, response: Response, case: Any, **kwargs: Any) -> None:
            """It was held against the contract already."""

    Lives.run(
        settings=settings(
            max_examples=EXAMPLES or 3,
            stateful_step_count=30 if EXAMPLES else 20,
            derandomize=not EXAMPLES,
            phases=[Phase.generate],
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
    )

    assert len(followed) >= 8, followed
