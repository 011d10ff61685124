"""Upkeep: large collections get indexes that find what an exact search finds, and stay right while they change."""

import functools
import threading
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pytest

from core.document_schema import document_schema
from core.stores import upkeep
from core.stores.commits import Replaced
from core.stores.nearest import Probing
from core.stores.tables import DocumentTable
from core.stores.vectors import Vectors
from core.tenancy import Scope
from plugin_sdk.manifest import Feature, Manifest

SCOPE, DIM, ROWS = Scope("org_a", "ns_a"), 16, 52_000
FEATURES = [
    Feature(feature_name="near", embedding_dim=DIM),
    Feature(feature_name="inner", embedding_dim=DIM, distance_metric="dot"),
]
MANIFEST = Manifest(
    name="x", version="1.0.0", output_schema={"properties": {"number": {"type": "integer"}}}, features=FEATURES
)
SCHEMA = document_schema(MANIFEST)
RNG = np.random.default_rng(7)


def rows(start: int, stop: int) -> pa.Table:
    """Documents of these numbers, with vectors in loose clusters, not all of one length."""
    count = stop - start
    centres = np.random.default_rng(1).standard_normal((40, DIM), dtype=np.float32)
    vectors = centres[RNG.integers(0, 40, count)] + 0.7 * RNG.standard_normal((count, DIM), dtype=np.float32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), type=SCHEMA.field("near").type)
    given = {
        "document_id": pa.array([f"doc_{n:08x}" for n in range(start, stop)]),
        "collection_id": pa.repeat("col_1", count),
        "object_id": pa.array([f"obj_{n}" for n in range(start, stop)]),
        "blob_id": pa.array([f"blob_{n}" for n in range(start, stop)]),
        "number": pa.array(range(start, stop), pa.int64()),
        "near": lists,
        "inner": lists,
    }
    return pa.table([given.get(f.name, pa.nulls(count, f.type)) for f in SCHEMA], schema=SCHEMA)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> DocumentTable:
    """A tended collection above the size from which vectors are indexed."""
    table = Vectors(str(tmp_path_factory.mktemp("large"))).create(SCOPE, "col_1", SCHEMA)
    table.commit([f for n in range(0, ROWS, 6500) for f in table.write_fragments(rows(n, n + 6500))])
    assert table.tend(600)[:2] == ["compacted", "indexed ids"]
    return table


@functools.lru_cache(maxsize=2)
def stored(uri: str, version: int, column: str) -> tuple[Any, Any, Any]:
    """Ids, numbers and vectors, of length one where the metric is the cosine."""
    whole = lance.dataset(uri, version).to_table(columns=["document_id", "number", column])
    vectors = np.stack(whole[column].to_numpy())
    if column == "near":
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(whole["document_id"].to_pylist(), dtype=object), whole["number"].to_numpy(), vectors


def exact(table: DocumentTable, queries: Any, column: str, keep: Any = None) -> list[set[str]]:
    """The ten nearest of each query, of all rows or of those whose number is kept."""
    ids, numbers, vectors = stored(table.uri, table.version, column)
    near = queries @ vectors.T
    if keep is not None:
        near = np.where(keep(numbers), near, -np.inf)
    return [set(ids[places]) for places in np.argpartition(-near, 10, axis=1)[:, :10]]


def share_found(found: list[list[str]], true: list[set[str]]) -> float:
    """Recall."""
    return sum(len(t.intersection(f)) for f, t in zip(found, true, strict=True)) / sum(map(len, true))


@pytest.mark.parametrize("column", ["near", "inner"])
def test_the_index_finds_what_an_exact_search_finds(large: DocumentTable, column: str) -> None:
    assert Probing.of(lance.dataset(large.uri), column) is not None
    queries = RNG.standard_normal((200, DIM), dtype=np.float32)
    metric = "dot" if column == "inner" else "cosine"

    found = [[d["document_id"] for d in large.search(q.tolist(), column, 10, metric)] for q in queries]

    assert share_found(found, exact(large, queries, column)) >= 0.99


