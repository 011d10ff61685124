"""Vectors: whole commits, replacement of what a blob gave before, reads by id, filter, order and distance."""

import multiprocessing
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pytest

from core.document_schema import document_schema
from core.errors import DiskFull, InvalidRequest, NotFound, StoreUnavailable
from core.settings import Settings
from core.stores.commits import Replaced
from core.stores.datasets import Dataset
from core.stores.encodings import encoded
from core.stores.vectors import DocumentTable, Vectors
from core.tenancy import Scope
from plugin_sdk.manifest import Feature, Manifest

SCOPE = Scope("org_a", "ns_a")
MANIFEST = Manifest(
    name="words",
    version="1.0.0",
    output_schema={
        "properties": {
            "embedding": {"type": "array", "items": {"type": "number"}},
            "label": {"type": "string"},
            "length": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "facts": {"type": "object"},
        }
    },
    features=[Feature(feature_name="words_embedding", embedding_dim=3)],
)
SCHEMA = document_schema(MANIFEST, {"properties": {"text": {"type": "text"}}})


@pytest.fixture
def vectors(tmp_path: Path) -> Vectors:
    return Vectors(str(tmp_path))


@pytest.fixture
def table(vectors: Vectors) -> DocumentTable:
    return vectors.create(SCOPE, "col_1", SCHEMA)


def rows(*ids: str, blob: str | None = None, **values: Any) -> pa.Table:
    base = {"collection_id": "col_1", "object_id": "obj", "words_embedding": [1.0, 0.0, 0.0], "label": "x", **values}
    return pa.Table.from_pylist([base | {"document_id": i, "blob_id": blob or f"blob_{i}"} for i in ids], SCHEMA)


def write(table: DocumentTable, *parts: pa.Table) -> int:
    fragments = [f for part in parts for f in table.write_fragments(part)]
    return table.commit(fragments, Replaced.of([Replaced.blobs_of(p["object_id"], p["blob_id"]) for p in parts]))


def test_fragments_are_invisible_until_their_group_is_committed(table: DocumentTable) -> None:
    fragments = [*table.write_fragments(rows("a", "b")), *table.write_fragments(rows("c"))]

    assert table.count() == 0
    version = table.version
    table.commit(fragments)

    assert (table.count(), table.version) == (3, version + 1)


def test_a_collection_from_before_ids_had_their_own_encoding_stays_as_it_is(vectors: Vectors) -> None:
    place = Path(vectors.uri(SCOPE, "col_old"))
    place.parent.mkdir(parents=True, exist_ok=True)
    lance.write_dataset(SCHEMA.empty_table(), place)

    old, new = (vectors.create(SCOPE, name, SCHEMA) for name in ("col_old", "col_new"))
    for table in (old, new):
        write(table, rows("a", "b"))
        write(table, rows("b", label="new"))

    compression = [t.schema.field("document_id").metadata for t in (old, new)]
    assert compression == [None, {b"lance-encoding:compression": b"lz4"}]
    assert old.list(vectors=True) == new.list(vectors=True)
    assert [d["label"] for d in old.list().documents] == ["x", "new"]


def test_values_of_every_kind_are_read_as_they_were_written_however_they_are_encoded(vectors: Vectors) -> None:
    texts = ["", "ä", None, "日本語", " ", "a\0b", "😀", "x" * 5_000, "label", '"quoted"']
    values: list[dict[str, Any]] = [
        {"text": texts[i % len(texts)], "label": ["cat", "dog", None][i % 3], "length": [0, -(2**63), None][i % 3]}
        | {"tags": [[], ["a", ""], None, [None]][i % 4], "facts": [None, "{}", '{"a": [1, null]}'][i % 3]}
        | {"blob_url": [None, f"s3://bucket/{i}.jpg"][i % 2], "size_bytes": [None, i, 2**40][i % 3]}
        for i in range(3_000)
    ]
    written = pa.concat_tables([rows(f"doc_{i:05}", **value) for i, value in enumerate(values)])
    table = vectors.create(SCOPE, "col_kinds", SCHEMA)

    write(table, written.slice(0, 2_000), written.slice(2_000))
    table.tend(0)

    stored = lance.dataset(table.uri)
    assert stored.to_table().sort_by("document_id").cast(SCHEMA).equals(written.cast(SCHEMA))
    assert stored.take([7, 2_999], columns=["text"])["text"].to_pylist() == [texts[7], texts[9]]
    assert table.count({"field": "label", "operator": "eq", "value": "dog"}) == 1_000


