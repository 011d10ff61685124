"""Namespaces for a time: they end at once for every caller, and in every store once the janitor has come."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from batch.serving.endpoints import why_not_running
from core import ids, namespaces
from core.deployments import desired_deployments, request_deploy
from core.errors import NotFound
from core.namespaces import ENDS, MAX_TTL_S
from core.removal import finish_removal
from core.stores import Stores
from core.tenancy import Scope
from functions.janitor import handler as janitor
from tests.unit.api.conftest import Api, NewTenant
from tests.unit.api.test_removal import files, filled, items
from tests.unit.core.samples import published


@pytest.fixture
def jobs(moto_stores: Stores, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The jobs that are sent, in place of a queue that shows them only seconds later."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(moto_stores.queues, "send", lambda _queue, body, delay_s=0: sent.append(body))
    monkeypatch.setattr(janitor, "stores", lambda: moto_stores)
    return sent


@contextmanager
def an_hour_ago() -> Iterator[None]:
    """In here namespaces count their time from an hour ago."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(namespaces, "now", lambda: ids.now() - timedelta(hours=1))
        yield


def tables(stores: Stores) -> set[tuple[str, str]]:
    return {(i["pk"]["S"], i["sk"]["S"]) for i in items(stores)}


def test_a_namespace_says_when_it_ends(api: Api) -> None:
    made = api.ok("POST", "/v1/namespaces", {"name": "short", "ttl_seconds": 3600})

    left = datetime.fromisoformat(made["expires_at"]) - ids.now()
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    assert api.ok("GET", "/v1/namespaces/short") == made
    for body in ({"name": "long"}, {"name": "longer", "ttl_seconds": None}):
        forever = api.ok("POST", "/v1/namespaces", body)
        assert (forever["ttl_seconds"], forever["expires_at"]) == (None, None)


@pytest.mark.parametrize("seconds", [0, -1, MAX_TTL_S + 1, "60", 1.5, True])
def test_a_time_that_cannot_be_is_refused(api: Api, seconds: object) -> None:
    for method, path in (("POST", "/v1/namespaces"), ("PATCH", "/v1/namespaces/demo")):
        body = {"ttl_seconds": seconds} | ({"name": "n"} if method == "POST" else {})
        assert "ttl_seconds: Input should be" in api.fails(422, method, path, body)


def test_time_is_given_taken_and_left_alone_by_a_patch(api: Api, moto_stores: Stores) -> None:
    def patched(body: dict[str, Any]) -> Any:
        return api.ok("PATCH", "/v1/namespaces/demo", body)

    first = patched({"ttl_seconds": 60})
    assert first["expires_at"]
    assert patched({"description": "d"})["expires_at"] == first["expires_at"]
    assert patched({"ttl_seconds": 7200})["expires_at"] > first["expires_at"]
    assert len(list(moto_stores.records.each(ENDS))) == 1
    assert patched({"ttl_seconds": None})["expires_at"] is None
    assert list(moto_stores.records.each(ENDS)) == []


def test_it_is_gone_at_its_second_for_those_who_are_in_it(api: Api) -> None:
    made = api.ok("POST", "/v1/namespaces", {"name": "short", "ttl_seconds": 1})
    inside = api.within("short")
    inside.ok("POST", "/v1/buckets", {"name": "docs"})

    end = datetime.fromisoformat(made["expires_at"])
    time.sleep(max(0.0, (end - ids.now()).total_seconds()))

    never = api.within("other").fails(404, "GET", "/v1/buckets/docs").replace("other", "short")
    assert inside.fails(404, "GET", "/v1/buckets/docs") == never
    assert inside.fails(404, "POST", "/v1/buckets", {"name": "more"}) == never
    for name in ("short", made["namespace_id"]):
        api.fails(404, "GET", f"/v1/namespaces/{name}")
        api.fails(404, "PATCH", f"/v1/namespaces/{name}", {"ttl_seconds": 60})
        api.fails(404, "DELETE", f"/v1/namespaces/{name}")
    assert [n["namespace_name"] for n in api.ok("POST", "/v1/namespaces/list")["results"]] == ["demo"]