@pytest.mark.parametrize(("least", "most"), [(100, 160), (100, 9_000), (1_000, 40_000)])
def test_a_filter_comes_before_the_search_whether_it_leaves_few_or_many(
    large: DocumentTable, least: int, most: int
) -> None:
    wanted = {
        "AND": [
            {"field": "number", "operator": "gte", "value": least},
            {"field": "number", "operator": "lt", "value": most},
        ]
    }
    queries = RNG.standard_normal((60, DIM), dtype=np.float32)

    found = [[d["document_id"] for d in large.search(q.tolist(), "near", 10, "cosine", wanted)] for q in queries]

    true = exact(large, queries, "near", lambda n: (n >= least) & (n < most))
    assert share_found(found, true) >= 0.99
    best = large.search(queries[0].tolist(), "near", 3, "cosine", wanted)
    assert [d["_score"] for d in best] == sorted((d["_score"] for d in best), reverse=True)
    assert "near" not in best[0] and "_made_by" not in best[0]


def test_what_is_new_changed_or_deleted_since_the_index_was_built_counts_at_once(large: DocumentTable) -> None:
    query = RNG.standard_normal(DIM, dtype=np.float32)
    first, second = (d["document_id"] for d in large.search(query.tolist(), "near", 2))
    new = rows(ROWS, ROWS + 1)
    vector = pa.FixedSizeListArray.from_arrays(pa.array(query), type=SCHEMA.field("near").type)
    new = new.set_column(SCHEMA.get_field_index("near"), SCHEMA.field("near"), vector)

    large.commit(large.write_fragments(new))
    large.delete([first])
    large.update([second], {"number": 999_999})

    found = large.search(query.tolist(), "near", 2)
    assert [d["document_id"] for d in found] == [f"doc_{ROWS:08x}", second]
    assert found[1]["number"] == 999_999
    large.tend(600)
    assert [d["document_id"] for d in large.search(query.tolist(), "near", 2)] == [f"doc_{ROWS:08x}", second]


def test_pages_by_id_hold_every_document_once(large: DocumentTable) -> None:
    pages, cursor = [], None
    filters = {"field": "number", "operator": "lt", "value": 2_500}
    while True:
        page = large.list(filters, limit=400, cursor=cursor)
        pages.append([d["document_id"] for d in page.documents])
        cursor = page.cursor
        if cursor is None:
            break

    ids = [i for page in pages for i in page]
    expected = {d for part in large.scan(["document_id"], "number < 2500") for d in part["document_id"].to_pylist()}
    assert ids == sorted(ids) and len(ids) == len(set(ids)) and set(ids) == expected
    assert [d["document_id"] for d in large.list(limit=3, offset=5).documents] == [
        d["document_id"] for d in large.list(limit=8).documents
    ][5:]
    last = large.list(limit=2, sort=("document_id", True)).documents
    assert [d["document_id"] for d in last] == [f"doc_{ROWS:08x}", f"doc_{ROWS - 1:08x}"]


def test_compaction_while_a_batch_commits_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "SMALL_FRAGMENTS", 2)
    table = Vectors(str(tmp_path)).create(SCOPE, "col_1", SCHEMA)
    table.commit([f for n in range(0, 2_000, 200) for f in table.write_fragments(rows(n, n + 200))])
    stop = threading.Event()

    def compact() -> None:
        while not stop.is_set():
            table.tend(0.5)

    thread = threading.Thread(target=compact)
    thread.start()
    writer = table.writer()
    for n in range(0, 2_000, 100):
        part = rows(n, n + 100)
        writer.commit(table.write_fragments(part), [Replaced.blobs_of(part["object_id"], part["blob_id"])])
    stop.set()
    thread.join()

    ids = [d["document_id"] for d in table.list(limit=5_000).documents]
    assert len(ids) == 2_000 == len(set(ids)) == table.count()
    table.tend(0.0)
    assert len(lance.dataset(table.uri).versions()) < 8
