"""Pipeline types under the path that plugins import them from."""

from plugin_sdk.pipeline import PipelineDefinition, ResourceType, RowCondition, StepDefinition, build_pipeline_steps

__all__ = ["PipelineDefinition", "ResourceType", "RowCondition", "StepDefinition", "build_pipeline_steps"]
