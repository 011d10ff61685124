"""The app as a whole: its limits, and the same answers behind Lambda."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from mangum import Mangum

from core.web.bodies import MAX_BODY_BYTES
from functions.api import app as module
from tests.unit.api.conftest import Api


def test_body_over_the_limit_is_refused(client: TestClient, api: Api) -> None:
    headers = {"Authorization": f"Bearer {api.secret}", "Content-Type": "application/json"}

    answer = client.post("/v1/namespaces", content=b" " * (MAX_BODY_BYTES + 1), headers=headers)

    assert answer.status_code == 413
    assert answer.json()["success"] is False


@pytest.fixture
def thread_loop() -> Iterator[None]:
    """The event loop that Lambda's own thread has: Mangum makes one where there is none, and closes it never."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.mark.usefixtures("thread_loop")
def test_lambda_answers_an_api_gateway_event(app: FastAPI, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_lambda", lambda: Mangum(app, lifespan="off"))

    answer = module.handler(event("GET", "/v1/namespaces/demo", api.secret), Context())
    refused = module.handler(event("GET", "/v1/namespaces/demo", "sk_no"), Context())

    assert (answer["statusCode"], json.loads(answer["body"])["namespace_name"]) == (200, "demo")
    assert (refused["statusCode"], refused["headers"]["www-authenticate"]) == (401, "Bearer")


class Context:
    """What Lambda gives a handler; the app reads nothing of it."""

    aws_request_id = "1"


def event(method: str, path: str, secret: str) -> dict[str, Any]:
    """An API Gateway HTTP event, format 2.0."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"authorization": f"Bearer {secret}", "host": "api"},
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
