"""What {{name}} accepts and produces."""

from typing import List

from pydantic import BaseModel, Field

DIM = 64


class {{Class}}Input(BaseModel):
    video: str = Field(..., description="URL of an MP4 or MOV file")


class {{Class}}Output(BaseModel):
    embedding: List[float] = Field(..., description="How much is going on over the video's course, unit length")
    duration_s: float
    width: int
    height: int
    frames: int
    codec: str


class {{Class}}Params(BaseModel):
    """What users can set when they create a collection."""

    relative: bool = Field(default=True, description="Compare courses only; off keeps the amount of data as well")


metadata = {
    "feature_extractor_name": "{{name}}",
    "version": "1.0.0",
    "description": {{description}},
    "category": "video",
    "author": {{author}},
}

input_schema = {{Class}}Input
output_schema = {{Class}}Output
parameter_schema = {{Class}}Params
supported_input_types = ["video"]

features = [
    {
        "feature_name": "{{name}}_embedding",
        "feature_type": "embedding",
        "embedding_dim": DIM,
        "distance_metric": "cosine",
    },
]
