"""Bucket: holds objects, and says which properties they have."""

from typing import Any

from core.noun import Noun


class Bucket(Noun):
    """A bucket as stored; counts live in a counter record beside it."""

    bucket_id: str
    bucket_name: str
    description: str | None = None
    bucket_schema: dict[str, Any] | None = None
    unique_key: dict[str, Any] | None = None
    metadata: dict[str, Any] = {}
