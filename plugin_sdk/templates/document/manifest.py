"""What {{name}} accepts and produces."""

from typing import List

from pydantic import BaseModel, Field

DIM = 256


class {{Class}}Input(BaseModel):
    document: str = Field(..., description="A text, or the URL of a PDF file")


class {{Class}}Output(BaseModel):
    embedding: List[float] = Field(..., description="Hashed words, unit length")
    text: str = Field(..., description="What could be read, cut off at max_characters")
    pages: int
    word_count: int


class {{Class}}Params(BaseModel):
    """What users can set when they create a collection."""

    max_characters: int = Field(default=20_000, ge=100, description="How much of the text is kept")


metadata = {
    "feature_extractor_name": "{{name}}",
    "version": "1.0.0",
    "description": {{description}},
    "category": "document",
    "author": {{author}},
}

input_schema = {{Class}}Input
output_schema = {{Class}}Output
parameter_schema = {{Class}}Params
supported_input_types = ["pdf", "text"]

features = [
    {
        "feature_name": "{{name}}_embedding",
        "feature_type": "embedding",
        "embedding_dim": DIM,
        "distance_metric": "cosine",
    },
]
