from pydantic import BaseModel


class Input(BaseModel):
    text: str


class Output(BaseModel):
    embedding: list[float]
    text: str
    words: int


metadata = {
    "feature_extractor_name": "three_steps",
    "version": "1.0.0",
    "description": "Cleans, counts and hashes words, in three steps.",
    "category": "text",
}
input_schema = Input
output_schema = Output
supported_input_types = ["text"]
features = [
    {
        "feature_name": "embedding",
        "feature_type": "embedding",
        "embedding_dim": 16,
        "distance_metric": "cosine",
    },
]
