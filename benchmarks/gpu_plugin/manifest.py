metadata = {
    "feature_extractor_name": "gpu_bench",
    "version": "1.0.0",
    "description": "Encodes texts or images with a randomly initialised transformer.",
    "category": "text",
}
output_schema = {"properties": {"length": {"type": "integer"}}}
parameter_schema = {"properties": {"kind": {"type": "string"}}, "additionalProperties": True}
supported_input_types = ["text", "image"]
features = []
compute_profile = {"gpu_memory_gb": 12}
