"""Realtime services, under the path that plugins import them from."""

from plugin_sdk.realtime import BaseInferenceService

__all__ = ["BaseInferenceService"]
