"""Upkeep: what makes a collection fast to read, done by one owner at a time while others read and write.

Small fragments become large ones, deleted rows go, ids get an index, vectors get one above 50,000 rows, and versions
that nobody reads any more are removed. Each step is a commit of its own; one that another writer overtakes is left to
the next time.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import lance
import numpy as np

from core.filters import column
from core.stores.datasets import Dataset, is_conflict
from core.stores.nearest import METRICS, Probing, Vector, probed
from core.stores.rows import ID, vector_columns

log = logging.getLogger(__name__)

INDEXED_IDS = (ID, "object_id")
SCALAR_ROWS = 1_000
"""Below so many rows looking at all of them is as fast as any index."""

VECTOR_ROWS = 50_000
PARTITION_ROWS = 4_096
GROWN = 1.2
"""A vector index is measured again once it holds so many times the rows."""

RETRAINED = 4.0
RECALL = 0.995
MARGIN = 2
"""Times as many parts are looked into as sufficed for the queries of the measurement: others may lie further out."""

QUERIES = 100
NEIGHBOURS = 10
REFINE = (3, 10)
SMALL_FRAGMENTS = 8
DELETED_SHARE = 0.1
FRAGMENT_BYTES = 512 * 1024 * 1024
MOST_ROWS = 1024 * 1024


def tend(dataset: Dataset, grace_s: float) -> list[str]:
    """Do what the collection needs; the names of the steps that were done.

    Args:
        grace_s: seconds that a version stays after the next one came; longer than any read takes.
    """
    steps: list[tuple[str, Callable[[lance.LanceDataset], bool]]] = [
        ("compacted", _compact),
        ("indexed ids", _index_ids),
        *((f"indexed {name}", _indexing(name, metric)) for name, metric in vectors_of(dataset).items()),
        ("cleaned", lambda d: _clean(d, grace_s)),
    ]
    done = []
    for name, step in steps:
        try:
            if step(dataset.latest()):
                done.append(name)
        except OSError as error:
            if not is_conflict(error):
                raise
            log.info("overtaken", extra={"step": name, "uri": dataset.uri})
    return done


def vectors_of(dataset: Dataset) -> dict[str, str]:
    """The dataset's vector columns, each with its metric."""
    return vector_columns(dataset.latest().schema)


