from pydantic import BaseModel


class Input(BaseModel):
    text: str


class Output(BaseModel):
    embedding: list[float]


metadata = {
    "feature_extractor_name": "sentences",
    "version": "1.0.0",
    "description": "Sentence vectors of all-MiniLM-L6-v2.",
    "category": "text",
}
input_schema = Input
output_schema = Output
supported_input_types = ["text"]
features = [
    {
        "feature_name": "embedding",
        "feature_type": "embedding",
        "embedding_dim": 384,
        "distance_metric": "cosine",
    },
]
