"""The plugin host with real processes: what it answers, and what is left of it when the plugin misbehaves."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest

from plugin_sdk.errors import InvalidPipeline, InvalidRealtime
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.host import HostFailed, HostSettings, PluginHost, PluginRaised, Zygote
from plugin_sdk.manifest import ManifestIssues
from tests.unit.plugin_sdk.folders import write_files

MANIFEST = """
    from pydantic import BaseModel

    class Output(BaseModel):
        embedding: list[float]
        label: str

    metadata = {"feature_extractor_name": "sample", "version": "1.0.0", "description": "A sample.", "category": "text"}
    output_schema = Output
    features = [{"feature_name": "sample_embedding", "feature_type": "embedding", "embedding_dim": 4,
                 "distance_metric": "cosine"}]
"""
PIPELINE = """
    from engine.plugins.extractors.pipeline import (
        PipelineDefinition, ResourceType, RowCondition, StepDefinition, build_pipeline_steps
    )
    from .processor import Processor

    def build_steps(extractor_request, **kwargs):
        parameters = extractor_request.extractor_config.parameters
        step = StepDefinition(
            service_class=Processor, condition=RowCondition.IS_TEXT, batch_size=parameters.get("batch_size", 4),
            resource_type=ResourceType(parameters.get("resource_type", "CPU")),
        )
        return {"steps": build_pipeline_steps(PipelineDefinition(name="sample", version="1.0.0", steps=[step]))}
"""
HONEST = """
    class Processor:
        def __call__(self, batch):
            batch["sample_embedding"] = [[float(len(text)), 1.0, 2.0, 3.0] for text in batch["data"]]
            batch["label"] = batch["data"].str.upper()
            return batch
"""
MiB = 1 << 20


def table(texts: list[str | None]) -> pa.Table:
    count = len(texts)
    return pa.table(
        {
            "document_id": [f"doc_{i}" for i in range(count)],
            "data": texts,
            "mime_type": ["text/plain"] * count,
            "size_bytes": pa.array(range(count), pa.int64()),
        }
    )


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    settings = HostSettings(
        memory_mb=1024, call_timeout_s=20, env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    )
    with Zygote(settings) as running:
        yield running


@pytest.fixture
def start(zygote: Zygote, tmp_path: Path) -> Iterator[Callable[..., PluginHost]]:
    """Start a host for a plugin whose processor.py (or other files) is given as text."""
    hosts: list[PluginHost] = []

    def _start(processor: str = HONEST, files: dict[str, str] | None = None, **options: object) -> PluginHost:
        folder = tmp_path / f"plugin{len(hosts)}"
        write_files(
            folder, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": processor} | (files or {})
        )
        hosts.append(zygote.start(folder, name="sample@1.0.0", **options))  # type: ignore[arg-type]
        return hosts[-1]

    yield _start
    for host in hosts:
        host.close()


def opened(host: PluginHost, **parameters: object) -> PluginHost:
    host.open_pipeline(ExtractorRequest.of("sample", "1.0.0", parameters))
    return host


def test_inspect_gives_the_manifest_and_loads_nothing_else(start):
    host = start("raise RuntimeError('must not be loaded')")

    manifest = host.inspect()

    assert manifest.uri == "mixpeek://sample@1.0.0"
    assert manifest.features[0].embedding_dim == 4


def test_run_returns_every_row_with_its_vector_and_fields(start):
    host = opened(start())

    result = host.run(table(["a", "bc", "def", "g", "hi"]))

    assert result.table["document_id"].to_pylist() == [f"doc_{i}" for i in range(5)]
    assert result.table["label"].to_pylist() == ["A", "BC", "DEF", "G", "HI"]
    assert result.table.schema.field("sample_embedding").type == pa.list_(pa.float32(), 4)
    assert result.table["sample_embedding"].to_pylist()[2] == [3.0, 1.0, 2.0, 3.0]
    assert (result.failures, result.rows_in, result.rows_dropped) == ([], 5, 0)
    assert result.written == ("sample_embedding", "label")
    assert result.step_seconds["Processor"] > 0
