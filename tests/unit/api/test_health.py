"""Routes of health."""

from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.heartbeats import beat
from core.settings import Settings
from core.stores import Stores
from core.stores.queues import Queues
from tests.contract.schemas import assert_answers


def health(client: TestClient, query: str = "") -> dict[str, object]:
    answer = client.get(f"/v1/health{query}")
    assert_answers("GET", "/v1/health", answer.status_code, answer.json())
    body: dict[str, object] = answer.json()
    return body


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a store's first answer takes seconds."""
    monkeypatch.setattr("functions.api.routes.health.WAIT_S", 100.0)


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


def test_batch_service_is_well_while_its_heart_beats(
    client: TestClient, moto_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def errors() -> str:
        return str(health(client, "?deep=true")["errors"])

    assert "No batch service was alive ever" in errors()
    beat(moto_stores, "batch")
    assert "batch_service" not in errors()
    monkeypatch.setattr("functions.api.routes.health.SILENT_AT_MOST_S", -1)
    assert "No batch service was alive in the last" in errors()


def test_jobs_are_counted(client: TestClient, moto_stores: Stores) -> None:
    moto_stores.queues.send(moto_stores.settings.jobs_queue, {"job": "batch"})

    assert health(client, "?metrics=true")["meta"]["jobs"] == 1  # type: ignore[index]


def test_key_of_secrets_that_is_gone_is_told_when_asked_deeply(
    client: TestClient, app: FastAPI, moto_stores: Stores
) -> None:
    assert "secrets" not in str(health(client, "?deep=true")["errors"])

    settings = moto_stores.settings.model_copy(update={"secrets_key": "alias/none"})
    app.state.stores = replace(moto_stores, settings=settings)

    errors = health(client, "?deep=true")["errors"]
    assert "KMS refused the key alias/none: NotFoundException" in errors["secrets"]  # type: ignore[index]
