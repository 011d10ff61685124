"""Task: the status of something asynchronous."""

from collections.abc import Sequence
from typing import Any

from core.errors import NotFound
from core.ids import ordered_id
from core.noun import Noun
from core.paging import Paging, Selection, Source, listed
from core.status import TaskStatus
from core.stores import Stores
from core.stores.records import Body, Entry
from core.tenancy import Principal, Scope

SEARCHED = ("task_id", "task_type", "status", "error")


class Task(Noun):
    """A task as stored; `additional_data` carries progress: rows, rows_done, documents_written, rows_failed, …"""

    task_id: str
    task_type: str
    namespace_id: str
    status: TaskStatus = TaskStatus.PENDING
    inputs: list[Any] = []
    outputs: list[Any] = []
    additional_data: dict[str, Any] = {}
    error: str | None = None

    def answer(self) -> Body:
        """TaskResponse; the error stands under both names that clients read."""
        return self.body() | {"error_message": self.error}


def create_task(
    stores: Stores, scope: Scope, task_type: str, inputs: Sequence[Any], status: TaskStatus = TaskStatus.PENDING
) -> Task:
    """A new task of this namespace; ids sort by age."""
    task = Task(
        task_id=ordered_id("task"),
        task_type=task_type,
        namespace_id=scope.namespace_id,
        status=status,
        inputs=list(inputs),
    )
    stores.records.create(Entry(_key(scope.org_id), task.task_id, task.body()))
    return task


def get_task(stores: Stores, org_id: str, task_id: str) -> Task:
    """The organization's task of this id.

    Raises:
        NotFound: there is none.
    """
    record = stores.records.get(_key(org_id), task_id) if task_id and len(task_id) <= 128 else None
    if record is None:
        raise NotFound(f"There is no task {task_id[:100]!r}.", "List the tasks to see their ids.")
    return Task.model_validate(record.body)


def update_task(stores: Stores, org_id: str, task_id: str, **changes: Any) -> Task:
    """The task with these fields changed; `additional_data` is merged key by key."""

    def change(body: Body) -> Body:
        task = Task.model_validate(body)
        progress = task.additional_data | changes.get("additional_data", {})
        return task.changed(**changes | {"additional_data": progress}).body()

    record = stores.records.update(_key(org_id), task_id, change)
    if record is None:
        raise NotFound(f"There is no task {task_id!r}.", "It belongs to a namespace that was deleted.")
    return Task.model_validate(record.body)


def list_tasks(stores: Stores, principal: Principal, paging: Paging, selection: Selection) -> tuple[list[Body], Body]:
    """One page of the organization's tasks as answers, newest first, and its pagination."""
    source = Source(stores.records, _key(principal.org_id), newest_first=True)
    return listed(source, paging, selection, lambda r: Task.model_validate(r.body).answer(), SEARCHED)


def _key(org_id: str) -> str:
    return f"{org_id}#task"
