"""Importing: every file of an import read once, checked, and made known to the bucket.

Parquet stays where it is. JSON lines and CSV are written as Parquet with small row groups, the mapped columns alone:
text can't be split at any byte without reading it from its start, has to be parsed for the checks anyway, and is then
parsed only once, whatever the number of batches.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from batch.bulk import mapping, tables
from batch.bulk.checks import check_table, digests
from batch.bulk.cursors import Cursors
from batch.bulk.files import RangeFile
from batch.bulk.ids import Ids, write_ids
from batch.bulk.parts import Column
from batch.bulk.pieces import piece_at
from batch.bulk.tables import Part
from core.blob_input import Files
from core.bucket_schema import properties_of
from core.buckets import Bucket, find_bucket
from core.errors import Forbidden, InvalidRequest, NotFound, SourceChanged
from core.imports import (
    Import,
    MappedColumn,
    SourceFile,
    complete_import,
    delete_import,
    each_import,
    format_of,
    get_import,
    note_import,
    source_files,
)
from core.row_ids import MAX_ROWS
from core.status import TaskStatus
from core.stores import Stores
from core.stores.blobs import BlobInfo, BlobRef
from core.tenancy import Scope

log = logging.getLogger(__name__)

GROUP_ROWS = 16_384
GROUP_BYTES = 8 * 1024 * 1024
FILE_BYTES = 256 * 1024 * 1024
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class _State:
    """An import under way."""

    stores: Stores
    scope: Scope
    bucket: Bucket
    wanted: Import
    allowed: Files
    progress: Progress
    columns: tuple[Column, ...] = ()
    rows: int = 0
    files: list[SourceFile] = field(default_factory=list)
    ids: list[Any] = field(default_factory=list)
    written: int = 0
    size_bytes: int = 0


def run_import(
    stores: Stores, scope: Scope, bucket: Bucket, wanted: Import, progress: Progress = lambda rows, files: None
) -> Import:
    """Read, check and register the import.

    Args:
        progress: told how many rows and files are read, file by file and every some thousand rows.

    Raises:
        InvalidRequest: a file, its mapping or one of its values can't be used.
        SourceChanged: a file was written while it was read.
        QuotaExceeded: the bucket may not hold so many objects.
    """
    state = _State(stores, scope, bucket, wanted, _allowed(stores, scope), progress)
    for ref, info in source_files(stores, wanted):
        _add_file(state, ref, info)
    if state.rows == 0:
        raise InvalidRequest(f"{wanted.url} holds no rows.", "Import a file with at least one row.", "url")
    if wanted.id_column is not None:
        _register_ids(state)
    done = wanted.changed(
        columns=[MappedColumn(property=c.property, column=c.column, role=c.role, type=c.type) for c in state.columns],
        rows=state.rows,
        files=len(state.files),
        size_bytes=state.size_bytes,
    )
    return complete_import(stores, scope, bucket, done, state.files)


def finish_import(stores: Stores, job: Mapping[str, Any]) -> None:
    """Do what a job of `ask_import` says; a refusal is the import's to tell, and no failure of the job."""
    scope = Scope(str(job["org_id"]), str(job["namespace_id"]))
    bucket_id, import_id = str(job["bucket_id"]), str(job["import_id"])
    try:
        wanted = get_import(stores, scope, bucket_id, import_id)
        bucket = find_bucket(stores, scope, bucket_id)
        if wanted.status.ended:  # whoever ended it may not have come to tell its task
            note_import(stores, scope, wanted)
            return
        note_import(stores, scope, wanted, status=TaskStatus.PROCESSING)
    except NotFound:
        return

    def progress(rows: int, files: int) -> None:
        note_import(stores, scope, wanted, status=TaskStatus.PROCESSING, rows=rows, files=files)

    try:
        done = run_import(stores, scope, bucket, wanted, progress)
        note_import(stores, scope, done)
    except NotFound:  # deleted while it was read, or its file was: what was written goes too
        _left(stores, scope, wanted)
    except (InvalidRequest, SourceChanged, Forbidden) as error:
        log.info("import refused", extra={"import_id": import_id, "code": error.code})
        note_import(stores, scope, wanted, status=TaskStatus.FAILED, error=str(error))


