"""What {{name}} accepts and produces."""

from typing import List

from pydantic import BaseModel, Field

DIM = 64  # 4 levels of red, green and blue


class {{Class}}Input(BaseModel):
    image: str = Field(..., description="URL of an image")


class {{Class}}Output(BaseModel):
    embedding: List[float] = Field(..., description="Colour histogram, unit length")
    width: int
    height: int
    brightness: float = Field(..., description="0 is black, 1 is white")
    main_color: str = Field(..., description="The most frequent colour, #rrggbb")


class {{Class}}Params(BaseModel):
    """What users can set when they create a collection."""

    max_pixels: int = Field(default=250_000, ge=1_000, description="Larger images are thinned out to about this many")


metadata = {
    "feature_extractor_name": "{{name}}",
    "version": "1.0.0",
    "description": {{description}},
    "category": "image",
    "author": {{author}},
}

input_schema = {{Class}}Input
output_schema = {{Class}}Output
parameter_schema = {{Class}}Params
supported_input_types = ["image"]

features = [
    {
        "feature_name": "{{name}}_embedding",
        "feature_type": "embedding",
        "embedding_dim": DIM,
        "distance_metric": "cosine",
    },
]
