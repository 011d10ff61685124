"""Sample data for a local run: records from a file or folder, or made up from the input schema, as a batch's rows."""

import json
import mimetypes
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from plugin_sdk.manifest import Manifest
from plugin_sdk.manifest.json_schema import resolve
from plugin_sdk.media import mime_type
from plugin_sdk.sample_records import BadSample, Record, read_records

SAMPLE_NAMES = ("sample", "sample_data", "samples")
MAX_ROWS = 1000
TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "A second text, a little longer than the first: it has two clauses, and a number, 42.",
    "Ein dritter Satz, auf Deutsch, mit Umlauten: Übermäßig schöne Grüße.",
)
COLLECTION = "col_sample"


def find_sample(folder: Path) -> Path | None:
    """The plugin's own sample data: `tests/sample.*`, `tests/sample_data.*` or the folder `tests/samples/`."""
    tests = folder / "tests"
    found = [path for path in sorted(tests.glob("sample*")) if path.stem in SAMPLE_NAMES]
    records = [path for path in found if path.suffix in (".json", ".jsonl", ".csv")]
    return next(iter(records or found), None)


def sample_rows(manifest: Manifest, path: Path | None) -> list[Record]:
    """The rows of a batch over the sample at `path`; without one, texts made up from the input schema.

    Raises:
        BadSample: the file holds no records, or the plugin takes files and none are given.
    """
    records = list(read_records(path)) if path is not None else list(_made_up(manifest))
    if not records:
        raise BadSample(f"{path} holds no records.", "Put at least one row into it.")
    if len(records) > MAX_ROWS:
        raise BadSample(f"{path} holds {len(records)} records.", f"A local run takes {MAX_ROWS}; use a smaller file.")
    folder = path.parent if path is not None and path.is_file() else path
    return [_row(manifest, record, i, folder) for i, record in enumerate(records)]


def sample_request(manifest: Manifest, row: Record) -> Record:
    """A realtime request with the input fields of this row; without an input schema, its `data`."""
    fields = (manifest.input_schema or {}).get("properties", {})
    return {name: row[name] for name in fields if row.get(name) is not None} or {"data": row["data"]}


def _row(manifest: Manifest, record: Record, number: int, folder: Path | None) -> Record:
    """The record as a batch's row: system columns, the record's own fields, the fields of the input schema."""
    fields = {key: _file_url(value, folder) for key, value in record.items()}
    prop = _main_property(manifest, fields)
    data, kind = _content(fields.get(prop))
    if prop in fields:
        fields[prop] = data
    size = len(data.encode()) if isinstance(data, str) and not data.startswith("file:") else _file_size(data)
    system = {
        "data": data,
        "document_id": f"doc_sample_{number}",
        "object_id": f"obj_sample_{number}",
        "blob_id": f"blob_sample_{number}",
        "blob_property": prop,
        "blob_type": kind.partition("/")[0] if kind != "application/pdf" else "pdf",
        "collection_id": COLLECTION,
        "feature_extractor_id": manifest.plugin_id,
        "mime_type": str(record.get("mime_type") or kind),
        "size_bytes": size,
    }
    return _with_inputs(manifest, {**fields, **system})


def _with_inputs(manifest: Manifest, row: Record) -> Record:
    """A value for every field of the input schema: mapped, else of that name, else (first text field) `data`."""
    properties = (manifest.input_schema or {}).get("properties", {})
    mappings = manifest.input_mappings
    first_text = next((name for name, rule in properties.items() if name not in mappings and _is_text(rule)), None)
    filled = dict(row)
    for name in (*properties, *mappings):
        if name in mappings:
            filled[name] = _at(row, mappings[name])
        elif name not in row:
            filled[name] = row["data"] if name == first_text else None
    return filled


def _main_property(manifest: Manifest, fields: Record) -> str:
    """The property that holds the blob: `data`, else the first that is a file, else the first input field, else any."""
    if "data" in fields:
        return "data"
    files = [key for key, value in fields.items() if isinstance(value, str) and value.startswith("file:")]
    inputs = [key for key in (manifest.input_schema or {}).get("properties", {}) if isinstance(fields.get(key), str)]
    texts = [key for key, value in fields.items() if isinstance(value, str) and key != "mime_type"]
    return next(iter([*files, *inputs, *texts, *fields]), "data")


def _content(value: Any) -> tuple[str | None, str]:
    """What goes into `data`, and its MIME type: a text file's text, a media file's URL, a value itself."""
    if value is None:
        return None, "text/plain"
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False), "application/json"
    if not value.startswith("file:"):
        return value, "text/plain"
    path = path_of(value)
    data = path.read_bytes()
    kind = mime_type(data)
    if kind == "text/plain":
        named = mimetypes.guess_type(path.name)[0] or kind
        return data.decode("utf-8-sig"), named if named.startswith("text/") else kind
    return value, kind


def path_of(file_url: str) -> Path:
    """The path of a file URL."""
    from urllib.request import url2pathname

    return Path(url2pathname(file_url.removeprefix("file://")))


def _file_url(value: Any, folder: Path | None) -> Any:
    """A value that names a file beside the sample is that file's URL; any other value stays."""
    if folder is None or not isinstance(value, str) or not value or len(value) > 1000 or "\n" in value:
        return value
    try:
        path = (folder / value).resolve()
        inside = path.is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, ValueError):
        return value
    return path.as_uri() if inside else value


def _file_size(url: str | None) -> int | None:
    return path_of(url).stat().st_size if url is not None else None


def _made_up(manifest: Manifest) -> Iterator[Record]:
    """Texts for the first text field, the schema's examples and defaults for the others."""
    files = [kind for kind in manifest.supported_input_types if kind != "text"]
    if files and "text" not in manifest.supported_input_types:
        raise BadSample(
            f"The plugin takes {', '.join(files)}, and there is no sample file.",
            "Put one at tests/sample.<ending>, or name one with --sample-data.",
        )
    schema = manifest.input_schema or {}
    properties = schema.get("properties") or {"text": {"type": "string"}}
    for text in TEXTS:
        yield {name: _example(resolve(rule, schema), text) for name, rule in properties.items()}


def _example(rule: Any, text: str) -> Any:
    if not isinstance(rule, Mapping):
        return text
    for key in ("examples", "enum"):
        if rule.get(key):
            return rule[key][0]
    if "default" in rule:
        return rule["default"]
    if _is_text(rule):
        return text
    low = rule.get("minimum", rule.get("exclusiveMinimum", 0))
    return {"integer": int(low) + 1, "number": float(low) + 0.5, "boolean": True, "array": [], "object": {}}.get(
        str(rule.get("type"))
    )


def _is_text(rule: Any) -> bool:
    if not isinstance(rule, Mapping):
        return False
    choices = [rule, *(choice for choice in rule.get("anyOf", ()) if isinstance(choice, Mapping))]
    return any(choice.get("type") == "string" for choice in choices)


def _at(row: Record, path: str) -> Any:
    value: Any = row
    for key in path.removeprefix("metadata.").split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
