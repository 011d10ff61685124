"""Reading of imports: rows by range, ids that never change, and files that must be the ones that were imported."""

import io
import pickle
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch.bulk.cursors import Cursors
from batch.bulk.files import RangeFile
from batch.bulk.parts import BulkPart, BulkSource, Column, Piece, cut
from batch.bulk.reading import part_ids
from batch.bulk.replaced import RowsReplaced
from batch.bulk.tables import parquet_parts
from batch.partitions import Extraction, Partition
from batch.reading import Reader, partition_ids
from core.collections import ExtractorConfig
from core.document_schema import document_schema, is_json
from core.errors import SourceChanged
from core.row_ids import base_of, own_id, own_id_seed, parse_row_id, row_id
from core.stores import Stores
from core.stores.blobs import BlobRef, Blobs
from core.stores.commits import Replaced
from core.tenancy import Scope

IMPORT = "imp_0123456789abcdef012"
TEXT = Column("text", "body", "text", "text")
YEAR = Column("year", "year", "metadata", "integer")
IMAGE = Column("image", "picture", "blob", "image")
SCHEMA = document_schema(
    None,
    {"properties": {"text": {"type": "text"}, "image": {"type": "image"}, "year": {"type": "integer"}}},
)


def extraction(stores: Stores) -> Extraction:
    return Extraction(
        settings=stores.settings,
        scope=Scope("org_1", "ns_1"),
        bucket_id="bkt_1",
        batch_id="btch_1",
        collection_id="col_1",
        extractor=ExtractorConfig(feature_extractor_name="passthrough_extractor", version="v1"),
    )


def put(stores: Stores, table: pa.Table, key: str = "rows.parquet", group_rows: int = 10_000) -> list[Piece]:
    """The table as a file in S3; a piece a row group."""
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=group_rows)
    ref = BlobRef(stores.settings.object_bucket, key)
    stores.blobs.put(ref, out.getvalue())
    info = stores.blobs.head(ref)
    footer = pq.ParquetFile(io.BytesIO(out.getvalue())).metadata
    pieces, first = [], 0
    for group in range(footer.num_row_groups):
        rows = footer.row_group(group).num_rows
        pieces.append(Piece(ref.url, info.etag, info.size_bytes, group, 0, rows, first))
        first += rows
    return pieces


def source(*columns: Column, id_column: str | None = None) -> BulkSource:
    return BulkSource(IMPORT, base_of(IMPORT), columns, id_column)


def read(stores: Stores, part: BulkPart) -> pa.Table:
    return Reader(stores.blobs).table(extraction(stores), Partition.named(0, part), SCHEMA)


def bodies(rows: int) -> pa.Table:
    return pa.table({"body": [f"text {i}" for i in range(rows)], "year": range(rows), "other": ["x"] * rows})


def test_row_ids_lead_back_to_import_and_row() -> None:
    object_id = row_id(base_of(IMPORT), 1_000_000)

    assert object_id == "obj_0123456789abcdef012_0001000000"
    assert parse_row_id(object_id) == ("obj_0123456789abcdef012", 1_000_000)
    assert parse_row_id("obj_0123456789abcdef012") is None


def test_rows_of_a_part_carry_what_rows_of_objects_carry(moto_stores: Stores) -> None:
    pieces = put(moto_stores, bodies(3))

    rows = read(moto_stores, BulkPart.of(source(TEXT, YEAR), tuple(pieces))).to_pylist()

    assert [row["data"] for row in rows] == [row["text"] for row in rows] == ["text 0", "text 1", "text 2"]
    assert [row["year"] for row in rows] == [0, 1, 2]
    assert rows[2]["object_id"] == row_id(base_of(IMPORT), 2)
    assert (rows[0]["mime_type"], rows[0]["size_bytes"], rows[0]["blob_property"]) == ("text/plain", 6, "text")
    assert "other" not in rows[0]
    assert len({row["document_id"] for row in rows} | {row["blob_id"] for row in rows}) == 6


def test_small_parts_of_a_row_group_are_decoded_once_and_give_every_row_once(moto_stores: Stores) -> None:
    (piece,) = put(moto_stores, bodies(20_000), group_rows=20_000)
    cursors, found, left = Cursors(moto_stores.blobs), [], piece
    while left is not None:
        part, left = cut(left, 3_000)
        found += cursors.read(part, ["body", "year"])["year"].to_pylist()

    assert found == list(range(20_000))
    assert len(cursors._open) == 0


