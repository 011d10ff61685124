"""Answers against the contract: each route's answer must have the shape that `api-contract.yaml` gives it."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

ROOT = "urn:contract"
EVERYWHERE = (405, 409, 413, 415, 429, 422, 503)  # what any route may answer, whatever the contract lists


@cache
def contract() -> dict[str, Any]:
    """The contract, parsed once."""
    text = (Path(__file__).parent / "api-contract.yaml").read_text()
    parsed: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return parsed


@cache
def _registry() -> Any:
    return Registry().with_resource(ROOT, Resource.from_contents(contract(), default_specification=DRAFT202012))


@cache
def _paths() -> list[tuple[re.Pattern[str], str]]:
    """Patterns of the contract's paths; those with fewer parameters first, as a router would have it."""
    ordered = sorted(contract()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"\Z"), path) for path in ordered]


def template_of(method: str, path: str) -> str | None:
    """The contract's path that a request of this path means; None where the contract has no such route."""
    path = path.partition("?")[0]
    return next(
        (t for pattern, t in _paths() if pattern.match(path) and method.lower() in contract()["paths"][t]), None
    )


def assert_answers(method: str, path: str, status: int, body: Any) -> None:
    """Fail unless the contract lists this status for the route and `body` has its schema."""
    template = template_of(method, path)
    assert template, f"the contract has no {method} {path}"
    responses = contract()["paths"][template][method.lower()]["responses"]
    known = str(status) if str(status) in responses else "default"
    assert known in responses or status in EVERYWHERE, f"{method} {template} may not answer {status}: {body}"
    if known in responses:
        _assert_schema(responses[known], f"{method} {template} {status}", body)


def assert_is(schema: str, body: Any) -> None:
    """Fail unless `body` is a valid instance of the contract's `schema`."""
    _validate({"$ref": f"{ROOT}#/components/schemas/{schema}"}, schema, body)


def _assert_schema(response: dict[str, Any], where: str, body: Any) -> None:
    if "$ref" in response:
        response = contract()["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    schema = response.get("content", {}).get("application/json", {}).get("schema")
    if schema is not None:
        _validate(_absolute(schema), where, body)


def _absolute(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {k: ROOT + v if k == "$ref" else _absolute(v) for k, v in schema.items()}
    return [_absolute(s) for s in schema] if isinstance(schema, list) else schema


def _validate(schema: Any, where: str, body: Any) -> None:
    validator = Draft202012Validator(schema, registry=_registry(), format_checker=FormatChecker())
    problems = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(body)]
    assert not problems, f"{where}: {problems[:5]}"
