"""Plan and inputs: which rows an object gives, and which columns they have when the pipeline sees them."""

from typing import Any

import orjson
import pyarrow as pa
import pytest

from batch.assets import scoped_fetch
from batch.inputs import prepare_inputs
from batch.partitions import Extraction, Partition, PluginRef
from batch.plan import rows_of, to_table
from batch.reading import stored_table
from core.collections import ExtractorConfig
from core.document_schema import document_schema
from core.errors import Forbidden, NotFound
from core.settings import Settings
from core.stores.blobs import BlobRef
from core.tenancy import Scope
from plugin_sdk.manifest import Manifest

SCOPE = Scope("org_a", "ns_a")


def extraction(inputs: dict[str, Any] | None = None, mappings: dict[str, str] | None = None) -> Extraction:
    manifest = Manifest(
        name="x", version="1.0.0", output_schema={"properties": {}}, input_schema={"properties": inputs or {}}
    )
    config = ExtractorConfig(
        feature_extractor_name="x", version="1.0.0", plugin_id="x_1_0_0", input_mappings=mappings or {}
    )
    plugin = PluginRef(BlobRef("plugins", "x.zip"), "0" * 64, manifest)
    return Extraction(Settings(), SCOPE, "bkt", "btch", "col", config, plugin)


def blob(name: str, kind: str = "text", **values: Any) -> dict[str, Any]:
    return {"blob_id": f"blob_{name}", "property": name, "type": kind, **values}


def an_object(*blobs: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"object_id": "obj_1", "blobs": list(blobs), "metadata": metadata}


def prepared(
    job: Extraction, obj: dict[str, Any], bucket: dict[str, Any] | None = None, files: dict[str, bytes] | None = None
) -> tuple[list[dict[str, Any]], list[str]]:
    def fetch(ref: BlobRef, max_bytes: int | None = None) -> bytes:
        if ref.key not in (files or {}):
            raise NotFound(f"There is no file at {ref.url}.", "Upload it first.")
        return (files or {})[ref.key][:max_bytes]

    schema = document_schema(job.manifest, {"properties": {k: {"type": t} for k, t in (bucket or {}).items()}})
    table = stored_table(Partition.of(0, to_table(list(rows_of(job, obj)), schema)).source)
    inputs = prepare_inputs(job, table, fetch)
    return inputs.table.to_pylist(), [f.reason for f in inputs.failures]


def test_each_blob_is_a_row_with_its_siblings_and_the_objects_metadata() -> None:
    obj = an_object(blob("title", data="A title"), blob("body", data="A body"), year=1999)

    rows, _ = prepared(extraction(), obj, {"title": "text", "body": "text", "year": "integer"})

    assert [(r["data"], r["title"], r["body"], r["year"]) for r in rows] == [
        ("A title", "A title", "A body", 1999),
        ("A body", "A title", "A body", 1999),
    ]
    assert [r["blob_property"] for r in rows] == ["title", "body"]
    assert rows[0]["mime_type"] == "text/plain" and rows[0]["size_bytes"] == 7
    assert len({r["document_id"] for r in rows}) == 2


def test_first_text_field_is_the_data_when_no_property_has_its_name() -> None:
    rows, _ = prepared(
        extraction({"text": {"type": "string"}, "note": {"type": "string"}}), an_object(blob("p", data="x"))
    )

    assert (rows[0]["text"], rows[0]["note"]) == ("x", None)


def test_mappings_reach_properties_metadata_and_inside_objects() -> None:
    job = extraction(
        {"a": {"type": "string"}, "b": {"type": "string"}, "c": {}}, {"a": "spec.maker.name", "c": "metadata.year"}
    )
    obj = an_object(blob("b", data="text of b"), spec={"maker": {"name": "Acme"}}, year=2001)

    rows, _ = prepared(job, obj, {"b": "text", "spec": "object", "year": "integer"})

    assert (rows[0]["a"], rows[0]["b"], rows[0]["c"]) == ("Acme", "text of b", 2001)


def test_text_files_are_read_and_binary_files_stay_urls() -> None:
    obj = an_object(
        blob("text", url="s3://objects/org_a/ns_a/t.txt", mime_type="text/plain"),
        blob("photo", "image", url="s3://objects/org_a/ns_a/p"),
    )
    files = {"org_a/ns_a/t.txt": "Grüße".encode(), "org_a/ns_a/p": b"\x89PNG\r\n\x1a\n" + b"\0" * 32}

    rows, _ = prepared(extraction({"text": {"type": "string"}}), obj, {"text": "text", "photo": "image"}, files)

    assert (rows[0]["data"], rows[0]["text"]) == ("Grüße", "Grüße")
    assert (rows[1]["data"], rows[1]["text"]) == ("s3://objects/org_a/ns_a/p", "Grüße")
    assert rows[1]["mime_type"] == "image/png"


def test_a_text_file_that_is_gone_fails_its_row_alone() -> None:
    obj = an_object(blob("a", data="kept"), blob("b", url="s3://objects/org_a/ns_a/gone.txt"))
    other = an_object(blob("c", data="kept"))
    other["object_id"] = "obj_2"

    rows, problems = prepared(extraction(), other)
    assert len(rows) == 1 and not problems
    rows, problems = prepared(extraction(), obj, {"a": "text", "b": "text"})
    assert problems and "There is no file at s3://objects/org_a/ns_a/gone.txt." in problems[0]


def test_values_that_do_not_fit_the_declared_type_travel_as_json() -> None:
    rows, _ = prepared(extraction(), an_object(blob("t", data="x"), price="cheap"), {"t": "text", "price": "number"})

    assert orjson.loads(rows[0]["price"]) == "cheap"


def test_a_file_of_another_tenant_is_never_read() -> None:
    fetch = scoped_fetch(None, Settings(), SCOPE)  # type: ignore[arg-type]

    for ref in (BlobRef("openpeek-objects", "org_b/ns_a/x"), BlobRef("openpeek-plugins", "org_a/ns_a/x")):
        with pytest.raises(Forbidden, match="is not a file of this namespace"):
            fetch(ref, None)
    with pytest.raises(Forbidden):
        fetch(BlobRef("openpeek-objects", "org_a/ns_ab/x"), None)


def test_a_partition_survives_the_journey() -> None:
    table = pa.table({"a": [1, 2]})

    assert stored_table(Partition.of(3, table).source).equals(table)
