from engine.plugins.extractors.pipeline import (
    PipelineDefinition,
    ResourceType,
    StepDefinition,
    build_pipeline_steps,
)

from .processors.core import Cut, Embed, Halve


def build_steps(extractor_request, **kwargs):
    params = extractor_request.extractor_config.parameters or {}
    steps = [
        StepDefinition(service_class=Cut, config=params),
        StepDefinition(service_class=Embed, resource_type=ResourceType.GPU),
        StepDefinition(service_class=Halve),
    ]
    pipeline = PipelineDefinition(name="batch_mixed", version="1.0.0", steps=steps)
    return {"steps": build_pipeline_steps(pipeline)}
