from engine.plugins.extractors.pipeline import PipelineDefinition, StepDefinition, build_pipeline_steps

from .processors.core import Clean, Count, Hash


def build_steps(extractor_request, **kwargs):
    steps = [
        StepDefinition(service_class=Clean, batch_size=1024),
        StepDefinition(service_class=Count, batch_size=1024),
        StepDefinition(service_class=Hash, batch_size=1024),
    ]
    return {"steps": build_pipeline_steps(PipelineDefinition(name="three_steps", version="1.0.0", steps=steps))}
