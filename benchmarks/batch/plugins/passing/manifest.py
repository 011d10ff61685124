from pydantic import BaseModel


class Input(BaseModel):
    text: str


class Output(BaseModel):
    text: str


metadata = {
    "feature_extractor_name": "passing",
    "version": "1.0.0",
    "description": "Hands every row on as it came: what remains is the platform's own cost.",
    "category": "text",
}
input_schema = Input
output_schema = Output
supported_input_types = ["text"]
features = []
