from engine.plugins.extractors.pipeline import PipelineDefinition, ResourceType, StepDefinition, build_pipeline_steps

from .processors.core import Call


def build_steps(extractor_request, **kwargs):
    steps = [
        StepDefinition(service_class=Call, resource_type=ResourceType.API, batch_size=16, max_concurrency=16),
    ]
    return {"steps": build_pipeline_steps(PipelineDefinition(name="api_calls", version="1.0.0", steps=steps))}
