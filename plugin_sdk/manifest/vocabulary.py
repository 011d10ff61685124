"""The words that a manifest may use: its keys, input types, categories, metrics and column names."""

KEYS = (
    "feature_extractor_name",
    "version",
    "description",
    "category",
    "input_schema",
    "output_schema",
    "parameter_schema",
    "supported_input_types",
    "features",
    "input_mappings",
    "dependencies",
    "compute_profile",
    "feature_uri",
)
ALIASES = {"name": "feature_extractor_name"}
UNUSED = ("author", "license", "homepage", "tags", "required_vector_indexes", "cost_rates", "serve_config")
"""Keys that other tools read; they are no mistake and have no effect."""

CATEGORIES = ("text", "image", "video", "audio", "document", "multimodal")
INPUT_TYPES = ("text", "image", "video", "audio", "pdf")
INPUT_TYPE_ALIASES = {"string": "text", "document": "pdf"}
METRICS = ("cosine", "euclid", "dot")
METRIC_ALIASES = {"l2": "euclid", "euclidean": "euclid"}
FEATURE_KEYS = ("feature_name", "feature_type", "embedding_dim", "distance_metric")
PROFILE_KEYS = ("resource_type", "batch_size", "max_concurrency", "actor_memory_gb", "gpu_memory_gb")

SYSTEM_COLUMNS = frozenset(
    {
        "data",
        "document_id",
        "object_id",
        "blob_id",
        "blob_property",
        "blob_type",
        "collection_id",
        "feature_extractor_id",
        "mime_type",
        "size_bytes",
    }
)
"""Columns that the platform fills in every row."""
