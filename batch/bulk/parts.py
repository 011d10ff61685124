"""Parts: which rows of which files a partition means; small, frozen and picklable, whatever the rows hold."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Column:
    """A file's column and the property that it fills: `role` is text, blob or metadata, `type` the bucket's type."""

    property: str
    column: str
    role: str
    type: str


@dataclass(frozen=True, slots=True)
class BulkSource:
    """An import as its rows' readers need it. `base` begins the object ids; `id_column` None numbers them."""

    import_id: str
    base: str
    columns: tuple[Column, ...]
    id_column: str | None = None

    @property
    def blobs(self) -> tuple[Column, ...]:
        """The columns that give a row each: texts and URLs."""
        return tuple(c for c in self.columns if c.role != "metadata")

    @property
    def read(self) -> list[str]:
        """The file's columns that are read, each once."""
        names = [c.column for c in self.columns] + ([self.id_column] if self.id_column else [])
        return list(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows `start` to `stop` of a file's row group; `first_row` is the number that `start` has in its import."""

    url: str
    etag: str
    size_bytes: int
    row_group: int
    start: int
    stop: int
    first_row: int

    @property
    def rows(self) -> int:
        """How many rows it names."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class BulkPart:
    """Rows of one import. `kept` are those numbers (int64) that are wanted of `pieces`, None all of them."""

    source: BulkSource
    pieces: tuple[Piece, ...]
    kept: bytes | None = None

    @classmethod
    def of(cls, source: BulkSource, pieces: tuple[Piece, ...], kept: "np.ndarray | None" = None) -> Self:
        """The part that holds these rows of the pieces."""
        return cls(source, pieces, None if kept is None else kept.astype(np.int64).tobytes())

    @property
    def numbers(self) -> "np.ndarray":
        """The numbers of its rows in their import, in order."""
        if self.kept is not None:
            return np.frombuffer(self.kept, np.int64)
        runs = [np.arange(p.first_row, p.first_row + p.rows, dtype=np.int64) for p in self.pieces]
        return np.concatenate(runs) if runs else np.empty(0, np.int64)

    @property
    def rows(self) -> int:
        """How many objects it names."""
        return len(self.kept) // 8 if self.kept is not None else sum(p.rows for p in self.pieces)


def cut(piece: Piece, rows: int) -> tuple[Piece, Piece | None]:
    """The piece's first `rows` rows, and what is left of it."""
    if rows >= piece.rows:
        return piece, None
    middle = piece.start + rows
    return replace(piece, stop=middle), replace(piece, start=middle, first_row=piece.first_row + rows)
