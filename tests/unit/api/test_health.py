"""Routes of health."""

from dataclasses import replace

from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.settings import Settings
from core.stores import Stores
from core.stores.queues import Queues
from tests.contract.schemas import assert_answers


def health(client: TestClient, query: str = "") -> dict[str, object]:
    answer = client.get(f"/v1/health{query}")
    assert_answers("GET", "/v1/health", answer.status_code, answer.json())
    body: dict[str, object] = answer.json()
    return body


def test_all_is_well_without_a_key(client: TestClient) -> None:
    assert health(client)["status"] == "OK"
    assert health(client, "?metrics=true")["meta"]
    assert client.get("/v1/health/liveness").json() == {"status": "OK"}


def test_a_store_that_fails_is_named(client: TestClient, app: FastAPI, moto_stores: Stores) -> None:
    settings = moto_stores.settings.model_copy(update={"jobs_queue": "not-there"})
    app.state.stores = replace(moto_stores, settings=settings, queues=Queues(moto_stores.queues._client))

    body = health(client)

    assert body["status"] == "DEGRADED"
    assert body["data"]["task_queue"] is False  # type: ignore[index]
    assert "NonExistentQueue" in body["errors"]["task_queue"]  # type: ignore[index]


def test_serving_that_does_not_answer_is_told_when_asked_deeply(
    client: TestClient, app: FastAPI, moto_stores: Stores
) -> None:
    settings: Settings = moto_stores.settings.model_copy(update={"serving_url": "http://127.0.0.1:9"})
    app.state.stores = replace(moto_stores, settings=settings)

    assert health(client)["status"] == "OK"
    assert health(client, "?deep=true")["data"]["inference"] is False  # type: ignore[index]
