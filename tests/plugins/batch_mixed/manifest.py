metadata = {
    "feature_extractor_name": "batch_mixed",
    "version": "1.0.0",
    "description": "Cuts texts into words on the CPU, turns them into vectors on the GPU, counts on the CPU.",
    "category": "text",
}
output_schema = {
    "properties": {
        "word": {"type": "string"},
        "embedding": {"type": "array", "items": {"type": "number"}},
        "half": {"type": "integer"},
        "decoded_on": {"type": "string"},
        "embedded_on": {"type": "string"},
        "counted_on": {"type": "string"},
    }
}
supported_input_types = ["text"]
features = [{"feature_name": "batch_mixed_embedding", "feature_type": "embedding", "embedding_dim": 3}]
