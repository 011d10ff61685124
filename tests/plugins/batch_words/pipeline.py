import time

from engine.plugins.extractors.pipeline import (
    PipelineDefinition,
    ResourceType,
    RowCondition,
    StepDefinition,
    build_pipeline_steps,
)

from .processors.core import Words


def build_steps(extractor_request, **kwargs):
    params = extractor_request.extractor_config.parameters or {}
    if params.get("broken"):
        raise RuntimeError("this pipeline can't be built")
    time.sleep(params.get("opens_s", 0.0))
    step = StepDefinition(
        service_class=Words,
        resource_type=ResourceType.GPU if params.get("gpu") else ResourceType.CPU,
        condition=RowCondition.IS_TEXT,
        config=params,
        batch_size=params.get("batch_size", 64),
    )
    pipeline = PipelineDefinition(name="batch_words", version="1.0.0", steps=[step])
    return {"steps": build_pipeline_steps(pipeline)}