def test_texts_are_stored_as_they_are_on_a_disk_and_smaller_elsewhere(tmp_path: Path) -> None:
    sizes = {}
    for remote in (False, True):
        schema = encoded(SCHEMA, remote=remote)
        place = tmp_path / f"{remote}.lance"
        dataset = lance.write_dataset(schema.empty_table(), place)
        texts = [f"the quick brown fox jumps over {i} lazy dogs and back again" for i in range(5_000)]
        part = pa.concat_tables([rows("a", text=text) for text in texts]).cast(schema)
        lance.fragment.write_fragments(part, dataset, mode="append")
        sizes[remote] = sum(file.stat().st_size for file in place.rglob("data/*"))

    assert sizes[True] < 0.7 * sizes[False]


def test_columns_that_a_collection_lacks_are_added_with_their_encodings(vectors: Vectors) -> None:
    vectors.create(SCOPE, "col_1", SCHEMA)
    wider = pa.schema([*SCHEMA, pa.field("title", pa.string())])

    table = vectors.create(SCOPE, "col_1", wider)
    write(table, pa.Table.from_pylist(rows("a").to_pylist(), wider).set_column(len(SCHEMA), "title", pa.array(["t"])))

    assert table.schema.field("title").metadata == {b"lance-encoding:compression": b"none"}
    assert table.get(["a"])[0]["title"] == "t"


def test_a_second_run_replaces_what_the_blobs_gave_before_in_one_version(table: DocumentTable) -> None:
    write(table, rows("d", "d_1", "d_2", blob="blob_1"), rows("e"))
    version = table.version

    replaced = write(table, rows("d", "d_1", blob="blob_1", label="new"))

    assert replaced == 3
    assert table.version == version + 1
    assert [d["document_id"] for d in table.list().documents] == ["d", "d_1", "e"]
    assert [d["label"] for d in table.list().documents] == ["new", "new", "x"]


def test_a_blob_that_gives_nothing_any_more_loses_its_documents(table: DocumentTable) -> None:
    write(table, rows("a"), rows("b"))

    assert table.commit([], Replaced.blobs_of(["obj"], ["blob_a"])) == 1
    assert [d["document_id"] for d in table.list().documents] == ["b"]


def test_of_two_writers_in_the_same_instant_the_later_one_stays(vectors: Vectors, table: DocumentTable) -> None:
    before = lance.dataset(table.uri)
    first, second = rows("a", "b", label="first"), rows("a", "b", label="second")
    late = late_reader(table.uri, before)
    fragments = table.write_fragments(second)
    write(table, first)

    removed = late.commit(fragments, Replaced.blobs_of(["obj", "obj"], ["blob_a", "blob_b"]))

    assert removed == 2
    assert [d["label"] for d in table.list().documents] == ["second", "second"]


def test_commit_whose_answer_was_lost_is_not_made_twice(
    vectors: Vectors, table: DocumentTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(table, rows("a", "b"))
    fragments = table.write_fragments(rows("a", "c", label="new"))
    replaced = [Replaced.blobs_of(["obj", "obj"], ["blob_a", "blob_c"])]
    writer, commit = table.writer(), lance.LanceDataset.commit

    def lost(*args: Any, **named: Any) -> None:
        commit(*args, **named)
        monkeypatch.undo()
        raise OSError("LanceError(IO): Generic S3 error: error sending request")

    monkeypatch.setattr(lance.LanceDataset, "commit", lost)
    with pytest.raises(StoreUnavailable, match="error sending request"):
        writer.commit(fragments, replaced)

    assert writer.commit(fragments, replaced) == 1
    assert [(d["document_id"], d["label"]) for d in table.list().documents] == [("a", "new"), ("b", "x"), ("c", "new")]


def test_full_disk_is_told_as_such_and_breaks_nothing(tmp_path: Path) -> None:
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"a small file system can't be mounted: {made.stderr.strip()}")
    try:
        vectors = Vectors(str(tmp_path))
        table = vectors.create(SCOPE, "col_1", SCHEMA)
        write(table, rows("a"))
        fragments = table.write_fragments(rows("b"))
        with (tmp_path / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"0" * 4096)

        for attempt in (
            lambda: table.write_fragments(rows("c")),
            lambda: table.commit(fragments),
            lambda: table.ledger.add(rows("d")),
            lambda: vectors.create(SCOPE, "col_2", SCHEMA),
        ):
            with pytest.raises(DiskFull, match=r"no room for documents at .*Free space"):
                attempt()

        assert [d["document_id"] for d in table.list().documents] == ["a"]
        (tmp_path / "filler").unlink()
        table.commit(fragments)
        assert [d["document_id"] for d in table.list().documents] == ["a", "b"]
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def late_reader(uri: str, first: lance.LanceDataset) -> DocumentTable:
    """A table that sees an outdated version once, as a writer does that is overtaken."""
    versions = iter([first])

    class Late(Dataset):
        def latest(self) -> lance.LanceDataset:
            return next(versions, None) or super().latest()

    return DocumentTable(Late(uri))


