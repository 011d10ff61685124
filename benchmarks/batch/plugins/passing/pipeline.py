from engine.plugins.extractors.pipeline import PipelineDefinition, StepDefinition, build_pipeline_steps

from .processors.core import Passing


def build_steps(extractor_request, **kwargs):
    steps = [
        StepDefinition(service_class=Passing, batch_size=1024),
    ]
    return {"steps": build_pipeline_steps(PipelineDefinition(name="passing", version="1.0.0", steps=steps))}
