"""Batch processing: one processor for texts, one for images; each sees only its rows."""

from typing import Any, Dict, Optional

from engine.plugins.extractors.pipeline import (
    PipelineDefinition,
    ResourceType,
    RowCondition,
    StepDefinition,
    build_pipeline_steps,
)

from .manifest import {{Class}}Params, metadata
from .processors.core import {{Class}}Config, {{Class}}ImageProcessor, {{Class}}TextProcessor


def build_steps(
    extractor_request: Any,
    container: Optional[Any] = None,
    base_steps: Optional[list] = None,
    **kwargs: Any,
) -> Dict[str, Any]:
    params = {{Class}}Params(**(extractor_request.extractor_config.parameters or {}))
    config = {{Class}}Config(**params.model_dump())
    steps = [
        StepDefinition(
            service_class={{Class}}TextProcessor,
            resource_type=ResourceType.CPU,  # or GPU, API
            config=config,
            condition=RowCondition.IS_TEXT,
        ),
        StepDefinition(
            service_class={{Class}}ImageProcessor,
            resource_type=ResourceType.CPU,
            config=config,
            condition=RowCondition.IS_IMAGE,
        ),
    ]
    pipeline = PipelineDefinition(name=metadata["feature_extractor_name"], version=metadata["version"], steps=steps)
    return {"steps": (base_steps or []) + build_pipeline_steps(pipeline), "prepare": lambda ds: ds}