def _left(stores: Stores, scope: Scope, wanted: Import) -> None:
    try:
        get_import(stores, scope, wanted.bucket_id, wanted.import_id)
    except NotFound:
        delete_import(stores, scope, wanted)
        return
    problem = f"{wanted.url} was deleted before it could be imported. Put it there and import it again."
    note_import(stores, scope, wanted, status=TaskStatus.FAILED, error=problem)


def _allowed(stores: Stores, scope: Scope) -> Files:
    settings = stores.settings
    data_bucket = settings.data_uri.removeprefix("s3://").partition("/")[0]
    platform = frozenset({settings.object_bucket, settings.plugin_bucket, data_bucket})
    return Files(settings.object_bucket, scope.prefix, "", platform)


def _add_file(state: _State, ref: BlobRef, info: BlobInfo) -> None:
    if info.size_bytes == 0:
        raise InvalidRequest(f"{ref.url} is empty.", "Import a file with at least one row.", "url")
    kind = state.wanted.format or format_of(ref.key, ref.url)
    if kind == "parquet":
        _add_parquet(state, ref, info)
    else:
        _convert(state, ref, info, kind)
    state.progress(state.rows, len(state.files))


def _add_parquet(state: _State, ref: BlobRef, info: BlobInfo) -> None:
    file = RangeFile(state.stores.blobs, ref.url, info.etag, info.size_bytes)
    opened = tables.open_parquet(file, ref.url)
    schema = opened.schema_arrow
    columns = mapping.resolve(state.bucket, state.wanted, schema.names, ref.url)
    _agree(state, mapping.typed(columns, state.wanted.id_column, schema, ref.url), ref.url)
    read = [c.column for c in state.columns] + ([state.wanted.id_column] if state.wanted.id_column else [])
    for part in tables.parquet_parts(
        RangeFile(state.stores.blobs, ref.url, info.etag, info.size_bytes), ref.url, list(dict.fromkeys(read))
    ):
        _check(state, part, ref.url)
    footer = opened.metadata
    groups = tuple(footer.row_group(i).num_rows for i in range(footer.num_row_groups))
    state.files.append(SourceFile(ref.url, info.etag, info.size_bytes, groups))
    state.size_bytes += info.size_bytes


def _convert(state: _State, ref: BlobRef, info: BlobInfo, kind: str) -> None:
    """The file's mapped columns as Parquet files of the import's own."""

    def open_file() -> Any:
        return tables.opened(RangeFile(state.stores.blobs, ref.url, info.etag, info.size_bytes), ref.key)

    try:
        kinds, columns = _kinds(state, open_file, ref.url, kind)
        _agree(state, columns, ref.url)
        parts = (
            tables.csv_parts(open_file, ref.url, state.wanted.delimiter, kinds)
            if kind == "csv"
            else tables.json_parts(open_file, ref.url, kinds)
        )
        for path, groups in _written(_checked(state, parts, ref.url), tables.arrow_schema(kinds)):
            key = f"{state.scope.prefix}/{state.wanted.folder}/{state.written:06d}.parquet"
            own = BlobRef(state.stores.settings.object_bucket, key)
            state.stores.blobs.put(own, path, "application/vnd.apache.parquet")
            made = state.stores.blobs.head(own)
            state.files.append(SourceFile(own.url, made.etag, made.size_bytes, tuple(groups)))
            state.written += 1
    except (EOFError, OSError) as error:  # of the unpacking
        raise InvalidRequest(f"{ref.url} can't be unpacked: {error}.", "Pack it anew, or send it as it is.") from error
    state.size_bytes += info.size_bytes


def _kinds(state: _State, open_file: Any, url: str, kind: str) -> tuple[dict[str, str], tuple[Column, ...]]:
    """By column that is kept, the type that it is read as; and the mapping."""
    firsts: dict[str, Any] = {}
    if kind == "csv":
        names = tables.csv_names(open_file, url, state.wanted.delimiter)
    else:
        names, firsts = tables.json_names(open_file, url)
    columns = mapping.resolve(state.bucket, state.wanted, names, url)
    columns = tuple(c if c.type else _guessed(c, firsts.get(c.column)) for c in columns)
    kinds = {c.column: c.type for c in columns}
    own = state.wanted.id_column
    if own is not None:
        kinds.setdefault(own, "integer" if isinstance(firsts.get(own), int) else "string")
    return kinds, columns


def _guessed(column: Column, value: Any) -> Column:
    """A metadata column of a bucket without a schema, typed by its first value."""
    kinds = ((bool, "boolean"), (int | float, "number"), (dict, "object"), (list, "array"))
    kind = next((kind for python, kind in kinds if isinstance(value, python)), "string")
    return Column(column.property, column.column, column.role, kind)


