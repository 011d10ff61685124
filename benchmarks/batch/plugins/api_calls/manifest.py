from pydantic import BaseModel


class Input(BaseModel):
    text: str


class Output(BaseModel):
    label: str


metadata = {
    "feature_extractor_name": "api_calls",
    "version": "1.0.0",
    "description": "Waits 20 ms a row, as a call to a remote model does.",
    "category": "text",
}
input_schema = Input
output_schema = Output
supported_input_types = ["text"]
features = []
