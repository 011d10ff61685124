"""A built-in service, under the path that plugins import it from."""

from plugin_sdk.services.intfloat.multilingual_e5_large_instruct import E5Config, E5TextEmbeddingBatch

__all__ = ["E5Config", "E5TextEmbeddingBatch"]