def test_index_survives_replacement_and_new_fragments(table: DocumentTable) -> None:
    write(table, rows(*(f"d{i:03d}" for i in range(200))))
    table.tend(600)
    write(table, rows("d007", label="again"), rows("zz"))
    table.tend(600)

    assert [d["label"] for d in table.get(["zz", "d007", "d008", "none"])] == ["x", "again", "x"]


def test_another_process_sees_a_commit_at_its_next_read(vectors: Vectors, table: DocumentTable, tmp_path: Path) -> None:
    reader = vectors.open(SCOPE, "col_1")
    assert reader.count() == 0

    process = multiprocessing.get_context("spawn").Process(target=write_elsewhere, args=(str(tmp_path),))
    process.start()
    process.join()

    assert process.exitcode == 0
    assert reader.count() == 2


def write_elsewhere(root: str) -> None:
    write(Vectors(root).open(SCOPE, "col_1"), rows("a", "b"))


def test_pages_follow_the_cursor_through_every_document_once(table: DocumentTable) -> None:
    write(table, rows(*(f"d{i}" for i in range(7))))
    seen: list[str] = []
    cursor = None
    while True:
        page = table.list(limit=3, cursor=cursor)
        seen += [d["document_id"] for d in page.documents]
        cursor = page.cursor
        if cursor is None:
            break

    assert seen == [f"d{i}" for i in range(7)]


def test_sorted_pages_go_by_the_field_and_then_by_id(table: DocumentTable) -> None:
    write(table, rows("a", "b", length=1), rows("c", length=5), rows("d", length=3))

    first = table.list(limit=2, sort=("length", True))
    second = table.list(limit=2, sort=("length", True), cursor=first.cursor)

    assert [d["document_id"] for d in first.documents + second.documents] == ["c", "d", "a", "b"]
    assert second.cursor is None


def test_documents_come_back_as_json_values_without_numbers_of_vectors(table: DocumentTable) -> None:
    write(table, rows("a", facts='{"n": 1}', tags=["t"], _extra='{"colour": "red"}'))

    (document,) = table.get(["a"])
    (whole,) = table.get(["a"], vectors=True)

    assert document["facts"] == {"n": 1}
    assert document["tags"] == ["t"]
    assert document["colour"] == "red"
    assert "words_embedding" not in document and "_extra" not in document
    assert whole["words_embedding"] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"AND": [{"field": "label", "operator": "eq", "value": "it's"}]}, ["b"]),
        ({"AND": [{"field": "label", "operator": "ne", "value": "it's"}]}, ["a", "c"]),
        ({"OR": [{"field": "length", "value": 1}, {"field": "length", "operator": "gte", "value": 9}]}, ["a", "c"]),
        ({"NOT": [{"field": "length", "value": 1}]}, ["b", "c"]),
        ({"AND": [{"field": "label", "operator": "in", "value": ["it's", "Big Dog"]}]}, ["a", "b"]),
        ({"AND": [{"field": "label", "operator": "nin", "value": ["it's"]}]}, ["a", "c"]),
        ({"AND": [{"field": "label", "operator": "contains", "value": "BIG"}]}, ["a"]),
        ({"AND": [{"field": "label", "operator": "contains", "value": "BIG"}], "case_sensitive": True}, []),
        ({"AND": [{"field": "label", "operator": "starts_with", "value": "it"}]}, ["b"]),
        ({"AND": [{"field": "label", "operator": "ends_with", "value": "dog"}]}, ["a"]),
        ({"AND": [{"field": "label", "operator": "regex", "value": "^b.g "}]}, ["a"]),
        ({"AND": [{"field": "label", "operator": "text", "value": "dog big"}]}, ["a"]),
        ({"AND": [{"field": "label", "operator": "is_null", "value": True}]}, ["c"]),
        ({"AND": [{"field": "label", "operator": "exists", "value": True}]}, ["a", "b"]),
        ({"AND": [{"field": "tags", "operator": "contains", "value": "t1"}]}, ["a"]),
        ({"AND": [{"field": "tags", "operator": "in", "value": ["t1", "t2"]}]}, ["a", "b"]),
        ({"AND": [{"field": "created_at", "operator": "lt", "value": "2026-02-01T00:00:00Z"}]}, ["a"]),
        ({"metadata.length": 1}, ["a"]),
        ({}, ["a", "b", "c"]),
    ],
)
def test_filters_select_documents(table: DocumentTable, filters: dict[str, Any], found: list[str]) -> None:
    from datetime import UTC, datetime

    january, march = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    write(
        table,
        rows("a", label="Big Dog", length=1, tags=["t1"], created_at=january),
        rows("b", label="it's", length=5, tags=["t2"], created_at=march),
        rows("c", label=None, length=9),
    )

    assert [d["document_id"] for d in table.list(filters).documents] == found
    assert table.count(filters) == len(found)


