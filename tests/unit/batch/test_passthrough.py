"""Passthrough: fields of the source stand in documents under the names that the collection gives them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from batch.documents import Checked, to_documents
from batch.inputs import Inputs
from batch.partitions import Extraction
from batch.plan import rows_of, to_table
from batch.rows import TEXTS
from core.collections import ExtractorConfig
from core.document_schema import document_schema
from core.settings import Settings
from core.stores.rows import to_documents as as_json
from core.tenancy import Scope

CONFIG = ExtractorConfig(feature_extractor_name="passthrough_extractor", version="v1")
JOB = Extraction(Settings(), Scope("org", "ns"), "bkt", "btch", "col", CONFIG)
BUCKET = {"properties": {"body": {"type": "text"}, "title": {"type": "string"}, "headline": {"type": "string"}}}
SCHEMA = document_schema(None, BUCKET)


def checked(passed: list[dict[str, Any]], *metadata: dict[str, Any], chunks: int = 1) -> Checked:
    job = replace(JOB, extractor=CONFIG.model_copy(update={"field_passthrough": passed}))
    objects = [
        {
            "object_id": f"obj_{i}",
            "blobs": [{"blob_id": f"b{i}", "property": "body", "type": "text", "data": "x"}],
            "metadata": m,
        }
        for i, m in enumerate(metadata)
    ]
    table = to_table([row for o in objects for row in rows_of(job, o)], SCHEMA).drop_columns([TEXTS])
    result = table.take([i for i in range(table.num_rows) for _ in range(chunks)])
    if chunks > 1:
        ids = [f"{d}_{n}" if n else d for d in table["document_id"].to_pylist() for n in range(chunks)]
        place = result.column_names.index("document_id")
        result = result.set_column(place, "document_id", [ids])
    return to_documents(job, Inputs(table, frozenset(), []), result, SCHEMA, [], datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("passed", "expected"),
    [
        ({"source_path": "title", "target_path": "name"}, {"name": "Cars"}),
        ({"source_path": "title", "target_path": "headline"}, {"headline": "Cars"}),
        ({"source_path": "spec.maker", "target_path": "maker"}, {"maker": "Acme"}),
        ({"source_path": "metadata.spec", "target_path": "facts"}, {"facts": {"maker": "Acme"}}),
        ({"source_path": "author", "target_path": "by", "default": "Unknown"}, {"by": "Unknown"}),
        ({"source_path": "headline", "default": "None yet"}, {"headline": "None yet"}),
        ({"source_path": "title"}, {"title": "Cars"}),
    ],
)
def test_a_field_is_passed_on_under_its_name_and_with_its_default(
    passed: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = checked([passed], {"title": "Cars", "spec": {"maker": "Acme"}}, chunks=2)

    assert found.failures == []
    documents = as_json(found.documents)
    assert len(documents) == 2
    assert [{name: d[name] for name in expected} for d in documents] == [expected] * 2


def test_a_row_that_lacks_a_required_field_fails_alone() -> None:
    found = checked([{"source_path": "title", "required": True}], {"title": "a"}, {}, {"title": "c"})

    assert [d["title"] for d in as_json(found.documents)] == ["a", "c"]
    (failure,) = found.failures
    assert (failure.object_id, failure.reason) == (
        "obj_1",
        "Column 'title' is required by field_passthrough, and null.",
    )
