"""Cursors: rows of Parquet row groups, decoded once and in order, however small the parts are in which they are asked for.

A row group is decoded as a stream with bounded memory; the worker keeps the place where the last part ended, so that
the next part of the same row group goes on from there.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from batch.bulk.files import RangeFile
from batch.bulk.parts import Piece
from core.stores.blobs import Blobs

BATCH_ROWS = 8_192
BUFFER_BYTES = 4 * 1024 * 1024
AHEAD_BYTES = 32 * 1024 * 1024
"""The columns of a row group, or of several, are fetched by one request up to this size, a larger one's piece by piece."""

OPEN_CURSORS = 4
KNOWN_FOOTERS = 256


@dataclass(slots=True)
class _Cursor:
    file: RangeFile
    batches: Iterator[pa.RecordBatch]
    total: int
    place: int = 0
    rest: list[pa.RecordBatch] = field(default_factory=list)

    def take(self, start: int, stop: int) -> list[pa.RecordBatch]:
        """Rows `start` to `stop`; those between the place and `start` are passed over."""
        found = []
        while self.place < stop:
            batch = self.rest.pop() if self.rest else next(self.batches)
            end = self.place + batch.num_rows
            if end > stop:
                self.rest.append(batch.slice(stop - self.place))
                batch, end = batch.slice(0, stop - self.place), stop
            if end > start:
                found.append(batch.slice(max(0, start - self.place)))
            self.place = end
        return found


class Cursors:
    """The open row groups of one worker. One thread at a time."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._open: OrderedDict[tuple[Any, ...], _Cursor] = OrderedDict()
        self._footers: OrderedDict[tuple[str, str], pq.FileMetaData] = OrderedDict()

    def read_all(self, pieces: Sequence[Piece], columns: Sequence[str]) -> pa.Table:
        """The rows of all pieces; row groups that lie beside each other are fetched together, as far as they are small.

        Raises:
            SourceChanged, StoreUnavailable: as for one.
        """
        runs = self._runs(pieces, columns)
        return pa.concat_tables(
            [self.read(run[0], columns) if len(run) == 1 else self._read_run(run, columns) for run in runs]
        )

    def read(self, piece: Piece, columns: Sequence[str]) -> pa.Table:
        """The piece's rows, these columns alone.

        Raises:
            SourceChanged: the file is another by now, or what it holds can't be decoded.
            StoreUnavailable: S3 does not answer.
        """
        key = (piece.url, piece.etag, piece.row_group, *columns)
        cursor = self._open.pop(key, None)
        if cursor is None or cursor.place > piece.start:
            cursor = self._opened(piece, columns)
        with _told(cursor.file):
            batches = cursor.take(piece.start, piece.stop)
        if cursor.place < cursor.total:
            self._open[key] = cursor
            while len(self._open) > OPEN_CURSORS:
                self._open.popitem(last=False)
        return pa.Table.from_batches(batches).select(list(columns))

    def _runs(self, pieces: Sequence[Piece], columns: Sequence[str]) -> list[list[Piece]]:
        """The pieces in order: whole row groups that follow each other in one file together, up to so many bytes."""
        runs: list[list[Piece]] = []
        room = 0
        for piece in pieces:
            size, last = self._whole_bytes(piece, columns) if len(pieces) > 1 else None, runs[-1][-1] if runs else None
            follows = last is not None and (last.url, last.etag, last.row_group + 1) == (
                piece.url,
                piece.etag,
                piece.row_group,
            )
            if size is not None and follows and size <= room:
                runs[-1].append(piece)
                room -= size
            else:
                runs.append([piece])
                room = 0 if size is None else AHEAD_BYTES - size
        return runs

    def _whole_bytes(self, piece: Piece, columns: Sequence[str]) -> int | None:
        """What these columns of the piece's row group take in the file; None where it is but a part of one."""
        file = RangeFile(self._blobs, piece.url, piece.etag, piece.size_bytes)
        with _told(file):
            group = self._footer(piece, file).row_group(piece.row_group)
        return _stored_bytes(group, columns) if piece.rows == group.num_rows else None

    def _read_run(self, run: Sequence[Piece], columns: Sequence[str]) -> pa.Table:
        file = RangeFile(self._blobs, run[0].url, run[0].etag, run[0].size_bytes)
        with _told(file):
            footer = self._footer(run[0], file)
            opened = pq.ParquetFile(pa.PythonFile(file, mode="r"), metadata=footer, pre_buffer=True)
            groups = [piece.row_group for piece in run]
            return opened.read_row_groups(groups, list(columns), use_threads=False).select(list(columns))

    def _opened(self, piece: Piece, columns: Sequence[str]) -> _Cursor:
        file = RangeFile(self._blobs, piece.url, piece.etag, piece.size_bytes)
        with _told(file):
            footer = self._footer(piece, file)
            group = footer.row_group(piece.row_group)
            opened = pq.ParquetFile(
                pa.PythonFile(file, mode="r"),
                metadata=footer,
                buffer_size=BUFFER_BYTES,
                pre_buffer=_stored_bytes(group, columns) <= AHEAD_BYTES,
            )
        batches = opened.iter_batches(BATCH_ROWS, [piece.row_group], list(columns), use_threads=False)
        return _Cursor(file, batches, group.num_rows)

    def _footer(self, piece: Piece, file: RangeFile) -> pq.FileMetaData:
        place = (piece.url, piece.etag)
        if place not in self._footers:
            self._footers[place] = pq.read_metadata(pa.PythonFile(file, mode="r"))
            while len(self._footers) > KNOWN_FOOTERS:
                self._footers.popitem(last=False)
        return self._footers[place]


@contextmanager
def _told(file: RangeFile) -> Iterator[None]:
    """What went wrong with the file itself, where Arrow only says that something did."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise (file.trouble or error) from error


def _stored_bytes(group: pq.RowGroupMetaData, columns: Sequence[str]) -> int:
    """Bytes of these columns in the file."""
    parts = (group.column(i) for i in range(group.num_columns))
    return sum(p.total_compressed_size for p in parts if p.path_in_schema.partition(".")[0] in columns)
