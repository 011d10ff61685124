"""What a plugin's author and the platform share: manifests, pipelines, realtime handlers, models, assets.

A name is imported when it is first used: a scan or a CLI command loads neither pandas nor a model library.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plugin_sdk.assets import download_asset, open_asset
    from plugin_sdk.concurrency import concurrent_api_calls, parallel_io
    from plugin_sdk.errors import PlatformError
    from plugin_sdk.extractor_request import ExtractorRequest
    from plugin_sdk.manifest import ComputeProfile, Feature, Manifest, ManifestIssues
    from plugin_sdk.models import (
        LazyModelMixin,
        is_hf_model_cached,
        lazy_model,
        load_hf_model,
        load_hf_model_async,
        load_namespace_model,
    )
    from plugin_sdk.pipeline import PipelineDefinition, ResourceType, RowCondition, StepDefinition, build_pipeline_steps
    from plugin_sdk.realtime import BaseInferenceService
    from plugin_sdk.secrets import get_secret
    from plugin_sdk.services import BaseBatchInferenceService, get_batch_service

__all__ = [
    "BaseBatchInferenceService",
    "BaseInferenceService",
    "ComputeProfile",
    "ExtractorRequest",
    "Feature",
    "LazyModelMixin",
    "Manifest",
    "ManifestIssues",
    "PipelineDefinition",
    "PlatformError",
    "ResourceType",
    "RowCondition",
    "StepDefinition",
    "build_pipeline_steps",
    "concurrent_api_calls",
    "download_asset",
    "get_batch_service",
    "get_secret",
    "is_hf_model_cached",
    "lazy_model",
    "load_hf_model",
    "load_hf_model_async",
    "load_namespace_model",
    "open_asset",
    "parallel_io",
]

_HOMES = {
    "assets": ("download_asset", "open_asset"),
    "concurrency": ("concurrent_api_calls", "parallel_io"),
    "errors": ("PlatformError",),
    "extractor_request": ("ExtractorRequest",),
    "manifest": ("ComputeProfile", "Feature", "Manifest", "ManifestIssues"),
    "models": (
        "LazyModelMixin",
        "is_hf_model_cached",
        "lazy_model",
        "load_hf_model",
        "load_hf_model_async",
        "load_namespace_model",
    ),
    "pipeline": ("PipelineDefinition", "ResourceType", "RowCondition", "StepDefinition", "build_pipeline_steps"),
    "realtime": ("BaseInferenceService",),
    "secrets": ("get_secret",),
    "services": ("BaseBatchInferenceService", "get_batch_service"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'plugin_sdk' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"plugin_sdk.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
