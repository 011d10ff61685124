"""Batch services, under a path that plugins import them from."""

from plugin_sdk.services.base import BaseBatchInferenceService

__all__ = ["BaseBatchInferenceService"]
