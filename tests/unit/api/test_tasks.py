"""Routes of tasks."""

import pytest

from core.errors import NotFound
from core.status import TaskStatus
from core.stores import Stores
from core.tasks import create_task, get_task, update_task
from tests.unit.api.conftest import Api, NewTenant
from tests.unit.api.test_objects import scope_of

PROCESS, TRIGGER = "api_buckets_batches_process", "api_collections_trigger"


def test_task_is_read_with_or_without_a_namespace(api: Api, moto_stores: Stores) -> None:
    scope = scope_of(api, moto_stores)
    task = create_task(moto_stores, scope, PROCESS, [{"batch_id": "b"}])
    update_task(moto_stores, scope.org_id, task.task_id, additional_data={"rows": 5})
    update_task(moto_stores, scope.org_id, task.task_id, additional_data={"rows_done": 2}, error="bad")

    shown = api.ok("GET", f"/v1/tasks/{task.task_id}")

    assert shown["additional_data"] == {"rows": 5, "rows_done": 2}
    assert shown["error"] == shown["error_message"] == "bad"
    assert Api(api.client, api.secret).ok("GET", f"/v1/tasks/{task.task_id}") == shown
    assert api.ok("GET", f"/v1/namespaces/demo/tasks/{task.task_id}") == shown
    api.ok("POST", "/v1/namespaces", {"name": "other"})
    api.fails(404, "GET", f"/v1/namespaces/other/tasks/{task.task_id}")
    api.fails(404, "GET", "/v1/tasks/task_unknown")


def test_tasks_are_listed_newest_first_and_filtered(api: Api, moto_stores: Stores) -> None:
    scope = scope_of(api, moto_stores)
    tasks = [create_task(moto_stores, scope, kind, []).task_id for kind in (PROCESS, TRIGGER, PROCESS)]
    update_task(moto_stores, scope.org_id, tasks[0], status=TaskStatus.FAILED)

    page = api.ok("POST", "/v1/tasks/list?limit=2&include_total=true")
    rest = api.ok("POST", f"/v1/tasks/list?limit=2&cursor={page['pagination']['next_cursor']}")

    assert [t["task_id"] for t in page["results"] + rest["results"]] == tasks[::-1]
    assert (page["pagination"]["total"], rest["pagination"]["next_cursor"]) == (3, None)
    assert [t["task_id"] for t in api.ok("POST", "/v1/tasks/list", {"status": "FAILED"})["results"]] == tasks[:1]
    assert len(api.ok("POST", "/v1/tasks/list", {"task_type": TRIGGER})["results"]) == 1
    assert api.ok("POST", "/v1/tasks/list", {"namespace_id": "ns_other"})["results"] == []
    assert "status" in api.fails(422, "POST", "/v1/tasks/list", {"status": "QUEUED"})


def test_task_is_canceled_once_and_stays_readable(api: Api, moto_stores: Stores) -> None:
    task = create_task(moto_stores, scope_of(api, moto_stores), TRIGGER, [])

    first = api.ok("DELETE", f"/v1/tasks/{task.task_id}")
    second = api.ok("DELETE", f"/v1/tasks/{task.task_id}")

    assert ("was canceled" in first["message"], "had ended" in second["message"]) == (True, True)
    assert api.ok("GET", f"/v1/tasks/{task.task_id}")["status"] == "CANCELED"


def test_another_tenants_task_is_not_there(new_tenant: NewTenant, api: Api, moto_stores: Stores) -> None:
    task = create_task(moto_stores, scope_of(api, moto_stores), TRIGGER, [])
    other = new_tenant()

    other.fails(404, "GET", f"/v1/tasks/{task.task_id}")
    other.fails(404, "DELETE", f"/v1/tasks/{task.task_id}")
    assert other.ok("POST", "/v1/tasks/list")["results"] == []


def test_update_of_a_task_that_is_not_there_says_so(api: Api, moto_stores: Stores) -> None:
    with pytest.raises(NotFound, match="task_none"):
        update_task(moto_stores, "org_none", "task_none", status=TaskStatus.FAILED)
    with pytest.raises(NotFound, match="task_none"):
        get_task(moto_stores, "org_none", "task_none")