def test_its_name_is_free(api: Api) -> None:
    with an_hour_ago():
        first = api.ok("POST", "/v1/namespaces", {"name": "short", "ttl_seconds": 60})
        api.ok("POST", "/v1/namespaces", {"name": "brief", "ttl_seconds": 60})

    second = api.ok("POST", "/v1/namespaces", {"name": "short"})

    assert second["namespace_id"] != first["namespace_id"]
    assert api.ok("PATCH", "/v1/namespaces/demo", {"namespace_name": "brief"})["namespace_name"] == "brief"
    assert "'short'" in api.fails(409, "POST", "/v1/namespaces", {"name": "short"})


def test_the_janitor_leaves_no_record_and_no_file_of_it(
    api: Api, moto_stores: Stores, jobs: list[dict[str, Any]]
) -> None:
    before = tables(moto_stores)
    made = api.ok("POST", "/v1/namespaces", {"name": "short"})
    filled(api.within("short"))
    jobs.clear()
    with an_hour_ago():
        api.ok("PATCH", "/v1/namespaces/short", {"ttl_seconds": 60})
    again = api.ok("POST", "/v1/namespaces", {"name": "short"})

    assert [janitor.handler({}, None)["namespaces_expired"] for _ in range(2)] == [1, 0]

    assert [job["job"] for job in jobs] == ["delete_namespace"]
    finish_removal(moto_stores, jobs[0])
    assert Api(api.client, api.secret).ok("GET", f"/v1/tasks/{jobs[0]['task_id']}")["status"] == "COMPLETED"
    assert files(moto_stores) == []
    assert not [key for key in tables(moto_stores) - before if made["namespace_id"] in "#".join(key)]
    assert api.ok("GET", "/v1/namespaces/short") == again


def test_a_namespace_with_time_left_is_not_the_janitor_s(
    api: Api, moto_stores: Stores, jobs: list[dict[str, Any]]
) -> None:
    api.ok("PATCH", "/v1/namespaces/demo", {"ttl_seconds": 60})
    with an_hour_ago():
        api.ok("POST", "/v1/namespaces", {"name": "deleted", "ttl_seconds": 3700})
    api.ok("DELETE", "/v1/namespaces/deleted")
    jobs.clear()

    assert janitor.handler({}, None)["namespaces_expired"] == 0

    assert jobs == []
    assert len(list(moto_stores.records.each(ENDS))) == 1


def test_more_time_that_comes_while_the_janitor_looks_keeps_it(
    api: Api, moto_stores: Stores, jobs: list[dict[str, Any]], monkeypatch: Any
) -> None:
    with an_hour_ago():
        api.ok("PATCH", "/v1/namespaces/demo", {"ttl_seconds": 60})
    pk = next(pk for pk, _ in tables(moto_stores) if pk.endswith("#namespace"))
    delete_if = moto_stores.records.delete_if

    def prolonged(*place: Any) -> bool:
        moto_stores.records.update(pk, str(api.namespace), lambda body: body | {"expires_at": None})
        return delete_if(*place)

    monkeypatch.setattr(moto_stores.records, "delete_if", prolonged)

    assert janitor.handler({}, None)["namespaces_expired"] == 0
    assert api.ok("GET", f"/v1/namespaces/{api.namespace}")["expires_at"] is None
    finish_removal(moto_stores, jobs[-1])
    assert api.ok("GET", f"/v1/namespaces/{api.namespace}")["namespace_name"] == "demo"


def test_its_deployments_run_no_longer(new_tenant: NewTenant, moto_stores: Stores) -> None:
    tenant = new_tenant()
    tenant.ok("POST", "/v1/namespaces", {"name": "demo"})
    made = tenant.ok("GET", "/v1/namespaces/demo")
    org_id = next(pk for pk, sk in tables(moto_stores) if sk == made["namespace_id"]).split("#")[0]
    scope = Scope(org_id, made["namespace_id"])
    deployment = request_deploy(moto_stores, scope, published(moto_stores, scope))
    assert deployment in list(desired_deployments(moto_stores))

    with an_hour_ago():
        tenant.ok("PATCH", "/v1/namespaces/demo", {"ttl_seconds": 60})

    assert list(desired_deployments(moto_stores)) == []
    assert isinstance(why_not_running(moto_stores, org_id, deployment.name), NotFound)
