"""Pieces: the row groups of an import's files, in the order of its rows."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from batch.bulk.parts import BulkPart, BulkSource, Column, Piece, cut
from core.imports import Import, SourceFile

LARGE_GROUP = 8_192
"""Rows of a row group that is worth not being decoded twice."""


class Finished(Protocol):
    """Knows which rows of an import a collection has finished with."""

    def rows(self, import_id: str, start: int, stop: int) -> Any:
        """The numbers of those from `start` to before `stop`."""
        ...


def source_of(found: Import) -> BulkSource:
    """The import as its rows' readers need it."""
    columns = tuple(Column(c.property, c.column, c.role, c.type) for c in found.columns)
    return BulkSource(found.import_id, found.base, columns, found.id_column)


def each_piece(files: Sequence[SourceFile]) -> Iterator[Piece]:
    """Every row group that holds rows, as one piece."""
    first = 0
    for file in files:
        for group, rows in enumerate(file.row_groups):
            if rows:
                yield Piece(file.url, file.etag, file.size_bytes, group, 0, rows, first)
            first += rows


class Pieces:
    """An import's row groups, found by the number of a row."""

    def __init__(self, files: Sequence[SourceFile]) -> None:
        self._all = list(each_piece(files))
        self._firsts = [piece.first_row for piece in self._all]

    def between(self, start: int, stop: int) -> list[Piece]:
        """Those parts of row groups that hold the rows from `start` to before `stop`."""
        found = []
        for piece in self._all[max(bisect_right(self._firsts, start) - 1, 0) :]:
            if piece.first_row >= stop:
                break
            kept: Piece | None = cut(piece, stop - piece.first_row)[0]
            if start > piece.first_row and kept is not None:
                kept = cut(kept, start - piece.first_row)[1]
            if kept is not None:
                found.append(kept)
        return found


def piece_at(files: Sequence[SourceFile], row: int) -> Piece:
    """The one row of this number."""
    return Pieces(files).between(row, row + 1)[0]


def parts_of(
    source: BulkSource,
    files: Sequence[SourceFile],
    limit: Callable[[], int],
    wanted: Any = None,
    done: Finished | None = None,
) -> Iterator[BulkPart]:
    """The import's rows in parts of at most as many rows as `limit` says when each begins.

    Row groups are cut and joined, but a part rather ends with a large row group: who begins in the middle of one decodes
    the rows before it in vain.

    Args:
        wanted: the numbers of the rows that are asked for, in order; None all.
        done: knows which rows are finished; they are left out.
    """
    taken: list[Piece] = []
    room = most = _objects(source, limit())
    for whole in each_piece(files):
        rest: Piece | None = whole
        large = whole.rows >= LARGE_GROUP
        while rest is not None:
            if large and taken and rest.rows > room and room <= most // 2:
                yield from _left(source, taken, wanted, done)
                taken, room = [], (most := _objects(source, limit()))
            piece, rest = cut(rest, _even(rest.rows, room) if large and not taken else room)
            taken.append(piece)
            room -= piece.rows
            if room == 0 or (large and rest is not None and rest.rows > room):
                yield from _left(source, taken, wanted, done)
                taken, room = [], (most := _objects(source, limit()))
    if taken:
        yield from _left(source, taken, wanted, done)


def _even(rows: int, most: int) -> int:
    """The size of parts of `rows` that are about equal."""
    return -(-rows // -(-rows // most))


def _objects(source: BulkSource, rows: int) -> int:
    """How many objects give so many rows."""
    return max(1, rows // len(source.blobs))


def _left(source: BulkSource, pieces: Sequence[Piece], wanted: Any, done: Finished | None) -> Iterator[BulkPart]:
    """What is to be done of the pieces' rows, without the pieces of which nothing is."""
    part = BulkPart.of(source, tuple(pieces))
    start, stop = pieces[0].first_row, pieces[-1].first_row + pieces[-1].rows
    kept: Any = None
    if wanted is not None:
        kept = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, stop)]
    if done and (ended := done.rows(source.import_id, start, stop)).size:
        kept = np.setdiff1d(part.numbers if kept is None else kept, ended, assume_unique=True)
    if kept is None or len(kept) == part.rows:
        yield part
        return
    used = [p for p in pieces if np.searchsorted(kept, p.first_row) < np.searchsorted(kept, p.first_row + p.rows)]
    if used:
        yield BulkPart.of(source, tuple(used), kept)
