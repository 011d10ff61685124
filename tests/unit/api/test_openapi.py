"""The OpenAPI document: one for all routes, and what it says is what the contract says."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from functions.api.openapi import ANSWERS, DATA_ROUTES, shape
from tests.contract import describe
from tests.contract.schemas import contract

Json = dict[str, Any]
METHODS = ("get", "put", "post", "patch", "delete")
NOT_YET: tuple[str, ...] = ()
"""Tags of the contract that are not served yet; one that is must leave this list."""

ACCEPTED = {
    "post /v1/documents/search: query is required": "without one there is nothing to search for",
}
"""Where we take less than the contract, and why."""


@pytest.fixture(scope="module")
def served(app: FastAPI) -> Json:
    """The document, as a client reads it."""
    document: Json = TestClient(app).get("/openapi.json").json()
    return document


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Method, path and operation of each route."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield method, path, operation


def expected(served: Json) -> Iterator[tuple[str, Json, Json | None]]:
    """For each operation of the contract its place, itself, and what is served there."""
    found = {(method, shape(path)): operation for method, path, operation in operations(served)}
    for method, path, operation in operations(contract()):
        yield f"{method} {path}", operation, found.get((method, shape(path)))


def pairs(served: Json) -> Iterator[tuple[str, Json, Json]]:
    """Those that are served."""
    return ((place, theirs, ours) for place, theirs, ours in expected(served) if ours is not None)


def resolved(document: Json, value: Any) -> Any:
    """What a pointer points to, and what is in all parts of an `allOf`; null's alternative is left out."""
    while isinstance(value, dict):
        if "$ref" in value:
            target = document
            for part in value["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            value = target | {k: v for k, v in value.items() if k != "$ref"}
        elif "anyOf" in value or "oneOf" in value:
            options = [o for o in value.get("anyOf") or value["oneOf"] if o.get("type") != "null"]
            if len(options) != 1:
                return value
            value = options[0] | {k: v for k, v in value.items() if k not in ("anyOf", "oneOf")}
        else:
            return value
    return value


def body_of(document: Json, operation: Json) -> Json | None:
    """The schema of a request's body."""
    content = resolved(document, operation.get("requestBody") or {}).get("content", {})
    return resolved(document, next(iter(content.values()))["schema"]) if content else None


def test_described_files_are_current() -> None:
    assert ANSWERS.read_bytes() == describe.written(describe.answers()), "run python -m tests.contract.describe"
    assert DATA_ROUTES.read_bytes() == describe.written(describe.data_routes()), "run python -m tests.contract.describe"


def test_page_shows_the_document(app: FastAPI) -> None:
    page = TestClient(app).get("/docs")

    assert page.status_code == 200
    assert "/openapi.json" in page.text


def test_ids_are_unique_and_pointers_lead_somewhere(served: Json) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(served)]
    pointers = set(re.findall(r'"#/components/(\w+)/([^"]+)"', json.dumps(served)))

    assert len(ids) == len(set(ids))
    assert len(pointers) > 100
    assert not [name for kind, name in pointers if name not in served["components"][kind]]


def test_every_route_of_the_contract_is_served_under_its_id(served: Json) -> None:
    missing = [place for place, theirs, ours in expected(served) if ours is None and theirs["tags"][0] not in NOT_YET]

    assert not missing
    assert not [place for place, theirs, ours in pairs(served) if theirs["operationId"] != ours["operationId"]]


def test_parameters_are_taken_as_the_contract_gives_them(served: Json) -> None:
    problems = [p for place, theirs, ours in pairs(served) for p in parameter_problems(place, theirs, ours, served)]

    assert not problems


def parameter_problems(place: str, theirs: Json, ours: Json, served: Json) -> Iterator[str]:
    taken = {(p["in"], p["name"].lower()): p for p in ours.get("parameters", []) if p["in"] != "path"}
    wanted = [resolved(contract(), p) for p in theirs.get("parameters", [])]
    in_path = len([p for p in ours.get("parameters", []) if p["in"] == "path"])
    if in_path != place.count("{"):
        yield f"{place}: declares {in_path} parameters of the path"
    for parameter in wanted:
        where, name = parameter["in"], parameter["name"]
        if where == "path" or name.lower() == "authorization":
            continue
        found = taken.get((where, name.lower()))
        if found is None:
            yield f"{place}: takes no {where} parameter {name}"
        elif found.get("required", False) and not parameter.get("required", False):
            yield f"{place}: {name} is required"
        else:
            yield from narrower(f"{place}: {name}", parameter["schema"], found["schema"], served)


