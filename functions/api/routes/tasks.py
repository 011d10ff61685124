"""Routes of tasks: of the whole organization, or of one namespace where the request names it."""

from typing import Literal

from core import conditions
from core.batches import cancel_batch
from core.conditions import Condition
from core.errors import IllegalTransition, NotFound
from core.operations import allow
from core.status import TaskStatus
from core.tasks import Task, get_task, list_tasks, update_task
from core.tenancy import Principal, Scope
from core.web.callers import Deleter, Reader
from functions.api.deps import Answer, NamedScope, PagingOf, Router, StoresOf
from functions.api.listing import ListBody
from functions.api.states import Status

scoped = Router(prefix="/tasks", tags=["tasks"])


TaskType = Literal[
    "api_namespaces_create",
    "api_namespaces_delete",
    "api_namespaces_migrations_run",
    "api_buckets_objects_create",
    "api_buckets_delete",
    "api_buckets_batches_process",
    "api_buckets_batches_submit",
    "api_buckets_uploads_create",
    "api_buckets_uploads_confirm",
    "api_buckets_uploads_batch_confirm",
    "api_collections_documents_create",
    "api_collections_extraction_artifacts",
    "api_taxonomies_create",
    "api_taxonomies_execute",
    "api_taxonomies_materialize",
    "api_evaluations_run",
    "api_evaluations_dataset_create",
    "api_retrievers_publish",
    "api_collections_export",
    "api_collections_trigger",
    "engine_feature_extractor_run",
    "engine_inference_run",
    "engine_object_processing",
    "engine_cluster_build",
    "thumbnail",
    "video_segment",
    "audio_segment",
    "materialize",
    "plugin_custom",
    "model_custom",
]


class ListTasks(ListBody):
    """ListTasksRequest."""

    status: Status | None = None
    task_type: TaskType | None = None
    namespace_id: str | None = None


@scoped.post("/list")
def list_post(
    stores: StoresOf, caller: Reader, scope: NamedScope, paging: PagingOf, body: ListTasks | None = None
) -> Answer:
    body = body or ListTasks()
    wanted = [("status", body.status), ("task_type", body.task_type), ("namespace_id", body.namespace_id)]
    wanted.append(("namespace_id", scope.namespace_id if scope else None))
    filters = [Condition(name, "eq", value) for name, value in wanted if value is not None]
    if caller.namespaces is not None:
        filters.append(Condition("namespace_id", "in", sorted(caller.namespaces)))
    selection = body.selection.also(conditions.join(*filters))
    page, pagination = list_tasks(stores, caller, body.page(paging), selection)
    return Answer({"results": page, "pagination": pagination})


@scoped.get("/{task_id}")
def get(stores: StoresOf, caller: Reader, scope: NamedScope, task_id: str) -> Answer:
    return Answer(visible(get_task(stores, caller.org_id, task_id), caller, scope).answer())


@scoped.delete("/{task_id}")
def kill(stores: StoresOf, caller: Deleter, scope: NamedScope, task_id: str) -> Answer:
    task = visible(get_task(stores, caller.org_id, task_id), caller, scope)
    allow(caller, task.namespace_id, "cancel_job")
    if task.status.ended:
        return Answer({"success": True, "message": f"Task {task_id} had ended: {task.status}."})
    if task.task_type.endswith("_delete"):
        raise IllegalTransition(f"Task {task_id} is a deletion.", "It can't be called back: wait until it has ended.")
    batch = next((i for i in task.inputs if isinstance(i, dict) and "batch_id" in i), None)
    if batch:
        cancel_batch(stores, caller.scope(task.namespace_id), batch["bucket_id"], batch["batch_id"])
    update_task(stores, caller.org_id, task_id, status=TaskStatus.CANCELED)
    return Answer({"success": True, "message": f"Task {task_id} was canceled."})


def visible(task: Task, caller: Principal, scope: Scope | None) -> Task:
    """The task, if it is of the namespace that was named and of one that the key may enter."""
    hidden = caller.namespaces is not None and task.namespace_id not in caller.namespaces
    if hidden or (scope and scope.namespace_id != task.namespace_id):
        raise NotFound(f"There is no task {task.task_id!r} in this namespace.", "List the tasks to see their ids.")
    return task
