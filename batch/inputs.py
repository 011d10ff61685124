"""Inputs: planned rows made complete in the worker: texts read from S3, MIME types looked up, input fields filled in."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import orjson
import puremagic
import pyarrow as pa
import pyarrow.compute as pc

from batch.partitions import Extraction, Failure
from batch.rows import TEXTS
from core.document_schema import is_json
from core.errors import Forbidden, NotFound
from core.stores.blobs import BlobRef

READERS = 16
MAX_TEXT_BYTES = 32 * 1024 * 1024
SNIFFED_BYTES = 4096
FALLBACK_TYPES = {"image": "image/*", "video": "video/*", "audio": "audio/*", "pdf": "application/pdf"}
Fetch = Callable[[BlobRef, int | None], bytes]


class Inputs(NamedTuple):
    """Rows that a pipeline can take; `added` are the columns that only repeat others under an input field's name."""

    table: pa.Table
    added: frozenset[str]
    failures: list[Failure]


def prepare_inputs(extraction: Extraction, planned: pa.Table, fetch: Fetch) -> Inputs:
    """The rows of a partition as the pipeline sees them, and those whose file can't be read."""
    table, failures = _with_texts(planned, fetch)
    table = _with_mime_types(table, fetch)
    table, added = with_input_fields(extraction, table)
    return Inputs(table, added, failures)


def with_input_fields(extraction: Extraction, table: pa.Table) -> tuple[pa.Table, frozenset[str]]:
    """A column for every input-schema field and mapping: mapped, else of that name, else (first text field) `data`."""
    manifest = extraction.manifest
    schema = (manifest.input_schema if manifest else None) or {}
    properties: Mapping[str, Any] = schema.get("properties") or {}
    mappings = {**(manifest.input_mappings if manifest else {}), **extraction.extractor.input_mappings}
    first_text = next((n for n, p in properties.items() if _is_text(p) and n not in mappings), None)
    added = set()
    for name in dict.fromkeys([*properties, *mappings]):
        column = mapped(table, mappings[name]) if name in mappings else None
        if column is None and name in table.column_names:
            continue
        if column is None:
            column = table["data"] if name == first_text else pa.nulls(table.num_rows, pa.string())
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, column)
        else:
            added.add(name)
            table = table.append_column(name, column)
    return table, frozenset(added)


def mapped(table: pa.Table, path: str) -> Any:
    """The column that a mapping's path means; inner keys are looked up in JSON columns."""
    root, *inner = path.removeprefix("metadata.").split(".")
    if root not in table.column_names:
        return pa.nulls(table.num_rows, pa.string())
    if not inner:
        return table[root]
    values = [_inside(v, inner) for v in table[root].to_pylist()]
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if v is None else orjson.dumps(v).decode() for v in values], pa.string())


def _inside(value: Any, keys: Sequence[str]) -> Any:
    if not isinstance(value, str):
        return None
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _is_text(prop: Any) -> bool:
    if not isinstance(prop, Mapping):
        return False
    kinds = [prop.get("type"), *(c.get("type") for c in prop.get("anyOf") or () if isinstance(c, Mapping))]
    return "string" in kinds


def _with_texts(table: pa.Table, fetch: Fetch) -> tuple[pa.Table, list[Failure]]:
    """Texts that lie in S3 put into `data` and their properties' columns; rows whose text can't be read left out."""
    if table[TEXTS].null_count == table.num_rows:
        return table.drop_columns([TEXTS]), []
    wanted = [orjson.loads(t) if t else {} for t in table[TEXTS].to_pylist()]
    table = table.drop_columns([TEXTS])
    urls = sorted({url for refs in wanted for url in refs.values()})
    if not urls:
        return table, []
    with ThreadPoolExecutor(READERS, thread_name_prefix="texts") as pool:
        read = dict(zip(urls, pool.map(lambda url: _read_text(url, fetch), urls), strict=True))
    names = sorted({name for refs in wanted for name in refs})
    values = {name: table[name].to_pylist() for name in (*names, "data")}
    own = table["blob_property"].to_pylist()
    problems: dict[int, str] = {}
    for row, refs in enumerate(wanted):
        for name, url in refs.items():
            text, problem = read[url]
            if problem:
                problems.setdefault(row, problem)
            values[name][row] = text
            if name == own[row]:
                values["data"][row] = text
    for name, column in values.items():
        field = pa.field(name, pa.string())
        table = table.set_column(table.column_names.index(name), field, _as_texts(column, name, table))
    return _without_rows(table, problems)


def _as_texts(values: list[Any], name: str, table: pa.Table) -> pa.Array:
    """Values of a column that was planned as JSON text are texts themselves once their files are read."""
    if is_json(table.schema.field(name)):
        values = [v if v is None or isinstance(v, str) else orjson.dumps(v).decode() for v in values]
    return pa.array(values, pa.string())


def _read_text(url: str, fetch: Fetch) -> tuple[str | None, str | None]:
    try:
        data = fetch(BlobRef.parse(url), MAX_TEXT_BYTES + 1)
    except (NotFound, Forbidden, ValueError) as error:
        return None, str(error)
    if len(data) > MAX_TEXT_BYTES:
        return None, f"The text at {url} is over {MAX_TEXT_BYTES // 2**20} MiB. Split it into several objects."
    return data.decode("utf-8-sig", errors="replace"), None


def _with_mime_types(table: pa.Table, fetch: Fetch) -> pa.Table:
    """MIME types where none was declared, from the file's first bytes, else from the blob's type."""
    absent = pc.equal(pc.fill_null(table["mime_type"], ""), "")
    if not pc.any(absent).as_py():
        return table
    mimes = table["mime_type"].to_pylist()
    unknown = [i for i, mime in enumerate(mimes) if not mime]
    urls, types = table["blob_url"].to_pylist(), table["blob_type"].to_pylist()
    with ThreadPoolExecutor(READERS, thread_name_prefix="mime") as pool:
        found = list(pool.map(lambda i: _sniff(urls[i], types[i], fetch), unknown))
    for i, mime in zip(unknown, found, strict=True):
        mimes[i] = mime
    return table.set_column(table.column_names.index("mime_type"), "mime_type", pa.array(mimes, pa.string()))


def _sniff(url: str | None, blob_type: str, fetch: Fetch) -> str:
    fallback = FALLBACK_TYPES.get(blob_type, "application/octet-stream")
    if not url or not url.startswith("s3://"):
        return fallback
    try:
        head = fetch(BlobRef.parse(url), SNIFFED_BYTES)
        return puremagic.from_string(head, mime=True) or fallback
    except (NotFound, Forbidden, ValueError, puremagic.PureError):
        return fallback


def _without_rows(table: pa.Table, problems: Mapping[int, str]) -> tuple[pa.Table, list[Failure]]:
    if not problems:
        return table, []
    documents, objects = table["document_id"].to_pylist(), table["object_id"].to_pylist()
    failures = [
        Failure(documents[row], objects[row], "read", "data", problem, category="resource")
        for row, problem in sorted(problems.items())
    ]
    kept = [row for row in range(table.num_rows) if row not in problems]
    return table.take(pa.array(kept, pa.int64())), failures