def test_bodies_are_taken_as_the_contract_gives_them(served: Json) -> None:
    problems = []
    for place, theirs, ours in pairs(served):
        wanted, taken = body_of(contract(), theirs), body_of(served, ours)
        if wanted is None:
            continue
        if taken is None:
            problems.append(f"{place}: takes no body")
        else:
            problems += object_problems(place, wanted, taken, served, 0)
            if not theirs["requestBody"].get("required") and ours["requestBody"].get("required"):
                problems.append(f"{place}: a body is required")

    assert not [problem for problem in problems if problem not in ACCEPTED]
    assert set(ACCEPTED) <= set(problems)


def object_problems(place: str, wanted: Json, taken: Json, served: Json, depth: int) -> Iterator[str]:
    """Where `taken` refuses what `wanted` allows."""
    known, open_ = taken.get("properties", {}), taken.get("additionalProperties", not taken.get("properties"))
    for name in set(taken.get("required", [])) - set(wanted.get("required", [])):
        yield f"{place}: {name} is required"
    for name, schema in wanted.get("properties", {}).items():
        if name not in known:
            if not open_:
                yield f"{place}: there is no field {name}"
            continue
        yield from narrower(f"{place}: {name}", schema, known[name], served, depth)


def narrower(place: str, theirs: Any, ours: Any, served: Json, depth: int = 0) -> Iterator[str]:
    """Where our schema of one value takes less than the contract's."""
    theirs, ours = resolved(contract(), theirs), resolved(served, ours)
    for limit, less in (("maximum", 1), ("maxLength", 1), ("maxItems", 1), ("minimum", -1), ("minLength", -1)):
        if limit in ours and limit in theirs and (ours[limit] - theirs[limit]) * less < 0:
            yield f"{place}: {limit} is {ours[limit]}, the contract says {theirs[limit]}"
    values = set(theirs.get("x-supported") or theirs.get("enum") or []) - {None}
    accepted = set(ours.get("enum") or ([ours["const"]] if "const" in ours else []))
    if accepted and values - accepted:
        yield f"{place}: refuses {sorted(map(str, values - accepted))}"
    if depth < 4 and "properties" in theirs and "properties" in ours:
        yield from object_problems(place, theirs, ours, served, depth + 1)
    if depth < 4 and isinstance(theirs.get("items"), dict) and isinstance(ours.get("items"), dict):
        yield from narrower(f"{place}[]", theirs["items"], ours["items"], served, depth + 1)


def test_answers_are_those_of_the_contract(served: Json) -> None:
    problems = []
    for place, theirs, ours in pairs(served):
        if set(theirs["responses"]) != set(ours["responses"]):
            problems.append(f"{place}: {sorted(ours['responses'])}")
        for status, answer in theirs["responses"].items():
            if status in ours["responses"]:
                wanted, given = answer_of(contract(), answer), answer_of(served, ours["responses"][status])
                problems += unlike(f"{place} {status}", wanted, given, served, 0)

    assert not problems


def answer_of(document: Json, answer: Json) -> Any:
    """The schema of an answer's body."""
    return resolved(document, answer).get("content", {}).get("application/json", {}).get("schema", {})


def unlike(place: str, theirs: Any, ours: Any, served: Json, depth: int) -> Iterator[str]:
    """Where an answer's schema has other required fields, other values, or lacks a field."""
    theirs, ours = resolved(contract(), theirs), resolved(served, ours)
    for key in ("required", "enum"):
        if set(theirs.get(key, [])) != set(ours.get(key, [])):
            yield f"{place}: {key} is {ours.get(key)}, the contract says {theirs.get(key)}"
    for name, schema in theirs.get("properties", {}).items() if depth < 6 else ():
        if name not in ours.get("properties", {}):
            yield f"{place}: has no {name}"
        else:
            yield from unlike(f"{place}.{name}", schema, ours["properties"][name], served, depth + 1)
    if depth < 6 and isinstance(theirs.get("items"), dict):
        yield from unlike(f"{place}[]", theirs["items"], ours.get("items", {}), served, depth + 1)
