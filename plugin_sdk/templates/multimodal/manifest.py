"""What {{name}} accepts and produces."""

from typing import List, Optional

from pydantic import BaseModel, Field

TEXT_DIM = 256
IMAGE_DIM = 64  # 4 levels of red, green and blue


class {{Class}}Input(BaseModel):
    content: str = Field(..., description="A text, or the URL of an image")


class {{Class}}Output(BaseModel):
    text_embedding: Optional[List[float]] = Field(None, description="Of texts: hashed words, unit length")
    image_embedding: Optional[List[float]] = Field(None, description="Of images: colour histogram, unit length")
    word_count: Optional[int] = None
    width: Optional[int] = None
    height: Optional[int] = None


class {{Class}}Params(BaseModel):
    """What users can set when they create a collection."""

    lowercase: bool = Field(default=True, description="Treat A and a as the same letter")
    max_pixels: int = Field(default=250_000, ge=1_000, description="Larger images are thinned out to about this many")


metadata = {
    "feature_extractor_name": "{{name}}",
    "version": "1.0.0",
    "description": {{description}},
    "category": "multimodal",
    "author": {{author}},
}

input_schema = {{Class}}Input
output_schema = {{Class}}Output
parameter_schema = {{Class}}Params
supported_input_types = ["text", "image"]

features = [
    {
        "feature_name": "{{name}}_text_embedding",
        "feature_type": "embedding",
        "embedding_dim": TEXT_DIM,
        "distance_metric": "cosine",
    },
    {
        "feature_name": "{{name}}_image_embedding",
        "feature_type": "embedding",
        "embedding_dim": IMAGE_DIM,
        "distance_metric": "cosine",
    },
]
