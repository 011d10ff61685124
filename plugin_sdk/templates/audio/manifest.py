"""What {{name}} accepts and produces."""

from typing import List

from pydantic import BaseModel, Field

DIM = 64  # 32 bands, the mean and the spread of each


class {{Class}}Input(BaseModel):
    audio: str = Field(..., description="URL of a WAV file")


class {{Class}}Output(BaseModel):
    embedding: List[float] = Field(..., description="Loudness of 32 bands of pitch and how much it varies, unit length")
    duration_s: float
    sample_rate: int
    loudness_db: float = Field(..., description="0 is the loudest that the format holds")
    pitch_hz: float = Field(..., description="The strongest frequency")


class {{Class}}Params(BaseModel):
    """What users can set when they create a collection."""

    window_s: float = Field(default=0.05, gt=0.005, le=1, description="Length of the pieces that are looked at")


metadata = {
    "feature_extractor_name": "{{name}}",
    "version": "1.0.0",
    "description": {{description}},
    "category": "audio",
    "author": {{author}},
}

input_schema = {{Class}}Input
output_schema = {{Class}}Output
parameter_schema = {{Class}}Params
supported_input_types = ["audio"]

features = [
    {
        "feature_name": "{{name}}_embedding",
        "feature_type": "embedding",
        "embedding_dim": DIM,
        "distance_metric": "cosine",
    },
]
