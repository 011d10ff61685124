"""Cutting batches out of a partition's rows, and putting together what a step returned for them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from plugin_sdk.comparing import same_values
from plugin_sdk.given import Given, columns_of
from plugin_sdk.nested import Snapshot
from plugin_sdk.outcomes import LINEAGE, RowFailure
from plugin_sdk.positions import Positions, document_names, in_place
from plugin_sdk.rows import Columns, Unidentified, identify, renumbered, same_memory

MAX_NAME = 1000
Mask = npt.NDArray[np.bool_]


class BrokenRule(ValueError):
    """A processor returned what it may not; the text continues "Step X returned …".

    `whole` says that fewer rows would only hide it: half of a batch whose rows can't be told apart may be none at all.
    """

    def __init__(self, text: str, *, whole: bool = False) -> None:
        super().__init__(text)
        self.whole = whole


@dataclass(slots=True)
class Written:
    """A column that steps have written: by which, and in which rows the last of them had its say."""

    step: str
    processed: Mask


@dataclass(slots=True)
class Piece:
    """What a step returned for one batch: its changed columns, and the partition row that each row comes from."""

    frame: pd.DataFrame
    source: Positions
    changed: list[str]
    dropped: int
    gone: frozenset[str]
    lineage_changed: bool = False


@dataclass(slots=True)
class Rows:
    """The rows of a partition between two steps."""

    frame: pd.DataFrame
    origin: Positions
    ordinal: Positions
    first: pd.DataFrame
    written: dict[str, Written] = field(default_factory=dict)
    steps: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    nested: dict[str, Snapshot] = field(default_factory=dict)
    earlier: frozenset[str] = frozenset()
    """Columns that came with the partition, written by steps that ran elsewhere: a step may take them away."""
    _ids: list[str | None] | None = None

    @classmethod
    def of(cls, frame: pd.DataFrame, earlier: Iterable[str] = ()) -> "Rows":
        """A partition before its first step."""
        count = len(frame)
        fresh = isinstance(frame.index, pd.RangeIndex) and frame.index.equals(pd.RangeIndex(count))
        here = frame if fresh else frame.reset_index(drop=True)
        columns = columns_of(here)
        before = {name: Snapshot(array) for name, array in columns.items() if array.dtype == object}
        return cls(
            here,
            np.arange(count),
            np.zeros(count, np.int64),
            here,
            {},
            np.zeros(count, np.int64),
            before,
            frozenset(earlier),
        )

    def batch(self, positions: Positions) -> Given:
        """The rows at `positions`, numbered from 0, for a processor to change."""
        count = len(positions)
        if count == len(self.frame):
            return Given(self.frame.copy(deep=False), self.frame)
        if count and positions[-1] - positions[0] == count - 1:
            whole = self.frame
            cut = whole.iloc[positions[0] : positions[-1] + 1]
        else:
            whole = self.frame.take(positions)
            cut = whole.copy(deep=False)
        cut.index = pd.RangeIndex(count)
        return Given(cut, whole)

    def names(self, positions: Positions) -> list[str | None]:
        """The document ids of the rows at `positions`."""
        if "document_id" not in self.first.columns:
            return [None] * len(positions)
        if self._ids is None:
            self._ids = self.first["document_id"].tolist()
        ids = map(self._ids.__getitem__, self.origin[positions].tolist())
        return document_names(ids, self.ordinal[positions])

    def failure(self, at: int, step: str, column: str | None, reason: str, trace: str = "") -> RowFailure:
        """The row at this position as a failure."""
        return RowFailure(int(self.origin[at]), self.names(np.array([at]))[0], step, column, reason, trace)

    def close(self, step: str) -> None:
        """Count columns whose nested values a step changed in place as written; no column gave that away before."""
        for name, before in self.nested.items():
            if name in self.written or name not in self.frame.columns:
                continue
            if before.differs(self.frame[name].to_numpy(dtype=object), self.origin):
                self.written[name] = Written(step, self.steps > 0)


def piece_of(returned: Any, given: Given, positions: Positions, rows: Rows) -> Piece:
    """What a processor returned for `given`, the rows at `positions`.

    Raises:
        BrokenRule: it is no frame, or its rows or columns can't be told apart.
    """
    if not isinstance(returned, pd.DataFrame):
        raise BrokenRule(f"{_kind(returned)}, a pandas.DataFrame is expected: return the batch")
    if given.is_untouched(returned):
        return Piece(returned, positions, [], 0, frozenset())
    before, after = given.columns(), given.columns_of(returned)
    _check_names(after, returned)
    try:
        local = identify(before, after, len(positions), returned.index)
    except Unidentified as error:
        raise BrokenRule(f"{error}: keep the column document_id", whole=True) from None
    changed, lineage_changed = _changed(before, after, local)
    gone: frozenset[str] = frozenset()
    if not before.keys().isdisjoint(after):
        gone = frozenset(
            name for name in before if name not in after and (name in rows.written or name in rows.earlier)
        )
    if local is None:
        return Piece(returned, positions, changed, 0, gone, lineage_changed)
    return Piece(returned, positions[local], changed, len(positions) - len(np.unique(local)), gone)


def joined(rows: Rows, pieces: Sequence[Piece], selected: Positions, step: str, is_step: bool) -> Rows:
    """The partition after a step: its pieces and the rows that it did not see, in order.

    Rows at `selected` positions that no piece has are gone: dropped by the processor, or failed.
    """
    count = len(rows.frame)
    if len(pieces) == 1 and in_place(pieces[0].source, count) and not pieces[0].gone:
        return _extended(rows, pieces[0], step, is_step)
    unseen = np.ones(count, bool)
    unseen[selected] = False
    outside = np.flatnonzero(unseen)
    source = np.concatenate([*(piece.source for piece in pieces), outside]).astype(np.int64)
    order = np.argsort(source, kind="stable")
    in_order = bool((order == np.arange(len(order))).all())
    taken = source if in_order else source[order]
    same = in_place(taken, count)
    processed = ~unseen[taken]

    frame = rows.frame if same else rows.frame.take(taken)
    frame = frame.copy(deep=False)
    frame.index = pd.RangeIndex(len(taken))
    written = {name: Written(w.step, w.processed[taken]) for name, w in rows.written.items()}
    for name in dict.fromkeys(name for piece in pieces for name in piece.changed):
        values = _column(rows.frame, pieces, outside, name)
        frame[name] = values if in_order else values.take(order).reset_index(drop=True)
        written[name] = Written(step, processed)
    _remove_gone(frame, written, pieces, processed, step)
    origin, ordinal = rows.origin[taken], rows.ordinal[taken]
    after = Rows(frame, origin, ordinal, rows.first, written, rows.steps[taken], rows.nested, rows.earlier)
    if is_step:
        after.steps = after.steps + processed
    _name_added(after, taken)
    return after


def _extended(rows: Rows, piece: Piece, step: str, is_step: bool) -> Rows:
    """The partition after a step that had all rows at once, and returned them as they were with more columns."""
    if piece.changed:
        processed = np.ones(len(rows.frame), bool)
        rows.written |= {name: Written(step, processed) for name in piece.changed}
        rows.frame = _with(rows.frame, piece)
    if is_step:
        rows.steps = rows.steps + 1
    return rows


def _with(frame: pd.DataFrame, piece: Piece) -> pd.DataFrame:
    """The frame with the piece's changed columns; the returned frame itself where it has all that it was given."""
    after = piece.frame.copy(deep=False)
    after.index = frame.index
    if set(frame.columns).issubset(after.columns) and not piece.lineage_changed:
        return after
    for name in frame.columns:
        if name not in piece.changed:
            after[name] = frame[name]
    return after[[*frame.columns, *(name for name in after.columns if name not in frame.columns)]]