def _compact(dataset: lance.LanceDataset) -> bool:
    fragments = dataset.get_fragments()
    target = _fragment_rows(dataset)
    physical = [f.physical_rows for f in fragments]
    deleted = sum(f.num_deletions for f in fragments)
    small = sum(rows < target // 2 for rows in physical)
    if small < SMALL_FRAGMENTS and deleted <= DELETED_SHARE * max(sum(physical), 1):
        return False
    dataset.optimize.compact_files(target_rows_per_fragment=target, materialize_deletions_threshold=DELETED_SHARE)
    return True


def _fragment_rows(dataset: lance.LanceDataset) -> int:
    """Rows that make half a gigabyte."""
    row_bytes = 512 + sum(4 * dataset.schema.field(name).type.list_size for name in vector_columns(dataset.schema))
    return max(1, min(MOST_ROWS, int(FRAGMENT_BYTES // row_bytes)))


def _index_ids(dataset: lance.LanceDataset) -> bool:
    if dataset.count_rows() < SCALAR_ROWS:
        return False
    known = {name: i.name for i in dataset.describe_indices() for name in i.field_names}
    missing = [name for name in INDEXED_IDS if name not in known and name in dataset.schema.names]
    for name in missing:
        dataset.create_scalar_index(name, "BTREE", replace=True)
    stale = [known[name] for name in INDEXED_IDS if name in known and _unindexed(dataset, known[name])]
    if stale:
        dataset.optimize.optimize_indices(index_names=stale)
    return bool(missing or stale)


def _indexing(name: str, metric: str) -> Callable[[lance.LanceDataset], bool]:
    return lambda dataset: _index_vectors(dataset, name, METRICS.get(metric, "cosine"))


def _index_vectors(dataset: lance.LanceDataset, name: str, metric: str) -> bool:
    rows = dataset.count_rows(filter=f"{column(name)} IS NOT NULL")
    index = next((i.name for i in dataset.describe_indices() if i.field_names == [name]), None)
    probing = Probing.of(dataset, name)
    if rows < VECTOR_ROWS and probing is None:
        return False
    if index is None or probing is None or rows > RETRAINED * probing.rows:
        _build(dataset, name, metric, rows)
        return True
    if not _unindexed(dataset, index):
        return False
    dataset.optimize.optimize_indices(index_names=[index])
    if rows > GROWN * probing.rows:
        _measure(dataset, name, metric, rows, probing.partitions)
    return True


def _build(dataset: lance.LanceDataset, name: str, metric: str, rows: int) -> None:
    """An index of quantised vectors, or of whole ones where those can't be found well enough."""
    partitions = max(1, rows // PARTITION_ROWS)
    for kind in ("IVF_SQ", "IVF_FLAT"):
        dataset.create_index(name, kind, metric=metric, num_partitions=partitions, replace=True)
        if _measure(dataset, name, metric, rows, partitions):
            return


def _measure(dataset: lance.LanceDataset, name: str, metric: str, rows: int, partitions: int) -> bool:
    """Find how many parts of the index must be looked into, and write it down; whether any number is enough."""
    queries, truth = _exact(dataset, name, metric)
    nprobes = [min(2**n, partitions) for n in range(partitions.bit_length() + 1)]
    for probing in (Probing(n, refine, partitions, rows) for refine in REFINE for n in dict.fromkeys(nprobes)):
        if _recall(dataset, name, metric, queries, truth, probing) >= RECALL:
            safe = probing._replace(nprobes=min(MARGIN * probing.nprobes, partitions))
            dataset.update_config({Probing.key(name): safe.written()})
            log.info("index measured", extra={"column": name} | safe._asdict())
            return True
    return False


def _recall(
    dataset: lance.LanceDataset, name: str, metric: str, queries: Vector, truth: list[set[str]], probing: Probing
) -> float:
    found = 0
    for query, expected in zip(queries, truth, strict=True):
        asked = {"column": name, "q": query, "k": NEIGHBOURS, "metric": metric} | probed(probing, probing.nprobes)
        ids = dataset.to_table(columns=[ID, "_distance"], nearest=asked)[ID].to_pylist()
        found += len(expected & set(ids))
    return found / sum(len(expected) for expected in truth)


def _exact(dataset: lance.LanceDataset, name: str, metric: str) -> tuple[Vector, list[set[str]]]:
    """Queries between stored vectors, so that none finds itself, and the ids of their true neighbours; one pass."""
    queries = _queries(dataset, name)
    scores = np.full((len(queries), NEIGHBOURS), -np.inf, dtype=np.float32)
    ids = np.full((len(queries), NEIGHBOURS), "", dtype=object)
    for batch in dataset.to_batches(columns=[ID, name], filter=f"{column(name)} IS NOT NULL"):
        near = _nearness(_matrix(batch[name]), queries, metric)
        together = np.concatenate([scores, near], axis=1)
        best = np.argpartition(-together, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
        batch_ids = np.broadcast_to(batch[ID].to_numpy(zero_copy_only=False), near.shape)
        scores = np.take_along_axis(together, best, axis=1)
        ids = np.take_along_axis(np.concatenate([ids, batch_ids], axis=1), best, axis=1)
    return queries, [set(row) - {""} for row in ids]


def _queries(dataset: lance.LanceDataset, name: str) -> Vector:
    """Each between two stored vectors, from near one of them to halfway: texts that are asked for lie between others."""
    sample = dataset.sample(2 * QUERIES, columns=[name])[name].combine_chunks().drop_null()
    vectors = _matrix(sample)
    half = len(vectors) // 2
    nearer = np.linspace(0.9, 0.5, half, dtype=np.float32)[:, None]
    return np.asarray(nearer * vectors[:half] + (1 - nearer) * vectors[half : 2 * half], dtype=np.float32)


def _matrix(vectors: Any) -> Vector:
    return np.asarray(vectors.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(len(vectors), -1)


def _nearness(vectors: Vector, queries: Vector, metric: str) -> Vector:
    """Higher is nearer: [queries, vectors]."""
    products = queries @ vectors.T
    if metric == "dot":
        return np.asarray(products)
    squares = np.einsum("ij,ij->i", vectors, vectors)
    if metric == "cosine":
        return np.asarray(products / np.sqrt(np.maximum(squares, 1e-30)))
    return np.asarray(2 * products - squares)


def _unindexed(dataset: lance.LanceDataset, index: str) -> bool:
    return bool(dataset.stats.index_stats(index).get("num_unindexed_rows"))


def _clean(dataset: lance.LanceDataset, grace_s: float) -> bool:
    stats = dataset.cleanup_old_versions(older_than=timedelta(seconds=grace_s))
    return bool(stats.old_versions)
