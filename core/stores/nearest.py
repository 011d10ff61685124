"""Nearest: the documents whose vectors are nearest to a query, exactly or by the vector index where there is one."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import lance
import numpy as np
import pyarrow as pa

from core.errors import InvalidRequest
from core.stores.rows import vector_columns

METRICS = {"cosine": "cosine", "euclid": "l2", "l2": "l2", "dot": "dot"}
FEW = 2_000
"""Documents that pass a filter and are compared one by one."""

SCARCE = 20_000
"""Documents that pass a filter and are looked for in all parts of the index: they may lie in any."""

WIDER = 4
"""Times as many parts of the index are looked into where a filter leaves documents out."""

LEAST_WIDER, WIDER_REFINE = 16, 10
"""What a filtered search looks into at least, and how many more it compares exactly: it was not measured with filters."""

Vector = np.ndarray[Any, np.dtype[np.float32]]


class Probing(NamedTuple):
    """How a column's index is asked so that it finds what an exact search would: measured when it was built."""

    nprobes: int
    refine: int
    partitions: int
    rows: int

    @staticmethod
    def key(column: str) -> str:
        """Where the dataset's config holds it."""
        return f"openpeek.probing.{column}"

    @classmethod
    def of(cls, dataset: lance.LanceDataset, column: str) -> "Probing | None":
        """The column's, None where it has no index."""
        written = dataset.config().get(cls.key(column))
        return cls(*json.loads(written)) if written else None

    def written(self) -> str:
        """As the config holds it."""
        return json.dumps(list(self))


def nearest(
    dataset: lance.LanceDataset,
    query: Vector,
    column: str,
    k: int,
    metric: str,
    where: str | None,
    columns: Sequence[str],
) -> tuple[pa.Table, np.ndarray[Any, Any]]:
    """The `k` nearest rows among those for which `where` holds, best first, and their scores.

    A score is the cosine, the dot product, or 1 / (1 + distance): higher is better.
    """
    metric = METRICS.get(metric, "cosine")
    passing = None if where is None else dataset.count_rows(filter=where)
    if where is not None and passing is not None and passing <= FEW:
        return _among(dataset, query, column, k, metric, where, columns)
    asked = {"column": column, "q": query, "k": k, "metric": metric} | _by_index(dataset, column, passing)
    table = dataset.to_table(columns=[*columns, "_distance"], nearest=asked, filter=where, prefilter=True)
    return table.drop_columns(["_distance"]), _scores(table["_distance"].to_numpy(), metric)


def _among(
    dataset: lance.LanceDataset,
    query: Vector,
    column: str,
    k: int,
    metric: str,
    where: str,
    columns: Sequence[str],
) -> tuple[pa.Table, np.ndarray[Any, Any]]:
    """The nearest of few rows, whose vectors alone are read."""
    scanner = dataset.scanner(columns=[column], filter=where, with_row_address=True, late_materialization=True)
    found = scanner.to_table()
    found = found.filter(found[column].is_valid()).combine_chunks()
    vectors = found[column].combine_chunks().flatten().to_numpy().reshape(found.num_rows, -1)
    distances = _distances(vectors, query, metric)
    best = np.argsort(distances, kind="stable")[:k]
    addresses = found["_rowaddr"].to_numpy()[best].tolist()
    if not addresses:
        return pa.schema([dataset.schema.field(name) for name in columns]).empty_table(), _scores(
            distances[best], metric
        )
    return dataset._take_rows(addresses, columns=list(columns)), _scores(distances[best], metric)


def _distances(vectors: Vector, query: Vector, metric: str) -> Vector:
    """What Lance calls the distance: 1 - cosine, 1 - dot product, or the squared difference."""
    if metric == "l2":
        return np.asarray(np.square(vectors - query).sum(axis=1))
    products = vectors @ query
    if metric == "cosine":
        lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
        products = products / np.maximum(lengths, np.finfo(np.float32).tiny)
    return np.asarray(1.0 - products)


def query_vector(vector: Sequence[float], name: str, schema: pa.Schema) -> Vector:
    """The vector as the column takes it.

    Raises:
        InvalidRequest: no such vector column, or a vector of another length.
    """
    names = vector_columns(schema)
    if name not in names:
        raise InvalidRequest(f"There is no vector {name!r}.", f"The collection has {', '.join(names) or 'none'}.", name)
    query = np.asarray(vector, dtype=np.float32)
    dim = schema.field(name).type.list_size
    if query.shape != (dim,) or not np.isfinite(query).all():
        raise InvalidRequest(
            f"The query vector has shape {query.shape}, {name!r} has {dim} numbers.",
            f"Give {dim} finite numbers.",
            name,
        )
    return query


def _by_index(dataset: lance.LanceDataset, column: str, passing: int | None) -> dict[str, Any]:
    """How the search uses the index; rows that are not in it yet are compared one by one."""
    probing = Probing.of(dataset, column)
    if probing is None:
        return {"use_index": False}
    if passing is None:
        return probed(probing, probing.nprobes)
    wider = probing.partitions if passing <= SCARCE else max(probing.nprobes * WIDER, LEAST_WIDER)
    return probed(probing._replace(refine=max(probing.refine, WIDER_REFINE)), min(wider, probing.partitions))


def probed(probing: Probing, nprobes: int) -> dict[str, Any]:
    """The words in which Lance is asked; it goes on beyond `nprobes` parts while it has found too little."""
    return {"use_index": True, "minimum_nprobes": nprobes, "refine_factor": probing.refine}


def _scores(distances: np.ndarray[Any, Any], metric: str) -> np.ndarray[Any, Any]:
    scores = 1.0 - distances  # Lance gives 1 - cosine and 1 - dot
    if metric == "l2":
        scores = 1.0 / (1.0 + np.sqrt(np.maximum(distances, 0.0)))  # Lance gives the squared distance
    return np.asarray(scores)