def test_a_part_behind_the_place_of_a_cursor_is_read_anew(moto_stores: Stores) -> None:
    (piece,) = put(moto_stores, bodies(100))
    first, rest = cut(piece, 50)
    assert rest is not None
    cursors = Cursors(moto_stores.blobs)

    assert cursors.read(rest, ["year"])["year"].to_pylist() == list(range(50, 100))
    assert cursors.read(first, ["year"])["year"].to_pylist() == list(range(50))


def requests(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes that each request for a part of a file asks for from now on."""
    asked: list[int] = []
    read_range = Blobs.read_range

    def counted(blobs: Blobs, ref: BlobRef, start: int, length: int, etag: str) -> bytes:
        asked.append(length)
        return read_range(blobs, ref, start, length, etag)

    monkeypatch.setattr(Blobs, "read_range", counted)
    return asked


def test_small_row_groups_that_follow_each_other_are_fetched_together(
    moto_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = put(moto_stores, bodies(1_000), group_rows=10)
    other = put(moto_stores, bodies(20), "other.parquet", group_rows=10)
    cursors = Cursors(moto_stores.blobs)
    cursors.read(pieces[0], ["year"])
    cursors.read(other[0], ["year"])
    asked = requests(monkeypatch)
    first, last = cut(pieces[3], 4)[1], cut(pieces[90], 6)[0]
    assert first is not None

    table = cursors.read_all([first, *pieces[4:90], last, *other], ["year", "body"])

    years = [*range(34, 906), *range(20)]
    assert table["year"].to_pylist() == years
    assert table["body"].to_pylist() == [f"text {year}" for year in years]
    assert len(asked) < 10


def test_of_row_groups_that_are_read_together_a_changed_file_is_named(moto_stores: Stores) -> None:
    pieces = put(moto_stores, bodies(100), group_rows=10)
    cursors = Cursors(moto_stores.blobs)
    cursors.read(pieces[0], ["year"])
    put(moto_stores, bodies(101), group_rows=10)

    with pytest.raises(SourceChanged, match=r"rows\.parquet is gone, or has been written again"):
        cursors.read_all(pieces, ["year"])


@pytest.mark.parametrize("kept", [[0], [4, 12], [9, 10, 14]])
def test_only_the_kept_rows_of_several_pieces_are_given(moto_stores: Stores, kept: Sequence[int]) -> None:
    pieces = put(moto_stores, bodies(15), group_rows=5)
    part = BulkPart.of(source(TEXT, YEAR), tuple(pieces), np.array(kept))

    table = read(moto_stores, part)

    assert part.rows == len(kept)
    assert table["year"].to_pylist() == kept
    assert table["object_id"].to_pylist() == [row_id(base_of(IMPORT), i) for i in kept]


def test_each_text_and_url_gives_a_row_and_missing_ones_give_none(moto_stores: Stores) -> None:
    table = pa.table({"body": ["a", None, "c"], "picture": ["s3://b/1.jpg", "s3://b/2.jpg", None]})
    part = BulkPart.of(source(TEXT, IMAGE), tuple(put(moto_stores, table)))

    rows = read(moto_stores, part).to_pylist()

    assert [(row["blob_property"], row["data"]) for row in rows] == [
        ("text", "a"),
        ("text", "c"),
        ("image", "s3://b/1.jpg"),
        ("image", "s3://b/2.jpg"),
    ]
    assert [row["blob_url"] for row in rows] == [None, None, "s3://b/1.jpg", "s3://b/2.jpg"]
    assert (rows[2]["text"], rows[3]["text"]) == ("a", None)
    assert rows[2]["mime_type"] is None
    assert len({row["document_id"] for row in rows}) == len({row["blob_id"] for row in rows}) == 4


def test_rows_with_ids_of_their_own_keep_objects_and_documents_in_another_import(moto_stores: Stores) -> None:
    one = put(moto_stores, pa.table({"body": ["a", "b"], "sku": ["s1", "s2"]}), "one.parquet")
    two = put(moto_stores, pa.table({"body": ["new", "b2", "a2"], "sku": ["s0", "s2", "s1"]}), "two.parquet")
    before = source(TEXT, id_column="sku")
    after = BulkSource("imp_ffffffffffffffff012", "obj_ffffffffffffffff012", (TEXT,), "sku")

    old = read(moto_stores, BulkPart.of(before, tuple(one))).to_pylist()
    new = read(moto_stores, BulkPart.of(after, tuple(two))).to_pylist()

    assert old[0]["object_id"] == own_id(own_id_seed("bkt_1"), "s1")
    for column in ("object_id", "document_id", "blob_id"):
        assert [row[column] for row in old] == [new[2][column], new[1][column]]


def test_metadata_that_the_collection_has_no_column_for_travels_as_text_or_json(moto_stores: Stores) -> None:
    columns = [Column("lang", "lang", "metadata", "string"), Column("size", "size", "metadata", "number")]
    pieces = put(moto_stores, pa.table({"body": ["a", "b"], "lang": ["de", None], "size": [1.5, None]}))

    table = read(moto_stores, BulkPart.of(source(TEXT, *columns), tuple(pieces)))

    assert table["lang"].to_pylist() == ["de", None]
    assert table["size"].to_pylist() == ["1.5", None]
    assert is_json(table.schema.field("size"))


def test_a_file_written_again_since_its_import_is_refused(moto_stores: Stores) -> None:
    pieces = put(moto_stores, bodies(10))
    put(moto_stores, bodies(11))

    with pytest.raises(SourceChanged, match=r"rows\.parquet is gone, or has been written again since it was imported"):
        read(moto_stores, BulkPart.of(source(TEXT), tuple(pieces)))


def test_a_part_that_nobody_can_read_still_names_its_rows(moto_stores: Stores) -> None:
    pieces = put(moto_stores, bodies(10))
    part = BulkPart.of(source(TEXT), tuple(pieces), np.array([3, 7]))

    ids = partition_ids(extraction(moto_stores), Partition.named(0, part))

    rows = read(moto_stores, part)
    assert ids == part_ids(extraction(moto_stores), part)
    assert ids == list(zip(rows["document_id"].to_pylist(), rows["object_id"].to_pylist(), strict=True))


def test_a_partition_of_a_million_rows_is_small() -> None:
    part = BulkPart.of(source(TEXT, YEAR), (Piece("s3://bucket/rows.parquet", "e" * 32, 10**9, 0, 0, 10**6, 0),))

    assert len(pickle.dumps(Partition.named(0, part))) < 1_000


@pytest.mark.parametrize("kept", [None, np.array([1, 6, 14])])
def test_a_part_says_by_its_numbers_what_its_rows_replace(moto_stores: Stores, kept: np.ndarray | None) -> None:
    part = BulkPart.of(source(TEXT, YEAR), tuple(put(moto_stores, bodies(15), group_rows=5)), kept)
    planned = read(moto_stores, part)
    by_rows = Replaced.blobs_of(planned["object_id"], planned["blob_id"])

    told = RowsReplaced.of(part, planned)

    assert told is not None and len(pickle.dumps(told)) < 1_000
    found = Replaced.of([told])
    assert found.objects.tolist() == found.whole.tolist() == by_rows.objects.tolist()
    assert found.blobs.tolist() == found.known.tolist() == by_rows.blobs.tolist()


def test_a_part_of_which_rows_are_left_out_or_named_otherwise_says_nothing_of_its_own(moto_stores: Stores) -> None:
    table = bodies(4).append_column("picture", pa.array([f"s3://b/{i}.jpg" for i in range(4)]))
    pieces = tuple(put(moto_stores, table))
    part = BulkPart(source(TEXT, YEAR), pieces)

    assert RowsReplaced.of(part, read(moto_stores, part).slice(1)) is None
    for other in (source(TEXT, IMAGE), source(TEXT, YEAR, id_column="other")):
        part = BulkPart(other, pieces)
        assert RowsReplaced.of(part, read(moto_stores, part)) is None
    assert RowsReplaced.of(b"", table) is None


def test_an_import_reads_a_file_of_small_row_groups_with_few_requests(
    moto_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    piece = put(moto_stores, bodies(2_000), group_rows=10)[0]
    asked = requests(monkeypatch)
    file = RangeFile(moto_stores.blobs, piece.url, piece.etag, piece.size_bytes)

    parts = list(parquet_parts(file, piece.url, ["year", "body"]))

    assert [year for part in parts for year in part.table["year"].to_pylist()] == list(range(2_000))
    assert parts[0].table.column_names == ["year", "body"]
    assert len(asked) < 10
