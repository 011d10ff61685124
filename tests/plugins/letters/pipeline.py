from engine.plugins.extractors.pipeline import (
    PipelineDefinition,
    ResourceType,
    RowCondition,
    StepDefinition,
    build_pipeline_steps,
)

from .manifest import LettersParams, metadata
from .processors.core import Letters


def build_steps(extractor_request, **kwargs):
    params = LettersParams(**(extractor_request.extractor_config.parameters or {}))
    step = StepDefinition(
        service_class=Letters,
        resource_type=ResourceType.CPU,
        config={"scale": params.scale},
        condition=RowCondition.IS_TEXT,
    )
    pipeline = PipelineDefinition(name=metadata["feature_extractor_name"], version=metadata["version"], steps=[step])
    return {"steps": build_pipeline_steps(pipeline), "prepare": lambda ds: ds}
