from pydantic import BaseModel


class Input(BaseModel):
    image: str


class Output(BaseModel):
    embedding: list[float]
    width: int
    height: int


metadata = {
    "feature_extractor_name": "thumbnails",
    "version": "1.0.0",
    "description": "Decodes JPEGs to a small picture of 8 by 8 grey values.",
    "category": "image",
}
input_schema = Input
output_schema = Output
supported_input_types = ["image"]
features = [
    {
        "feature_name": "embedding",
        "feature_type": "embedding",
        "embedding_dim": 64,
        "distance_metric": "cosine",
    },
]
