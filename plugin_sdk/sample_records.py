"""Reading sample data: the records of a JSON, JSON Lines or CSV file, or one record per file of any other kind."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plugin_sdk.errors import PlatformError

Record = dict[str, Any]


class BadSample(PlatformError):
    """The sample data can't be read as rows."""

    code = "bad_sample"


def read_records(path: Path) -> Iterator[Record]:
    """Records of a JSON, JSON Lines or CSV file; any other file is one record, a folder one per file.

    Raises:
        BadSample: the file can't be read, or is not what its name says.
    """
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".")):
            yield {"data": file.name if file.parent == path else file.relative_to(path).as_posix()}
        return
    try:
        yield from _records_of_file(path)
    except FileNotFoundError as error:
        raise BadSample(f"{path} does not exist.", "Give a JSON, JSONL, CSV or text file.") from error
    except (OSError, ValueError, csv.Error) as error:
        raise BadSample(f"{path} can't be read: {error}.", "Give a JSON, JSONL, CSV or text file in UTF-8.") from error


def _records_of_file(path: Path) -> Iterator[Record]:
    match path.suffix.lower():
        case ".json":
            yield from _objects(json.loads(path.read_text(encoding="utf-8-sig")), path)
        case ".jsonl" | ".ndjson":
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            yield from _objects([json.loads(line) for line in lines if line.strip()], path)
        case ".csv":
            yield from csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")))
        case _:
            yield {"data": path.name}


def _objects(value: Any, path: Path) -> list[Record]:
    """A list of objects, one object, or an object whose only value is such a list."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), list):
        value = next(iter(value.values()))
    records = value if isinstance(value, list) else [value]
    for i, record in enumerate(records):
        if not isinstance(record, dict):
            raise BadSample(f"{path}: row {i} is {record!r}, not an object.", 'Write rows as {"text": "..."}.')
    return records