def _name_added(rows: Rows, taken: Positions) -> None:
    """Rows that a step added get an ordinal, and so a document id of their own."""
    repeated = np.flatnonzero(np.diff(taken) == 0) + 1
    if not len(repeated):
        return
    rows.ordinal = renumbered(rows.origin, rows.ordinal, np.unique(rows.origin[repeated]))
    if "document_id" in rows.frame:
        rows.frame["document_id"] = pd.Series(rows.names(np.arange(len(rows.frame))), dtype="str")


def _column(before: pd.DataFrame, pieces: Sequence[Piece], outside: Positions, name: str) -> "pd.Series[Any]":
    """One column of all pieces and then of the rows outside, with what was there before, or null."""
    parts = [
        piece.frame[name] if name in piece.changed else _previous(before, name, piece.source)
        for piece in pieces
        if len(piece.source)
    ]
    if len(outside):
        parts.append(_previous(before, name, outside))
    if not parts:
        return pd.Series([], dtype=object)
    if len(parts) == 1:
        return parts[0].reset_index(drop=True)
    if len({part.dtype for part in parts}) > 1:
        parts = [part.astype(object) for part in parts]
    return pd.concat(parts, ignore_index=True)


def _previous(before: pd.DataFrame, name: str, positions: Positions) -> "pd.Series[Any]":
    if name in before.columns:
        return before[name].take(positions)
    return pd.Series(np.full(len(positions), None, object), dtype=object)


def _remove_gone(
    frame: pd.DataFrame, written: dict[str, Written], pieces: Sequence[Piece], processed: Mask, step: str
) -> None:
    """Columns of an earlier step that this one took away: null in its rows, and no column at all if those are all."""
    if not pieces:
        return
    for name in frozenset.intersection(*(piece.gone for piece in pieces)):
        if processed.all():
            del frame[name]
            written.pop(name, None)
        else:
            frame[name] = frame[name].astype(object).where(~processed, None)
            by = written.get(name, Written(step, np.zeros(len(frame), bool)))
            written[name] = Written(by.step, by.processed & ~processed)


def _check_names(columns: Columns, returned: pd.DataFrame) -> None:
    for name in columns:
        if not isinstance(name, str):
            raise BrokenRule(f"a column named {name!r}, names are texts: give each column a name")
        if not name.isprintable() or len(name) > MAX_NAME:
            raise BrokenRule(f"a column named {name[:80]!r}: use up to {MAX_NAME} printable characters")
    if len(columns) < returned.shape[1]:
        twice = returned.columns[returned.columns.duplicated()][0]
        raise BrokenRule(f"two columns named '{twice}': keep one")


def _changed(before: Columns, after: Columns, local: Positions | None) -> tuple[list[str], bool]:
    """The returned columns that are new or hold other values than the rows that they come from; is one lineage?"""
    changed = []
    for name, array in after.items():
        if name not in before:
            changed.append(name)
        elif local is not None or not same_memory(before[name], array):
            expected = before[name] if local is None else before[name].take(local)
            if not same_values(pd.Series(expected, copy=False), pd.Series(array, copy=False)):
                changed.append(name)
    owned = [name for name in changed if name not in LINEAGE or name not in before]
    return owned, len(owned) < len(changed)


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
