"""Collection: documents, plus the feature extractor and the source that make them."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from core.noun import Noun


class ExtractorConfig(BaseModel):
    """The extractor of a collection, resolved when it was created: `params` are complete and valid."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    feature_extractor_name: str
    version: str
    plugin_id: str | None = None
    params: dict[str, Any] = {}
    input_mappings: dict[str, str] = {}
    field_passthrough: list[dict[str, Any]] = []
    include_all_source_fields: bool = False


class Collection(Noun):
    """A collection as stored. `output_schema` and `vector_indexes` come from the extractor's manifest."""

    collection_id: str
    collection_name: str
    description: str | None = None
    source: dict[str, Any]
    input_schema: dict[str, Any] = {"properties": {}}
    output_schema: dict[str, Any] = {"properties": {}}
    feature_extractor: ExtractorConfig
    vector_indexes: list[dict[str, Any]] = []
    enabled: bool = True
    metadata: dict[str, Any] | None = None
    schema_version: int = 1
