"""Lazy models, under a path that plugins import them from."""

from plugin_sdk.models.lazy import LazyModelMixin, lazy_model

__all__ = ["LazyModelMixin", "lazy_model"]
