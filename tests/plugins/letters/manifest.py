from typing import List

from pydantic import BaseModel


class LettersInput(BaseModel):
    text: str


class LettersOutput(BaseModel):
    embedding: List[float]
    language: str
    length: int
    notes: dict


class LettersParams(BaseModel):
    scale: float = 1.0


metadata = {
    "feature_extractor_name": "letters",
    "version": "1.0.0",
    "description": "Counts a, b and c",
    "category": "text",
}

input_schema = LettersInput
output_schema = LettersOutput
parameter_schema = LettersParams
supported_input_types = ["text"]

features = [
    {
        "feature_name": "letters_embedding",
        "feature_type": "embedding",
        "embedding_dim": 3,
        "distance_metric": "cosine",
    },
]
