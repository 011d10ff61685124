"""Every route of the contract is reached through every door, in every form that it has."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.gateway import DATA_ROUTE
from tests.contract.schemas import assert_answers, contract
from tests.unit.api.conftest import Api

pytestmark = pytest.mark.slow

NOTHING_THERE = re.compile("There is nothing at|is not possible at|Not Found")
SCOPED = re.compile(r"/v1/(?:buckets|collections|retrievers|tasks|documents|inference)(?:/|$)")
"""Routes that take their namespace from the path too."""


def routes() -> Iterator[tuple[str, str, str, bool]]:
    """Method, the contract's path, the path to call, and whether it is a data route."""
    for template, methods in contract()["paths"].items():
        path = re.sub(r"{(\w+)}", "none", template)
        forms = [path]
        if SCOPED.match(template) and not template.startswith("/v1/collections/features"):
            forms.append(path.replace("/v1/", "/v1/namespaces/none/", 1))
        for method in (m for m, operation in methods.items() if isinstance(operation, dict)):
            for form in forms:
                yield method.upper(), template, form, bool(DATA_ROUTE.match(form))


def call(door: Api, method: str, path: str) -> Any:
    headers = {"Authorization": f"Bearer {door.secret}", "X-Namespace": "none"}
    body = {"json": {}} if method in ("POST", "PUT", "PATCH") else {}
    return door.client.request(method, path, headers=headers, **body)


def assert_reached(door: Api, data: bool) -> None:
    asked = [(m, template, path) for m, template, path, is_data in routes() if is_data is data]
    problems = []
    for method, template, path in asked:
        answer = call(door, method, path)
        if answer.status_code >= 500 and template != "/v1/inference":
            problems.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        elif answer.status_code in (404, 405) and NOTHING_THERE.search(answer.text):
            problems.append(f"{method} {path} leads nowhere: {answer.text[:200]}")
        elif path == re.sub(r"{(\w+)}", "none", template):
            assert_answers(method, template, answer.status_code, answer.json() if answer.content else None)

    assert len(asked) > (20 if data else 150)
    assert not problems


def test_every_control_route_is_reached(door: Api) -> None:
    assert_reached(door, data=False)


def test_every_data_route_is_reached(serving: Api) -> None:
    assert_reached(serving, data=True)
