"""Documents: what a pipeline returned is measured again; system columns never come from the child."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest

from batch.documents import Checked, to_documents
from batch.inputs import Inputs, with_input_fields
from batch.partitions import Extraction, PluginRef
from batch.plan import rows_of, to_table
from batch.rows import TEXTS
from core.collections import ExtractorConfig
from core.document_schema import document_schema
from core.settings import Settings
from core.stores.blobs import BlobRef
from core.tenancy import Scope
from plugin_sdk.errors import HostFailed
from plugin_sdk.manifest import Feature, Manifest
from plugin_sdk.pipeline import RowCondition

MANIFEST = Manifest(
    name="cars",
    version="1.0.0",
    input_schema={"properties": {"text": {"type": "string"}}},
    output_schema={
        "properties": {
            "embedding": {"type": "array", "items": {"type": "number"}},
            "label": {"type": "string"},
            "score": {"type": "integer"},
            "facts": {"type": "object"},
        }
    },
    features=[Feature(feature_name="cars_embedding", embedding_dim=2)],
)
JOB = Extraction(
    Settings(),
    Scope("org", "ns"),
    "bkt",
    "btch",
    "col",
    ExtractorConfig(feature_extractor_name="cars", version="1.0.0", plugin_id="cars_1_0_0"),
    PluginRef(BlobRef("plugins", "k"), "0" * 64, MANIFEST),
)
SCHEMA = document_schema(MANIFEST, {"properties": {"body": {"type": "text"}, "year": {"type": "integer"}}})


def inputs(*texts: str, mime: str = "text/plain") -> Inputs:
    objects = [
        {
            "object_id": f"obj_{i}",
            "blobs": [{"blob_id": f"b{i}", "property": "body", "type": "text", "data": t, "mime_type": mime}],
            "metadata": {"year": 2000 + i},
        }
        for i, t in enumerate(texts)
    ]
    table = to_table([row for o in objects for row in rows_of(JOB, o)], SCHEMA).drop_columns([TEXTS])
    return Inputs(*with_input_fields(JOB, table), [])


def run(rows: Inputs, conditions: list[RowCondition] | None = None, **columns: Any) -> Checked:
    frame = rows.table.to_pandas()
    for name, values in columns.items():
        frame[name] = values
    result = pa.Table.from_pandas(frame, preserve_index=False)
    return to_documents(JOB, rows, result, SCHEMA, conditions or [], datetime(2026, 1, 1, tzinfo=UTC))


def test_documents_have_the_collections_columns_and_the_planned_lineage() -> None:
    rows = inputs("a", "b")

    checked = run(rows, cars_embedding=[[1.0, 2.0], [3.0, 4.0]], label=["x", "y"], object_id=["forged", "forged"])

    assert checked.failures == []
    assert checked.documents.schema.equals(SCHEMA, check_metadata=True)
    first = checked.documents.to_pylist()[0]
    assert (first["object_id"], first["bucket_id"], first["batch_id"]) == ("obj_0", "bkt", "btch")
    assert (first["body"], first["year"], first["label"]) == ("a", 2000, "x")
    assert first["cars_embedding"] == [1.0, 2.0]
    assert first["_extra"] is None


def test_the_output_field_is_taken_for_the_feature() -> None:
    checked = run(inputs("a"), embedding=[np.array([1, 2], dtype=np.float64)])

    assert checked.documents["cars_embedding"].to_pylist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("vector", "problem"),
    [
        ([1.0], "has 1 numbers, the manifest says 2"),
        ([1.0, float("nan")], "holds NaN or infinity"),
        ([1.0, float("inf")], "holds NaN or infinity"),
        (None, "is null, a row must have its vector"),
    ],
)
def test_a_bad_vector_fails_its_row_and_no_other(vector: Any, problem: str) -> None:
    checked = run(inputs("a", "b", "c"), cars_embedding=[[1.0, 2.0], vector, [3.0, 4.0]])

    assert checked.documents["body"].to_pylist() == ["a", "c"]
    assert checked.documents["cars_embedding"].to_pylist() == [[1.0, 2.0], [3.0, 4.0]]
    (failure,) = checked.failures
    assert (failure.object_id, failure.column) == ("obj_1", "cars_embedding")
    assert problem in failure.reason


def test_text_in_the_vectors_place_fails_the_row() -> None:
    checked = run(inputs("a"), cars_embedding=["1,2"])

    assert "the manifest says 2 numbers" in checked.failures[0].reason


def test_a_missing_column_fails_every_row_that_a_step_handles() -> None:
    assert "wrote no column 'cars_embedding'" in run(inputs("a")).failures[0].reason
    excluded = run(inputs("a", mime="image/png"), [RowCondition.IS_TEXT])
    assert excluded.failures == []
    assert excluded.documents["cars_embedding"].to_pylist() == [None]


def test_a_value_that_does_not_fit_fails_its_row_and_says_why() -> None:
    vectors = [[1.0, 2.0]] * 3

    checked = run(inputs("a", "b", "c"), cars_embedding=vectors, score=[1.5, 2, None], label=[5, 6, 7])

    assert checked.documents["body"].to_pylist() == ["b", "c"]
    assert checked.documents["label"].to_pylist() == ["6", "7"]
    assert [f.reason for f in checked.failures] == ["Column 'score' is 1.5, the schema says int64."]
    texts = run(inputs("a"), cars_embedding=[[1.0, 2.0]], score=["1"])
    assert texts.failures[0].reason == "Column 'score' is '1', the schema says int64."


def test_whole_numbers_survive_pandas_and_json_columns_keep_values() -> None:
    checked = run(
        inputs("a", "b"),
        cars_embedding=[[1.0, 2.0]] * 2,
        score=pd.Series([3.0, None]),
        facts=[{"k": 1}, None],
    )

    assert checked.failures == []
    assert checked.documents["score"].to_pylist() == [3, None]
    assert checked.documents["facts"].to_pylist() == ['{"k":1}', None]


def test_columns_outside_the_schema_are_kept_as_extra() -> None:
    checked = run(inputs("a"), cars_embedding=[[1.0, 2.0]], colour=["red"], boxes=[[[1, 2], [3, 4]]])

    extra = orjson.loads(checked.documents["_extra"].to_pylist()[0])
    assert extra == {"colour": "red", "boxes": [[1, 2], [3, 4]]}


def test_chunks_keep_their_lineage() -> None:
    rows = inputs("a", "b")
    frame = rows.table.to_pandas()
    base = frame["document_id"].tolist()
    frame = frame.iloc[[0, 0, 1]].copy()
    frame["document_id"] = [base[0], f"{base[0]}_1", base[1]]
    frame["cars_embedding"] = [[1.0, 2.0]] * 3

    result = pa.Table.from_pandas(frame, preserve_index=False)
    checked = to_documents(JOB, rows, result, SCHEMA, [], datetime(2026, 1, 1, tzinfo=UTC))

    assert checked.documents["object_id"].to_pylist() == ["obj_0", "obj_0", "obj_1"]


@pytest.mark.parametrize("forged", ["doc_of_someone_else", None, ""])
def test_a_document_that_was_not_given_is_refused(forged: str | None) -> None:
    with pytest.raises(HostFailed, match="which it was not given"):
        run(inputs("a"), cars_embedding=[[1.0, 2.0]], document_id=[forged])
