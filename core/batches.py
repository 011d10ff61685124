"""Batch: objects of one bucket, submitted for feature extraction together."""

from typing import Any

from core.noun import Noun
from core.status import TaskStatus


class Batch(Noun):
    """A batch as stored. Its object ids lie beside it in chunks of 1,000, since a record holds 400 KB at most."""

    batch_id: str
    bucket_id: str
    type: str = "BUCKET"
    status: TaskStatus = TaskStatus.DRAFT
    object_count: int = 0
    collection_ids: list[str] | None = None
    task_id: str | None = None
    error: str | None = None
    error_summary: dict[str, int] | None = None
    metadata: dict[str, Any] = {}
    tier_tasks: list[dict[str, Any]] = []
