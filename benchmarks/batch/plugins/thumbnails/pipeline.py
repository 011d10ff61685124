from engine.plugins.extractors.pipeline import PipelineDefinition, StepDefinition, build_pipeline_steps

from .processors.core import Thumbnail


def build_steps(extractor_request, **kwargs):
    steps = [
        StepDefinition(service_class=Thumbnail, batch_size=32),
    ]
    return {"steps": build_pipeline_steps(PipelineDefinition(name="thumbnails", version="1.0.0", steps=steps))}