@pytest.mark.parametrize(
    ("filters", "problem"),
    [
        ({"AND": [{"field": "label` OR 1=1 --", "value": "x"}]}, "there is no field"),
        ({"AND": [{"field": "length", "value": "1 OR true"}]}, "the field holds int64"),
        ({"AND": [{"field": "label", "operator": "drop", "value": "x"}]}, "operator is 'drop'"),
        ({"AND": [{"field": "label", "operator": "in", "value": "x"}]}, "is no list"),
        ({"AND": [{"field": "facts", "value": "x"}]}, "holds JSON"),
        ({"XOR": [], "AND": []}, "unknown keys"),
    ],
)
def test_a_filter_that_does_not_fit_the_schema_is_refused(
    table: DocumentTable, filters: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        table.list(filters)


def test_quotes_in_values_stay_values(table: DocumentTable) -> None:
    write(table, rows("a"), rows("b", label="x' OR '1'='1"))

    assert table.count({"label": "x' OR '1'='1"}) == 1


def test_search_gives_the_nearest_first_with_higher_scores_for_nearer(table: DocumentTable) -> None:
    write(
        table,
        rows("same", words_embedding=[1.0, 0.0, 0.0]),
        rows("near", words_embedding=[1.0, 1.0, 0.0]),
        rows("far", words_embedding=[-1.0, 0.0, 0.0], label="y"),
        rows("none", words_embedding=None),
    )
    query = [1.0, 0.0, 0.0]

    cosine = table.search(query, "words_embedding", 10)
    assert [d["document_id"] for d in cosine] == ["same", "near", "far"]
    assert [round(d["_score"], 4) for d in cosine] == [1.0, 0.7071, -1.0]
    euclid = table.search(query, "words_embedding", 10, "euclid")
    assert [round(d["_score"], 4) for d in euclid] == [1.0, 0.5, 0.3333]
    dot = table.search(query, "words_embedding", 10, "dot")
    assert {d["document_id"]: d["_score"] for d in dot} == {"same": 1.0, "near": 1.0, "far": -1.0}


def test_search_filters_before_it_ranks(table: DocumentTable) -> None:
    write(table, rows(*(f"d{i}" for i in range(50))), rows("far", words_embedding=[-1.0, 0.0, 0.0], label="y"))

    (found,) = table.search([1.0, 0.0, 0.0], "words_embedding", 1, filters={"label": "y"})

    assert found["document_id"] == "far"


def test_search_names_the_length_that_the_vector_must_have(table: DocumentTable) -> None:
    with pytest.raises(InvalidRequest, match="'words_embedding' has 3 numbers"):
        table.search([1.0], "words_embedding", 5)
    with pytest.raises(InvalidRequest, match="The collection has words_embedding"):
        table.search([1.0], "other", 5)


def test_update_sets_fields_and_refuses_what_does_not_fit(table: DocumentTable) -> None:
    write(table, rows("a", "b"))

    assert table.update(["a"], {"label": "it's", "length": 4, "facts": {"k": [1]}, "tags": ["p", "q"]}) == 1

    a, b = table.get(["a", "b"])
    assert (a["label"], a["length"], a["facts"], a["tags"]) == ("it's", 4, {"k": [1]}, ["p", "q"])
    assert b["label"] == "x"
    with pytest.raises(InvalidRequest, match="the field holds int64"):
        table.update(["a"], {"length": "many"})
    with pytest.raises(InvalidRequest, match="can't be changed"):
        table.update(["a"], {"document_id": "z"})


def test_create_widens_a_table_by_new_columns(vectors: Vectors, table: DocumentTable) -> None:
    write(table, rows("a"))

    wider = vectors.create(SCOPE, "col_1", document_schema(MANIFEST, {"properties": {"price": {"type": "number"}}}))

    assert "price" in wider.schema.names
    assert wider.get(["a"])[0]["price"] is None


def test_a_dropped_collection_has_no_documents(vectors: Vectors, table: DocumentTable) -> None:
    write(table, rows("a"))

    assert vectors.drop(SCOPE, "col_1")
    assert not vectors.drop(SCOPE, "col_1")
    with pytest.raises(NotFound, match="col_1 has no documents"):
        vectors.open(SCOPE, "col_1")
    assert vectors.create(SCOPE, "col_1", SCHEMA).count() == 0


def test_tenants_have_datasets_of_their_own(vectors: Vectors, table: DocumentTable) -> None:
    write(table, rows("a"))

    with pytest.raises(NotFound):
        vectors.open(Scope("org_b", "ns_a"), "col_1")


def test_a_store_that_can_not_be_reached_is_no_empty_collection() -> None:
    settings = Settings(data_uri="s3://nowhere/data", aws_endpoint_url="http://127.0.0.1:9")

    with pytest.raises(StoreUnavailable, match="can't be read"):
        Vectors.at(settings).open(SCOPE, "col_1")
