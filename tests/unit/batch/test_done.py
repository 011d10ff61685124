"""Done: which objects a collection has finished with, from its documents and its ledger, in little memory."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from batch.done import Done, made_by, source_version
from batch.partitions import Extraction, PluginRef
from core.collections import ExtractorConfig
from core.document_schema import HIDDEN, MADE_BY, SOURCE_VERSION, document_schema
from core.ids import now
from core.settings import Settings
from core.stores.blobs import BlobRef
from core.stores.ledger import COLUMNS
from core.stores.vectors import DocumentTable, Vectors
from core.tenancy import Scope
from plugin_sdk.manifest import Manifest

SCOPE = Scope("org_a", "ns_a")
MANIFEST = Manifest(name="x", version="1.0.0", output_schema={"properties": {"label": {"type": "string"}}})
CONFIG = ExtractorConfig(feature_extractor_name="x", version="1.0.0", plugin_id="x_1_0_0", params={"a": 1})
EXTRACTION = Extraction(
    Settings(), SCOPE, "bkt", "btch", "col_1", CONFIG, PluginRef(BlobRef("p", "x.zip"), "0" * 64, MANIFEST)
)
MAKER = made_by(EXTRACTION)


@pytest.fixture
def table(tmp_path: Path) -> DocumentTable:
    return Vectors(str(tmp_path)).create(SCOPE, "col_1", document_schema(MANIFEST))


def write(table: DocumentTable, *documents: tuple[str, str, str | None], **values: Any) -> None:
    base = {"collection_id": "col_1", "batch_id": "btch", MADE_BY: MAKER, "created_at": now()} | values
    rows = [
        base | {"document_id": f"doc_{b}_{n}", "object_id": o, "blob_id": b, SOURCE_VERSION: v}
        for n, (o, b, v) in enumerate(documents)
    ]
    table.commit(table.write_fragments(pa.Table.from_pylist(rows, table.schema)))


def test_an_object_is_done_in_the_version_its_documents_were_made_from(table: DocumentTable) -> None:
    write(table, ("obj_1", "blob_1", "v1"), ("obj_2", "blob_2", None))

    done = Done.of(table, EXTRACTION)

    assert done
    assert done.object("obj_1", "v1")
    assert not done.object("obj_1", "v2")
    assert not done.object("obj_2", None), "a row of it failed"
    assert done.objects(["obj_3", "obj_1"], ["v1", "v1"]) == [False, True]


def test_another_plugin_or_another_parameter_has_done_nothing_yet(table: DocumentTable) -> None:
    write(table, ("obj_1", "blob_1", "v1"))
    assert EXTRACTION.plugin is not None
    other_bytes = replace(EXTRACTION, plugin=replace(EXTRACTION.plugin, sha256="1" * 64))
    other_params = replace(EXTRACTION, extractor=CONFIG.model_copy(update={"params": {"a": 2}}))
    other_mapping = replace(EXTRACTION, extractor=CONFIG.model_copy(update={"input_mappings": {"text": "title"}}))

    assert not any(Done.of(table, e) for e in (other_bytes, other_params, other_mapping))
    assert Done.of(table, replace(EXTRACTION, batch_id="another")).object("obj_1", "v1")


def test_an_object_of_several_blobs_is_done_with_the_last_of_them(table: DocumentTable) -> None:
    write(table, ("obj_1", "blob_1", "v1.3"), ("obj_1", "blob_2", "v1.3"), ("obj_1", "blob_2", "v1.3"))
    assert not Done.of(table, EXTRACTION).object("obj_1", "v1.3")

    row = {"object_id": "obj_1", "blob_id": "blob_3", SOURCE_VERSION: "v1.3", MADE_BY: MAKER}
    table.ledger.add(pa.Table.from_pylist([row], COLUMNS))

    assert Done.of(table, EXTRACTION).object("obj_1", "v1.3")


def test_rows_of_an_import_are_found_by_number(table: DocumentTable) -> None:
    first, second = "obj_" + "0a" * 9 + "0", "obj_" + "0b" * 9 + "0"
    write(table, *((f"{first}_{n:010}", f"b{n}", "e1") for n in (3, 4, 5, 900)), (f"{second}_{1:010}", "c", "e1"))
    write(table, (f"{first}_{7:010}", "b7x", "e2.2"), (f"{first}_{7:010}", "b7y", "e2.2"))
    write(table, (f"{first}_{8:010}", "b8x", "e2.2"))
    row = {"object_id": f"{first}_{6:010}", "blob_id": "b6", SOURCE_VERSION: "e1", MADE_BY: MAKER}
    table.ledger.add(pa.Table.from_pylist([row], COLUMNS))

    done = Done.of(table, EXTRACTION)

    of_first = first.replace("obj_", "imp_")
    assert done.rows(of_first, 4, 900).tolist() == [4, 5, 6, 7]
    assert done.rows(of_first, 0, 1000, "e1").tolist() == [3, 4, 5, 6, 900]
    assert done.rows(second.replace("obj_", "imp_"), 0, 10).tolist() == [1]
    assert done.rows("imp_" + "0c" * 9 + "0", 0, 10).tolist() == []


def test_what_one_batch_wrote_since_a_moment_can_be_told_apart(table: DocumentTable) -> None:
    write(table, ("obj_1", "blob_1", "v1"), batch_id="btch_old")
    write(table, ("obj_2", "blob_2", "v1"))
    moment = now()
    write(table, ("obj_3", "blob_3", "v1"))

    of_batch = Done.of(table, EXTRACTION, batch_id="btch")
    since = Done.of(table, EXTRACTION, batch_id="btch", since=moment)

    assert of_batch.objects(["obj_1", "obj_2", "obj_3"], ["v1"] * 3) == [False, True, True]
    assert since.objects(["obj_1", "obj_2", "obj_3"], ["v1"] * 3) == [False, False, True]


def test_a_dataset_of_before_these_columns_works_and_has_nothing_done(tmp_path: Path) -> None:
    schema = pa.schema([f for f in document_schema(MANIFEST) if f.name not in HIDDEN])
    vectors = Vectors(str(tmp_path))
    old = vectors.create(SCOPE, "col_1", schema)
    rows = [{"document_id": "d", "collection_id": "col_1", "object_id": "obj_1", "blob_id": "b"}]
    old.commit(old.write_fragments(pa.Table.from_pylist(rows, schema)))
    assert not Done.of(old, EXTRACTION)

    table = vectors.create(SCOPE, "col_1", document_schema(MANIFEST))
    write(table, ("obj_2", "blob_2", "v1"))

    assert Done.of(table, EXTRACTION).objects(["obj_1", "obj_2"], ["v1", "v1"]) == [False, True]


def test_versions_follow_content_and_tell_the_number_of_blobs() -> None:
    text = {"blob_id": "b", "property": "text", "type": "text", "data": "x"}
    one = {"object_id": "o", "blobs": [text], "metadata": {"a": 1, "b": 2}, "updated_at": "2026"}

    assert source_version(one) == source_version(one | {"updated_at": "2027", "metadata": {"b": 2, "a": 1}})
    assert source_version(one) != source_version(one | {"metadata": {"a": 2}})
    assert source_version(one) != source_version(one | {"blobs": [text | {"data": "y"}]})
    assert source_version(one | {"blobs": [text] * 3}).endswith(".3")


def test_a_million_objects_take_eight_megabytes() -> None:
    done = Done(np.arange(1_000_000, dtype=np.uint64))

    assert sum(a.nbytes for a in vars(done).values() if isinstance(a, np.ndarray)) == 8_000_000


def test_a_document_that_was_deleted_by_hand_counts_as_done(table: DocumentTable) -> None:
    write(table, ("obj_1", "blob_1", "v1"), ("obj_2", "blob_2", "v1"), ("obj_3", "blob_3", None))

    assert table.delete(["doc_blob_1_0", "doc_blob_3_2"]) == 2

    assert table.count() == 1
    assert Done.of(table, EXTRACTION).objects(["obj_1", "obj_2", "obj_3"], ["v1"] * 3) == [True, True, False]
