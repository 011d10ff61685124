"""A built-in service's config, under the path that plugins import it from."""

from plugin_sdk.services.openai.whisper_api import WhisperConfig

__all__ = ["WhisperConfig"]
