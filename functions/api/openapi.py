"""The one OpenAPI document: control routes and data routes together, each with the answers that the contract gives it.

The routes' own models describe what goes in. What comes out is described by `answers.json`, and the data routes, which
another process serves, by `data_routes.json`; `python -m tests.contract.describe` writes both.
"""

import re
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI

Json = dict[str, Any]
ANSWERS = Path(__file__).with_name("answers.json")
DATA_ROUTES = Path(__file__).with_name("data_routes.json")
NAMESPACE = "/v1/namespaces/{namespace_id}/"
OPEN = ("/v1/health", "/v1/health/liveness")


def describe(app: FastAPI) -> None:
    """Let `/openapi.json` and `/docs` of `app` show the whole platform."""
    own, made = app.openapi, dict[str, Json]()

    def described() -> Json:
        if "document" not in made:
            made["document"] = document(orjson.loads(orjson.dumps(own())))
        return made["document"]

    app.openapi = described  # type: ignore[method-assign]


def document(control: Json) -> Json:
    """The control routes' schema with the data routes, the answers, and the key that all of it asks for."""
    answers, data = orjson.loads(ANSWERS.read_bytes()), orjson.loads(DATA_ROUTES.read_bytes())
    schemas: Json = dict(answers["schemas"])
    paths: Json = {}
    for part, suffix in ((control, "Body"), (data, "DataBody")):
        paths |= _added(part, schemas, suffix)["paths"]
    taken: set[str] = set()
    for path, methods in paths.items():
        for method, operation in methods.items():
            known = _known(answers["operations"], method, path)
            operation["responses"] = known.get("responses") or _plain(operation)
            operation["operationId"] = _unique(known.get("operationId") or _named(operation, path), taken)
            _declare(operation, re.findall(r"{(\w+)}", path))
            if path in OPEN:
                operation["security"] = []
    needed = reached([paths, answers["responses"]], schemas)
    schemas = {name: schema for name, schema in schemas.items() if name in needed}
    components = {"schemas": schemas, "responses": answers["responses"]}
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    return control | {"paths": paths, "components": components, "security": [{"bearer": []}]}


def shape(path: str) -> str:
    """The path without its parameters' names."""
    return re.sub(r"{\w+}", "{}", path)


def reached(value: Any, schemas: Json) -> set[str]:
    """The names of the schemas that `value` points to, and of those that these point to."""
    found: set[str] = set()
    pending = [value]
    while pending:
        for name in _pointed(pending.pop()) - found:
            found.add(name)
            pending.append(schemas[name])
    return found


def _pointed(value: Any) -> set[str]:
    if isinstance(value, dict):
        target = value.get("$ref")
        own = {target.rsplit("/", 1)[1]} if isinstance(target, str) and "/schemas/" in target else set()
        return own.union(*map(_pointed, value.values()))
    return set().union(*map(_pointed, value)) if isinstance(value, list) else set()


def _added(part: Json, schemas: Json, suffix: str) -> Json:
    """The part, once its schemas are among `schemas`; one whose name is taken gets the suffix."""
    own = part.get("components", {}).get("schemas", {})
    names = {name: name + suffix if name in schemas and schemas[name] != own[name] else name for name in own}
    renamed: Json = _renamed(part, names)
    schemas |= {names[name]: schema for name, schema in renamed.get("components", {}).get("schemas", {}).items()}
    return renamed


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {k: _pointer(v, names) if k == "$ref" else _renamed(v, names) for k, v in value.items()}
    return [_renamed(v, names) for v in value] if isinstance(value, list) else value


def _pointer(target: str, names: dict[str, str]) -> str:
    where, _, name = target.rpartition("/")
    return f"{where}/{names.get(name, name)}"


def _known(operations: Json, method: str, path: str) -> Json:
    """What the contract says of an operation; a namespace-path form that it leaves out is as the header form."""
    found: Json | None = operations.get(f"{method} {shape(path)}")
    if found is None and path.startswith(NAMESPACE):
        found = operations.get(f"{method} /v1/{shape(path.removeprefix(NAMESPACE))}")
        found = {**found, "operationId": f"{found['operationId']}_ns"} if found else None
    return found or {}


def _plain(operation: Json) -> Json:
    """The answers of a route that the contract lacks: a JSON object, or an error."""
    succeeds = {s: r for s, r in operation.get("responses", {}).items() if s.startswith("2")}
    return succeeds | {"default": {"$ref": "#/components/responses/AnyError"}}


def _named(operation: Json, path: str) -> str:
    name = str(operation.get("summary") or "call").lower().replace(" ", "_")
    return f"{name}_ns" if path.startswith(NAMESPACE) else name


def _unique(name: str, taken: set[str]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found


def _declare(operation: Json, names: list[str]) -> None:
    """Name the parameters that stand in the path and that no handler asks for by name."""
    parameters = operation.setdefault("parameters", [])
    declared = {p["name"] for p in parameters if p["in"] == "path"}
    for name in names:
        if name not in declared:
            parameters.append({"name": name, "in": "path", "required": True, "schema": {"type": "string"}})
