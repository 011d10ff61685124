"""What {{name}} accepts and produces."""

from typing import List

from pydantic import BaseModel, Field

DIM = 256


class {{Class}}Input(BaseModel):
    text: str = Field(..., description="Input text")


class {{Class}}Output(BaseModel):
    embedding: List[float] = Field(..., description="Hashed character n-grams, unit length")
    word_count: int
    top_words: List[str]


class {{Class}}Params(BaseModel):
    """What users can set when they create a collection."""

    lowercase: bool = Field(default=True, description="Treat A and a as the same letter")
    top: int = Field(default=3, ge=0, le=20, description="How many of the most frequent words are kept")


metadata = {
    "feature_extractor_name": "{{name}}",
    "version": "1.0.0",
    "description": {{description}},
    "category": "text",
    "author": {{author}},
}

input_schema = {{Class}}Input
output_schema = {{Class}}Output
parameter_schema = {{Class}}Params
supported_input_types = ["text"]

features = [
    {
        "feature_name": "{{name}}_embedding",
        "feature_type": "embedding",
        "embedding_dim": DIM,
        "distance_metric": "cosine",
    },
]
