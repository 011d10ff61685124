"""A manifest as inspected: plain data, schemas as JSON Schemas, names and versions normalised."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from plugin_sdk.manifest.issues import Issue
from plugin_sdk.manifest.names import plugin_id
from plugin_sdk.manifest.parameters import validate_parameters


class Feature(BaseModel):
    """One vector that the plugin writes, and how it is compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature_name: str
    feature_type: Literal["embedding"] = "embedding"
    embedding_dim: int = Field(ge=1, le=16384)
    distance_metric: Literal["cosine", "euclid", "dot"] = "cosine"


class ComputeProfile(BaseModel):
    """What the plugin's steps need, over the defaults of their resource type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resource_type: str | None = None
    batch_size: int | None = None
    max_concurrency: int | None = None
    actor_memory_gb: float | None = None
    gpu_memory_gb: float | None = None


class Manifest(BaseModel):
    """A manifest that passed every rule; `warnings` is what its author should still know."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    description: str = ""
    category: str | None = None
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any]
    parameter_schema: dict[str, Any] | None = None
    supported_input_types: list[str] = []
    features: list[Feature] = []
    input_mappings: dict[str, str] = {}
    dependencies: list[str] = []
    compute_profile: ComputeProfile | None = None
    feature_uri: str | None = None
    has_realtime: bool = False
    warnings: list[Issue] = []

    @property
    def plugin_id(self) -> str:
        """`my_extractor_1_0_0`."""
        return plugin_id(self.name, self.version)

    @property
    def uri(self) -> str:
        """`mixpeek://my_extractor@1.0.0`; a feature adds `/its_name`."""
        return f"mixpeek://{self.name}@{self.version}"

    def output_field(self, feature_name: str) -> str:
        """The output-schema property that holds this feature: its own name, or that without the extractor's prefix."""
        return output_field(self.name, feature_name, self.output_schema)

    def validate_params(self, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """`params` with the schema's defaults filled in; with no parameter schema, as they are.

        Raises:
            InvalidParameters: a value breaks the schema, or a key is unknown; names the first such key.
        """
        return validate_parameters(self.parameter_schema, params or {})


def output_field(extractor_name: str, feature_name: str, output_schema: Mapping[str, Any]) -> str:
    """See `Manifest.output_field`; the answer need not be in the schema."""
    if feature_name in output_schema.get("properties", {}):
        return feature_name
    return feature_name.removeprefix(f"{extractor_name}_")
