"""Models, under a path that plugins import them from."""

from plugin_sdk.models.lazy import LazyModelMixin, lazy_model
from plugin_sdk.models.loader import is_hf_model_cached, load_hf_model, load_hf_model_async, load_namespace_model

__all__ = [
    "LazyModelMixin",
    "is_hf_model_cached",
    "lazy_model",
    "load_hf_model",
    "load_hf_model_async",
    "load_namespace_model",
]
