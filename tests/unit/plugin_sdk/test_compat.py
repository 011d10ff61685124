"""Every import path that users' plugins use gives the same objects as plugin_sdk."""

import importlib
import subprocess
import sys

import pytest

import plugin_sdk

PATHS = {
    "engine.plugins.extractors.pipeline": (
        "plugin_sdk.pipeline",
        ["PipelineDefinition", "StepDefinition", "ResourceType", "RowCondition", "build_pipeline_steps"],
    ),
    "engine.models": ("plugin_sdk.models", ["load_namespace_model", "load_hf_model", "LazyModelMixin", "lazy_model"]),
    "engine.models.loader": (
        "plugin_sdk.models.loader",
        ["load_namespace_model", "load_hf_model", "load_hf_model_async", "is_hf_model_cached"],
    ),
    "engine.models.lazy": ("plugin_sdk.models.lazy", ["LazyModelMixin", "lazy_model"]),
    "shared.models.loader": (
        "plugin_sdk.models",
        [
            "load_namespace_model",
            "load_hf_model",
            "load_hf_model_async",
            "is_hf_model_cached",
            "LazyModelMixin",
            "lazy_model",
        ],
    ),
    "shared.plugins": ("plugin_sdk", ["open_asset", "download_asset", "parallel_io", "concurrent_api_calls"]),
    "shared.plugins.sdk": ("plugin_sdk", ["open_asset", "download_asset", "parallel_io", "concurrent_api_calls"]),
    "shared.plugins.inference.serve": ("plugin_sdk.realtime", ["BaseInferenceService"]),
    "shared.plugins.inference.batch": ("plugin_sdk.services.base", ["BaseBatchInferenceService"]),
    "engine.inference.services": ("plugin_sdk.services.base", ["BaseBatchInferenceService"]),
    "shared.inference.registry": ("plugin_sdk.services.registry", ["get_batch_service"]),
    "engine.inference.openai.whisper_api.services": (
        "plugin_sdk.services.openai.whisper_api",
        ["WhisperTranscriptionBatch", "WhisperConfig"],
    ),
    "shared.inference.openai.whisper_api.models": ("plugin_sdk.services.openai.whisper_api", ["WhisperConfig"]),
    "engine.inference.intfloat.multilingual_e5_large_instruct.services": (
        "plugin_sdk.services.intfloat.multilingual_e5_large_instruct",
        ["E5TextEmbeddingBatch", "E5Config"],
    ),
    "shared.inference.intfloat.multilingual_e5_large_instruct.models": (
        "plugin_sdk.services.intfloat.multilingual_e5_large_instruct",
        ["E5Config"],
    ),
}


@pytest.mark.parametrize("path", PATHS)
def test_import_path_gives_the_same_objects(path):
    home, names = PATHS[path]
    offered, own = importlib.import_module(path), importlib.import_module(home)

    assert [getattr(offered, name) for name in names] == [getattr(own, name) for name in names]


def test_every_public_name_exists_and_is_listed():
    assert [name for name in plugin_sdk.__all__ if getattr(plugin_sdk, name, None) is None] == []
    assert set(plugin_sdk.__all__) <= set(dir(plugin_sdk))


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        plugin_sdk.no_such_name  # noqa: B018


def test_manifests_and_pipelines_load_no_data_library():
    code = (
        "import sys, plugin_sdk.manifest, plugin_sdk.pipeline, plugin_sdk.loading, plugin_sdk.assets, plugin_sdk.errors;"
        "print([m for m in ('pandas', 'numpy', 'pyarrow', 'torch', 'httpx', 'typer') if m in sys.modules])"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
