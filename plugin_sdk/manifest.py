"""The manifest: what a plugin accepts, produces and needs, as data that the platform can keep."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


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
    """A manifest as inspected: schemas are JSON Schemas, names and versions normalised."""

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

    @property
    def plugin_id(self) -> str:
        """`my_extractor_1_0_0`."""
        return f"{self.name}_{self.version.replace('.', '_')}"

    @property
    def uri(self) -> str:
        """`mixpeek://my_extractor@1.0.0`; a feature adds `/its_name`."""
        return f"mixpeek://{self.name}@{self.version}"

    def output_field(self, feature_name: str) -> str:
        """The output-schema property that holds this feature: its own name, or that without the extractor's prefix."""
        properties = self.output_schema.get("properties", {})
        if feature_name in properties:
            return feature_name
        return feature_name.removeprefix(f"{self.name}_")
