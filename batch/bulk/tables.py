"""Tables: a file's mapped columns, a bounded table after the other, whatever format it is in."""

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.json as pjson
import pyarrow.parquet as pq

from core.document_schema import JSON
from core.errors import InvalidRequest
from plugin_sdk.errors import PlatformError

CHUNK_BYTES = 4 * 1024 * 1024
AHEAD_BYTES = 1024 * 1024
"""What is read of a Parquet file where less is asked for: small row groups lie beside each other."""

CSV_BLOCK_BYTES = 8 * 1024 * 1024
LONGEST_LINE = 64 * 1024 * 1024
BATCH_ROWS = 16_384
SAMPLED_LINES = 1_000
Open = Callable[[], BinaryIO]
ARROW = {"integer": pa.int64(), "number": pa.float64(), "float": pa.float64(), "boolean": pa.bool_()}
NESTED = ("object", "array")
KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "float": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
}


class Part(NamedTuple):
    """Rows of a file, and how to name each by its place in it."""

    table: pa.Table
    locate: Callable[[int], str]


def arrow_schema(kinds: Mapping[str, str]) -> pa.Schema:
    """The columns as they are kept, by the types of the properties that they fill; nested ones as JSON text."""
    return pa.schema(
        pa.field(name, pa.string(), metadata=JSON) if kind in NESTED else pa.field(name, ARROW.get(kind, pa.string()))
        for name, kind in kinds.items()
    )


def opened(file: io.RawIOBase, name: str) -> BinaryIO:
    """The file's content, unpacked where its name says that it is packed."""
    buffered = io.BufferedReader(file, CHUNK_BYTES)
    return io.BufferedReader(gzip.GzipFile(fileobj=buffered)) if name.lower().endswith(".gz") else buffered


def csv_names(open_file: Open, url: str, delimiter: str) -> list[str]:
    """The names in a CSV file's header.

    Raises:
        InvalidRequest: the file is empty, or its header is no text.
    """
    with open_file() as raw:
        text = io.TextIOWrapper(raw, "utf-8-sig", errors="surrogateescape", newline="")
        try:
            names = next((row for row in csv.reader(text, delimiter=delimiter) if row), [])
        except csv.Error as error:
            raise InvalidRequest(f"{url}, line 1: {error}.", "Correct the header.", "url") from error
    if not all(map(_is_utf8, names)):
        raise InvalidRequest(f"{url}: the header is not UTF-8 text.", "Save the file as UTF-8.", "url")
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise InvalidRequest(f"{url}: the header names {twice!r} twice.", "Give each column a name of its own.", "url")
    return names


def csv_parts(open_file: Open, url: str, delimiter: str, kinds: Mapping[str, str]) -> Iterator[Part]:
    """The rows of a CSV file; an empty cell is a missing value, a quoted empty one an empty text.

    Raises:
        InvalidRequest: a line has more or fewer cells than the header, or a cell is not of its type.
    """
    schema = arrow_schema(kinds)
    row = 0
    try:
        with open_file() as raw:
            reader = pcsv.open_csv(
                raw,
                pcsv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
                pcsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                pcsv.ConvertOptions(
                    column_types={f.name: f.type for f in schema},
                    include_columns=schema.names,
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    null_values=[""],
                ),
            )
            for batch in reader:
                table = pa.Table.from_batches([batch]).cast(schema)
                yield Part(table, lambda i, first=row: f"row {first + i + 1} below the header")  # type: ignore[misc]
                row += table.num_rows
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise _explained(open_file, url, delimiter, kinds, error) from error


def json_names(open_file: Open, url: str) -> tuple[list[str], dict[str, Any]]:
    """The keys of a file's first lines, and the first value of each."""
    firsts: dict[str, Any] = {}
    with open_file() as raw:
        for number, line in enumerate(raw, 1):
            if number > SAMPLED_LINES:
                break
            if text := line.removeprefix(b"\xef\xbb\xbf").strip():
                for key, value in _line(text, number, url).items():
                    if firsts.get(key) is None:
                        firsts[key] = value
    return list(firsts), firsts


def json_parts(open_file: Open, url: str, kinds: Mapping[str, str]) -> Iterator[Part]:
    """The rows of a file with one JSON object a line; a key that a line lacks is a missing value.

    Raises:
        InvalidRequest: a line is no JSON object, or a value is not of its type.
    """
    schema = arrow_schema(kinds)
    options = pjson.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    nested = any(kind in NESTED for kind in kinds.values())
    line = 1
    with open_file() as raw:
        for chunk in _lines(raw, url):
            table = None if nested else _parsed(chunk, schema, options)
            if table is None:
                table = _by_line(chunk, line, kinds, url)
            if table.num_rows:
                yield Part(table, lambda i, c=chunk, first=line: f"line {_line_of(c, first, i)}")  # type: ignore[misc]
            line += chunk.count(b"\n")


def parquet_parts(file: io.RawIOBase, url: str, columns: Sequence[str]) -> Iterator[Part]:
    """The rows of a Parquet file."""
    row = 0
    opened_file = open_parquet(file, url)
    try:
        for batch in opened_file.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False):
            table = pa.Table.from_batches([batch]).select(list(columns))
            yield Part(table, lambda i, first=row: f"row {first + i + 1}")  # type: ignore[misc]
            row += table.num_rows
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(url, error) from error


def open_parquet(file: io.RawIOBase, url: str) -> pq.ParquetFile:
    """The file, once it is seen to be Parquet.

    Raises:
        InvalidRequest: it is not, or is damaged.
    """
    try:
        ahead = pa.PythonFile(io.BufferedReader(file, AHEAD_BYTES), mode="r")
        return pq.ParquetFile(ahead, buffer_size=CHUNK_BYTES, pre_buffer=False)
    except PlatformError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(url, error) from error


