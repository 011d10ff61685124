"""Task: the status of something asynchronous."""

from typing import Any

from core.noun import Noun
from core.status import TaskStatus


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
