"""Sample data: every file form becomes rows with the system's columns and the input schema's."""

import json

import pytest

from plugin_sdk.manifest import Manifest
from plugin_sdk.sample_records import BadSample, read_records
from plugin_sdk.samples import find_sample, sample_request, sample_rows

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def manifest(**changes):
    schema = {"properties": {"text": {"type": "string"}, "lang": {"type": "string", "default": "en"}}}
    values = {"name": "my_extractor", "version": "1.0.0", "output_schema": {}, "input_schema": schema}
    return Manifest(**{**values, **changes})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.json", '[{"text": "a"}, {"text": "b"}]'),
        ("s.json", '{"rows": [{"text": "a"}, {"text": "b"}]}'),
        ("s.jsonl", '{"text": "a"}\n\n{"text": "b"}\n'),
        ("s.csv", "text\na\nb\n"),
    ],
)
def test_record_files_give_one_row_per_record(tmp_path, name, content):
    (tmp_path / name).write_text(content)

    rows = sample_rows(manifest(), tmp_path / name)

    assert [row["data"] for row in rows] == ["a", "b"]
    assert [row["text"] for row in rows] == ["a", "b"]
    assert [row["document_id"] for row in rows] == ["doc_sample_0", "doc_sample_1"]
    assert {row["mime_type"] for row in rows} == {"text/plain"}
    assert {row["blob_property"] for row in rows} == {"text"}
    assert rows[0]["size_bytes"] == 1
    assert rows[0]["lang"] is None


def test_single_object_is_one_row(tmp_path):
    (tmp_path / "s.json").write_text('{"text": "a", "lang": "de"}')

    assert sample_rows(manifest(), tmp_path / "s.json")[0]["lang"] == "de"


def test_text_file_is_one_row_with_its_text(tmp_path):
    (tmp_path / "s.txt").write_text("Zeile 1\nZeile 2", encoding="utf-8")

    row = sample_rows(manifest(), tmp_path / "s.txt")[0]

    assert row["text"] == row["data"] == "Zeile 1\nZeile 2"


def test_media_beside_the_sample_is_a_url_and_typed_by_its_content(tmp_path):
    (tmp_path / "picture.txt").write_bytes(PNG)
    (tmp_path / "s.jsonl").write_text('{"text": "a caption", "image": "picture.txt"}')

    row = sample_rows(manifest(), tmp_path / "s.jsonl")[0]

    assert row["data"] == row["image"] == (tmp_path / "picture.txt").as_uri()
    assert row["mime_type"] == "image/png"
    assert row["blob_property"] == "image"
    assert row["size_bytes"] == len(PNG)
    assert row["text"] == "a caption"


def test_folder_is_one_row_per_file(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.png").write_bytes(PNG)

    rows = sample_rows(manifest(), tmp_path)

    assert [row["mime_type"] for row in rows] == ["text/plain", "image/png"]
    assert rows[1]["data"].endswith("deep/b.png")


def test_file_outside_the_sample_folder_is_no_asset(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "s.json").write_text('[{"text": "../secret.txt"}]')

    assert sample_rows(manifest(), tmp_path / "in" / "s.json")[0]["data"] == "../secret.txt"


def test_input_mappings_fill_columns_by_dotted_path(tmp_path):
    (tmp_path / "s.json").write_text('[{"body": {"en": "hello"}, "title": "t"}]')
    mapped = manifest(input_mappings={"text": "body.en", "lang": "metadata.title"})

    row = sample_rows(mapped, tmp_path / "s.json")[0]

    assert (row["text"], row["lang"]) == ("hello", "t")


def test_samples_are_made_up_from_the_input_schema():
    schema = {
        "properties": {
            "text": {"type": "string"},
            "n": {"type": "integer", "minimum": 5},
            "mode": {"$ref": "#/$defs/M"},
            "tag": {"type": "string", "examples": ["x"]},
        },
        "$defs": {"M": {"enum": ["fast", "slow"]}},
    }

    rows = sample_rows(manifest(input_schema=schema), None)

    assert len(rows) == 3
    assert rows[0]["data"] == rows[0]["text"]
    assert (rows[0]["n"], rows[0]["mode"], rows[0]["tag"]) == (6, "fast", "x")
    assert sample_request(manifest(input_schema=schema), rows[0])["n"] == 6


def test_plugin_without_input_schema_gets_texts():
    rows = sample_rows(manifest(input_schema=None), None)

    assert rows[0]["data"]
    assert sample_request(manifest(input_schema=None), rows[0]) == {"data": rows[0]["data"]}


def test_plugin_for_files_needs_a_sample():
    with pytest.raises(BadSample, match="takes image") as raised:
        sample_rows(manifest(supported_input_types=["image"]), None)
    assert "--sample-data" in raised.value.fix


def test_sample_is_found_under_tests_records_first(tmp_path):
    assert find_sample(tmp_path) is None
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "sample.png").write_bytes(PNG)
    assert find_sample(tmp_path).name == "sample.png"
    (tmp_path / "tests" / "sample_data.json").write_text("[]")
    (tmp_path / "tests" / "sampler.json").write_text("[]")

    assert find_sample(tmp_path).name == "sample_data.json"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.json", b"{", "can't be read"),
        ("s.json", b"[1]", "row 0 is 1"),
        ("s.json", b"[]", "no records"),
        ("s.jsonl", b'{"a": 1}\n{', "can't be read"),
        ("s.csv", b"text\n\xff\xfe", "can't be read"),
        ("s.jsonl", json.dumps({"a": 1}).encode() * 0, "no records"),
    ],
)
def test_bad_sample_is_told(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(BadSample, match=message):
        sample_rows(manifest(), tmp_path / name)


def test_missing_sample_is_told(tmp_path):
    with pytest.raises(BadSample, match="does not exist"):
        list(read_records(tmp_path / "none.json"))