def _agree(state: _State, columns: tuple[Column, ...], url: str) -> None:
    """All files of an import have one mapping: what is typed by its values must be typed alike."""
    if not state.columns:
        state.columns = columns
    for before, now in zip(state.columns, columns, strict=True):
        if before != now:
            raise InvalidRequest(
                f"{url}: column {now.column!r} is of type {now.type!r}, in the files before it of {before.type!r}.",
                "Import the files one by one, or give the bucket a schema that says the type.",
                now.column,
            )


def _checked(state: _State, parts: Iterator[Part], url: str) -> Iterator[pa.Table]:
    for part in parts:
        _check(state, part, url)
        yield part.table


def _check(state: _State, part: Part, url: str) -> None:
    check_table(part.table, state.columns, properties_of(state.bucket.bucket_schema), state.allowed, url, part.locate)
    own = state.wanted.id_column
    if own is not None:
        state.ids.append(digests(part.table, own, state.bucket.bucket_id, url, part.locate))
    state.rows += part.table.num_rows
    if state.rows > MAX_ROWS:
        raise InvalidRequest(f"{state.wanted.url} holds over {MAX_ROWS} rows.", "Import its files one by one.", "url")


def _written(parts: Iterator[pa.Table], schema: pa.Schema) -> Iterator[tuple[IO[bytes], list[int]]]:
    """The tables as Parquet files of bounded size, each with the rows of its row groups."""
    waiting = next(parts, None)
    while waiting is not None:
        with tempfile.TemporaryFile() as file:
            groups: list[int] = []
            with pq.ParquetWriter(file, schema, compression="lz4", use_dictionary=False) as writer:
                while waiting is not None and file.tell() < FILE_BYTES:
                    rows = _group_rows(waiting)
                    for start in range(0, waiting.num_rows, rows):
                        piece = waiting.slice(start, rows)
                        writer.write_table(piece, row_group_size=rows)
                        groups.append(piece.num_rows)
                    waiting = next(parts, None)
            file.seek(0)
            yield file, groups


def _group_rows(table: pa.Table) -> int:
    row_bytes = max(int(table.nbytes) // max(int(table.num_rows), 1), 1)
    return max(1, min(GROUP_ROWS, GROUP_BYTES // row_bytes))


def _register_ids(state: _State) -> None:
    """Write down which row each id is, once no other row of the bucket has it."""
    found = np.concatenate(state.ids)
    order = np.argsort(found, kind="stable")
    ids = Ids(found[order], order.astype(np.int64))
    twice = np.flatnonzero(ids.digests[1:] == ids.digests[:-1])
    if twice.size:
        first, second = sorted(int(ids.rows[i]) for i in (twice[0], twice[0] + 1))
        raise _duplicate(state, first, f"rows {first + 1} and {second + 1}")
    for other in each_import(state.stores, state.scope, state.bucket.bucket_id):
        if other.id_column and other.status is TaskStatus.COMPLETED and other.import_id != state.wanted.import_id:
            known = Ids.read(state.stores, state.scope, other)
            _, mine, _ = np.intersect1d(ids.digests, known.digests, assume_unique=True, return_indices=True)
            if mine.size:
                raise _taken(state, int(ids.rows[mine.min()]), other)
    write_ids(state.stores, state.scope, state.wanted, ids)


def _duplicate(state: _State, row: int, where: str) -> InvalidRequest:
    own = state.wanted.id_column
    return InvalidRequest(
        f"{state.wanted.url}: {where} have the same value {_id_at(state, row)!r} in the id column {own!r}.",
        "Give every row an id of its own, or leave id_column out: then rows are numbered.",
        "id_column",
    )


def _taken(state: _State, row: int, other: Import) -> InvalidRequest:
    return InvalidRequest(
        f"{state.wanted.url}, row {row + 1}: the id {_id_at(state, row)!r} is an object of the import "
        f"{other.import_id} ({other.url}) already.",
        f"Delete that import first: DELETE imports/{other.import_id}. Rows with the same ids keep their documents.",
        "id_column",
    )


def _id_at(state: _State, row: int) -> Any:
    own = str(state.wanted.id_column)
    return Cursors(state.stores.blobs).read(piece_at(state.files, row), [own])[own][0].as_py()
