"""Retriever: named stages that turn inputs into ranked documents."""

from typing import Any

from core.noun import Noun


class Retriever(Noun):
    """A retriever as stored; `stages` are normalised to `{stage_name, stage_type, config: {stage_id, parameters}}`."""

    retriever_id: str
    retriever_name: str
    description: str | None = None
    collection_ids: list[str] = []
    stages: list[dict[str, Any]]
    input_schema: dict[str, Any] = {}
    budget_limits: dict[str, Any] = {}
    tags: list[str] = []
    version: int = 1