def _unreadable(url: str, error: Exception) -> InvalidRequest:
    return InvalidRequest(
        f"{url} can't be read as Parquet: {str(error)[:200]}.",
        "Write the file anew, or send its real format.",
        "format",
    )


def _lines(raw: BinaryIO, url: str) -> Iterator[bytes]:
    """The file's bytes in runs of whole lines."""
    rest, first = b"", True
    while chunk := raw.read(CHUNK_BYTES):
        if first:
            chunk, first = chunk.removeprefix(b"\xef\xbb\xbf"), False
        end = chunk.rfind(b"\n") + 1
        if end == 0:
            rest += chunk
            if len(rest) > LONGEST_LINE:
                raise InvalidRequest(f"{url} has a line of over 64 MiB.", "Write one JSON object a line.", "url")
            continue
        yield rest + chunk[:end]
        rest = chunk[end:]
    if rest.strip():
        yield rest + b"\n"


def _parsed(chunk: bytes, schema: pa.Schema, options: pjson.ParseOptions) -> pa.Table | None:
    """The lines as a table, None where one of them has to be looked at."""
    try:
        chunk.decode()
        table = pjson.read_json(pa.BufferReader(chunk), pjson.ReadOptions(use_threads=False), options)
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return None
    return table.select(schema.names).cast(schema).combine_chunks()


def _by_line(chunk: bytes, line: int, kinds: Mapping[str, str], url: str) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [] for name in kinds}
    for number, text in enumerate(chunk.split(b"\n"), line):
        if not text.strip():
            continue
        found = _line(text, number, url)
        for name, kind in kinds.items():
            columns[name].append(_value(found.get(name), kind, f"{url}, line {number}", name))
    schema = arrow_schema(kinds)
    return pa.table([pa.array(columns[f.name], f.type) for f in schema], schema=schema)


def _line(text: bytes, number: int, url: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(
            f"{url}, line {number}: no JSON: {error}.", "Write one JSON object a line, in UTF-8.", "url"
        ) from error
    if not isinstance(found, dict):
        shown = text[:60].decode(errors="replace")
        raise InvalidRequest(f"{url}, line {number} is {shown}, no object.", "Write one JSON object a line.", "url")
    return found


def _value(value: Any, kind: str, where: str, name: str) -> Any:
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in ("number", "float") and number:
        return float(value)
    if kind == "integer" and number and value == int(value) and -(2**63) <= value < 2**63:
        return int(value)
    if kind in NESTED and isinstance(value, dict if kind == "object" else list):
        return orjson.dumps(value).decode()
    if (kind == "boolean" and isinstance(value, bool)) or (kind not in KINDS and isinstance(value, str)):
        return value
    shown = repr(value)
    raise InvalidRequest(
        f"{where}: {name!r} is {shown if len(shown) <= 60 else shown[:57] + '…'}, which is not {KINDS.get(kind, 'text')}.",
        f"Correct the value, or map {name!r} to a property of its type.",
        name,
    )


def _line_of(chunk: bytes, first: int, row: int) -> int:
    filled = [number for number, text in enumerate(chunk.split(b"\n"), first) if text.strip()]
    return filled[row]


def _explained(open_file: Open, url: str, delimiter: str, kinds: Mapping[str, str], error: Exception) -> InvalidRequest:
    """What is wrong with a CSV file, and in which line; found by reading it once more, line by line."""
    csv.field_size_limit(CSV_BLOCK_BYTES)
    with open_file() as raw:
        text = io.TextIOWrapper(raw, "utf-8-sig", errors="surrogateescape", newline="")
        reader = csv.reader(text, delimiter=delimiter)
        header: list[str] = []
        try:
            for row in reader:
                if not row:
                    continue
                if not header:
                    header = row
                elif problem := _bad_row(row, header, kinds):
                    fix = "Correct the line. A cell that holds the delimiter, a quote or a newline must be quoted."
                    return InvalidRequest(f"{url}, line {reader.line_num}: {problem}.", fix, "url")
        except csv.Error as found:
            return InvalidRequest(f"{url}, line {reader.line_num}: {found}.", "Correct the line.", "url")
    return InvalidRequest(f"{url} can't be read as CSV: {str(error)[:300]}.", "Write the file anew.", "url")


def _bad_row(row: list[str], header: list[str], kinds: Mapping[str, str]) -> str | None:
    if len(row) != len(header):
        return f"{len(row)} cells, where the header has {len(header)}"
    for name, cell in zip(header, row, strict=True):
        if not _is_utf8(cell):
            shown = cell[:60].encode("utf-8", "surrogateescape")
            return f"{name!r} is {shown!r}, which is not UTF-8 text"
        kind = kinds.get(name, "text")
        if cell and kind in ARROW and not _is_cell(cell, ARROW[kind]):
            return f"{name!r} is {cell[:60]!r}, which is not {KINDS[kind]}"
    return None


def _is_utf8(text: str) -> bool:
    """Whether the text was decoded without a byte that UTF-8 does not have there."""
    return not any("\udc80" <= c <= "\udcff" for c in text)


def _is_cell(cell: str, kind: pa.DataType) -> bool:
    try:
        pcsv.read_csv(
            pa.BufferReader(b'x\n"' + cell.replace('"', '""').encode() + b'"\n'),
            convert_options=pcsv.ConvertOptions(column_types={"x": kind}),
        )
    except pa.ArrowInvalid:
        return False
    return True
