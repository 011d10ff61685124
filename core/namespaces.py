"""Namespace: a tenant's space, which holds its buckets, collections, plugins and retrievers."""

from typing import Any

from core.noun import Noun


class Namespace(Noun):
    """A namespace as stored."""

    namespace_id: str
    namespace_name: str
    namespace_type: str = "standard"
    description: str | None = None
    feature_extractors: list[dict[str, Any]] = []
    payload_indexes: list[dict[str, Any]] | None = None
    auto_create_indexes: bool = False
