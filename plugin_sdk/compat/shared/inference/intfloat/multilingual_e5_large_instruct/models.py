"""A built-in service's config, under the path that plugins import it from."""

from plugin_sdk.services.intfloat.multilingual_e5_large_instruct import E5Config

__all__ = ["E5Config"]
