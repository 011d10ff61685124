"""Writes the two files that describe, in the API's OpenAPI document, what its own models do not: run it as a module.

python -m tests.contract.describe
"""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import orjson

from batch.serving.app import create_app
from core.settings import Settings
from functions.api.openapi import ANSWERS, DATA_ROUTES, reached, shape
from tests.contract.schemas import contract

Json = dict[str, Any]
ASIDE = ("examples", "example")


def answers() -> Json:
    """The contract's answers: by method and path, with the schemas that they need."""
    whole = contract()
    operations: Json = {}
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            if isinstance(operation, dict):
                kept = {"operationId": operation["operationId"], "responses": operation["responses"]}
                operations[f"{method} {shape(path)}"] = _plain(kept)
    responses = _plain(whole["components"]["responses"])
    schemas = _plain(whole["components"]["schemas"])
    needed = reached([operations, responses], schemas)
    return {
        "operations": operations,
        "responses": responses,
        "schemas": {name: schema for name, schema in schemas.items() if name in needed},
    }


def data_routes() -> Json:
    """The paths and models of the serving app; the route of deployed handlers is none of FastAPI's."""
    app = create_app(Mock(), Mock(), Settings())
    schema: Json = orjson.loads(orjson.dumps(app.routes.openapi()))
    handlers = "/inference/{deployment_name}"
    operation = contract()["paths"][handlers]["post"]
    schema["paths"][handlers] = {"post": {k: v for k, v in operation.items() if k != "responses"}}
    return {"paths": schema["paths"], "components": {"schemas": schema["components"]["schemas"]}}


def written(description: Json) -> bytes:
    """The file's content."""
    return orjson.dumps(description, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def _plain(value: Any) -> Any:
    """Without the contract's notes to its readers."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if not k.startswith("x-") and k not in ASIDE}
    return [_plain(v) for v in value] if isinstance(value, list) else value


def main() -> None:
    """Write both files."""
    for path, description in ((ANSWERS, answers()), (DATA_ROUTES, data_routes())):
        Path(path).write_bytes(written(description))


if __name__ == "__main__":
    main()
