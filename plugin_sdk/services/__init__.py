"""Built-in services: steps that a pipeline composes instead of writing its own."""

from plugin_sdk.services.base import BaseBatchInferenceService
from plugin_sdk.services.registry import get_batch_service

__all__ = ["BaseBatchInferenceService", "get_batch_service"]
