from typing import List

from pydantic import BaseModel


class Input(BaseModel):
    text: str


class Output(BaseModel):
    embedding: List[float]
    length: int


feature_extractor_name = "noop"
version = "1.0.0"
description = "Writes a constant vector: what remains is the platform's own cost."
category = "text"
input_schema = Input
output_schema = Output
supported_input_types = ["text"]
features = [{"feature_name": "embedding", "feature_type": "embedding", "embedding_dim": 8, "distance_metric": "dot"}]
