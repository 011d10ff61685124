"""A built-in service, under the path that plugins import it from."""

from plugin_sdk.services.openai.whisper_api import WhisperConfig, WhisperTranscriptionBatch

__all__ = ["WhisperConfig", "WhisperTranscriptionBatch"]
