from pydantic import BaseModel


class Input(BaseModel):
    text: str


class Output(BaseModel):
    embedding: list[float]
    length: int


metadata = {
    "feature_extractor_name": "batch_words",
    "version": "1.0.0",
    "description": "Counts letters; does what the text asks for when it asks for trouble.",
    "category": "text",
}
input_schema = Input
output_schema = Output
supported_input_types = ["text"]
features = [
    {
        "feature_name": "batch_words_embedding",
        "feature_type": "embedding",
        "embedding_dim": 4,
        "distance_metric": "cosine",
    },
]
