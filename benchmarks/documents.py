"""What reads of a large collection cost: pages, points, filters, changes and searches over stored documents.

    python -m benchmarks.documents [--rows 1000000] [--dim 384] [--rounds 30] [--at FOLDER]

The collection is built once in FOLDER (default: a folder of its own, removed afterwards) and tended as after a batch.
Medians of wall time in this process; `recall@10` compares the index with an exact search.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from core.document_schema import document_schema
from core.errors import NotFound
from core.ids import document_id
from core.stores.vectors import DocumentTable, Vectors
from core.tenancy import Scope
from plugin_sdk.manifest import Feature, Manifest

SCOPE, COLLECTION, FEATURE = Scope("org_bench", "ns_bench"), "col_bench", "bench_embedding"
PART = 50_000
LABELS = 20
QUERIES = 20


def main() -> None:
    """Build, measure, and print each figure beside its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--at", type=Path, default=None)
    arguments = parser.parse_args()
    table = Table("measure", "value", "target", title=f"{arguments.rows:,} documents × {arguments.dim}")
    with tempfile.TemporaryDirectory(prefix="openpeek-documents-") as scratch:
        documents = built(arguments.at or Path(scratch), arguments.rows, arguments.dim, table)
        measure(table, documents, arguments.dim, arguments.rounds)
    Console().print(table)


def built(folder: Path, rows: int, dim: int, table: Table) -> DocumentTable:
    """The collection, made unless it is there."""
    vectors = Vectors(str(folder))
    try:
        documents = vectors.open(SCOPE, COLLECTION)
        if documents.count() == rows:
            return documents
        vectors.drop(SCOPE, COLLECTION)
    except NotFound:
        pass
    output = {"properties": {"label": {"type": "string"}, "number": {"type": "integer"}}}
    feature = Feature(feature_name=FEATURE, embedding_dim=dim)
    manifest = Manifest(name="bench", version="1.0.0", output_schema=output, features=[feature])
    documents = vectors.create(SCOPE, COLLECTION, document_schema(manifest))
    rng = np.random.default_rng(0)
    began = time.perf_counter()
    for start in range(0, rows, PART):
        part = rows_of(documents.schema, start, min(start + PART, rows), dim, rng)
        documents.commit(documents.write_fragments(part))
    table.add_row("write and commit", f"{time.perf_counter() - began:.1f} s", "")
    began = time.perf_counter()
    steps = documents.tend(600)
    table.add_row(f"tend: {', '.join(steps)}", f"{time.perf_counter() - began:.1f} s", "")
    return documents


def rows_of(schema: pa.Schema, start: int, stop: int, dim: int, rng: np.random.Generator) -> pa.Table:
    """Documents with unit vectors at random, the hardest case for an index."""
    count, now = stop - start, datetime.now(UTC)
    numbers = rng.standard_normal((count, dim), dtype=np.float32)
    numbers /= np.linalg.norm(numbers, axis=1, keepdims=True)
    given: dict[str, Any] = {
        "document_id": [document_id(COLLECTION, f"obj_{i}", f"blob_{i}") for i in range(start, stop)],
        "collection_id": [COLLECTION] * count,
        "object_id": [f"obj_{i:016x}" for i in range(start, stop)],
        "blob_id": [f"blob_{i}" for i in range(start, stop)],
        "label": [f"label {i % LABELS}" for i in range(start, stop)],
        "number": list(range(start, stop)),
        "created_at": [now] * count,
    }
    columns = [pa.array(given[f.name], f.type) if f.name in given else pa.nulls(count, f.type) for f in schema]
    place = schema.get_field_index(FEATURE)
    columns[place] = pa.FixedSizeListArray.from_arrays(pa.array(numbers.reshape(-1)), type=schema.field(FEATURE).type)
    return pa.table(columns, schema=schema)


def measure(table: Table, documents: DocumentTable, dim: int, rounds: int) -> None:
    """Each read and change, timed."""
    first = documents.list(limit=10)
    ids = [d["document_id"] for d in documents.list(limit=500).documents]
    rng = np.random.default_rng(1)
    queries = rng.standard_normal((QUERIES, dim), dtype=np.float32)
    asked: list[list[float]] = queries.tolist()
    label = {"field": "label", "operator": "eq", "value": "label 3"}
    few = {"field": "number", "operator": "lt", "value": 500}
    turn = iter(range(10**9))

    def query() -> list[float]:
        return asked[next(turn) % QUERIES]

    figures: list[tuple[str, Callable[[], Any], str]] = [
        ("list, page 1", lambda: documents.list(limit=10), "< 50 ms"),
        ("list, page 2 by cursor", lambda: documents.list(limit=10, cursor=first.cursor), "< 50 ms"),
        ("list, 100 a page", lambda: documents.list(limit=100), "< 50 ms"),
        ("list, filter that passes 5 %", lambda: documents.list(label, limit=10), ""),
        ("list, sorted by a number", lambda: documents.list(limit=10, sort=("number", True)), ""),
        ("point read", lambda: documents.get([ids[next(turn) % len(ids)]]), "< 50 ms"),
        ("point read with vector", lambda: documents.get([ids[next(turn) % len(ids)]], vectors=True), "< 50 ms"),
        ("count", documents.count, ""),
        ("count, filtered", lambda: documents.count(label), ""),
        ("update one", lambda: documents.update([ids[next(turn) % len(ids)]], {"label": "label 3"}), ""),
        ("search", lambda: documents.search(query(), FEATURE, 10), "< 30 ms at 100,000"),
        ("search, filter that passes 5 %", lambda: documents.search(query(), FEATURE, 10, filters=label), ""),
        ("search, filter that passes 500", lambda: documents.search(query(), FEATURE, 10, filters=few), ""),
    ]
    for name, call, target in figures:
        slow = name == "update one"
        table.add_row(name, f"{1000 * p50(call, 5 if slow else rounds):.1f} ms", target)
    table.add_row("recall@10", f"{recall(documents, queries):.3f}", "≥ 0.99")


def recall(documents: DocumentTable, queries: np.ndarray[Any, Any]) -> float:
    """The share of the true ten neighbours that a search finds."""
    best = np.full((len(queries), 0), 0, dtype=np.float32)
    names = np.full((len(queries), 0), "", dtype=object)
    for batch in documents.scan(["document_id", FEATURE]):
        vectors = batch[FEATURE].flatten().to_numpy().reshape(batch.num_rows, -1)
        near = queries @ vectors.T / np.linalg.norm(vectors, axis=1)
        best = np.concatenate([best, near], axis=1)
        ids = np.broadcast_to(batch["document_id"].to_numpy(zero_copy_only=False), near.shape)
        names = np.concatenate([names, ids], axis=1)
        order = np.argsort(-best, axis=1)[:, :10]
        best, names = np.take_along_axis(best, order, axis=1), np.take_along_axis(names, order, axis=1)
    found = [{d["document_id"] for d in documents.search(q.tolist(), FEATURE, 10)} for q in queries]
    return float(np.mean([len(f & set(n)) / 10 for f, n in zip(found, names, strict=True)]))


def p50(call: Callable[[], Any], rounds: int) -> float:
    """Median seconds, after a few to warm up."""
    for _ in range(3):
        call()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return median(taken)


if __name__ == "__main__":
    main()
