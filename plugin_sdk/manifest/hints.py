"""Which known key an author meant by an unknown one."""

import difflib
from collections.abc import Collection, Mapping

FEATURE_KEYS: Mapping[str, str] = {
    "type": "feature_type",
    "kind": "feature_type",
    "name": "feature_name",
    "id": "feature_name",
    "field": "feature_name",
    "column": "feature_name",
    "dim": "embedding_dim",
    "dims": "embedding_dim",
    "dimension": "embedding_dim",
    "dimensions": "embedding_dim",
    "size": "embedding_dim",
    "length": "embedding_dim",
    "vector_size": "embedding_dim",
    "vector_dim": "embedding_dim",
    "embedding_dimension": "embedding_dim",
    "embedding_dimensions": "embedding_dim",
    "embedding_size": "embedding_dim",
    "distance": "distance_metric",
    "metric": "distance_metric",
    "metric_type": "distance_metric",
    "similarity": "distance_metric",
    "distance_function": "distance_metric",
}
"""What authors write in a feature, and the key that it stands for."""

METRICS: Mapping[str, str] = {
    "cos": "cosine",
    "euclidian": "euclid",
    "ip": "dot",
    "dot_product": "dot",
    "dotproduct": "dot",
    "inner_product": "dot",
}
"""Other words for a distance metric, to be hinted at but not accepted."""


def nearest(word: str, known: Collection[str], meant: Mapping[str, str] | None = None) -> str | None:
    """The known word that `word` stands for or is a misspelling of, if there is one."""
    lower = word.lower()
    if meant and lower in meant:
        return meant[lower]
    close = difflib.get_close_matches(lower, list(known), n=1, cutoff=0.7)
    return close[0] if close else None


def did_you_mean(word: str, known: Collection[str], meant: Mapping[str, str] | None = None) -> str:
    """The sentence that names the right word, or all of them if none is near."""
    match = nearest(word, known, meant)
    return f"Did you mean '{match}'?" if match else f"Use one of {', '.join(known)}."
