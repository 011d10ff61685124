from engine.plugins.extractors.pipeline import PipelineDefinition, StepDefinition, build_pipeline_steps

from .processors.core import Embed


def build_steps(extractor_request, **kwargs):
    steps = [
        StepDefinition(service_class=Embed, batch_size=64),
    ]
    return {"steps": build_pipeline_steps(PipelineDefinition(name="sentences", version="1.0.0", steps=steps))}
