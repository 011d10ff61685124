"""Cutting batches out of a partition's rows, and putting together what a step returned for them."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from plugin_sdk.columns import same_values
from plugin_sdk.outcomes import LINEAGE, RowFailure
from plugin_sdk.rows import Positions, Unidentified, document_names, identify, renumbered

Mask = npt.NDArray[np.bool_]


class BrokenRule(ValueError):
    """A processor returned what it may not; the text continues "Step X returned …"."""

    rule = True


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


@dataclass(slots=True)
class Rows:
    """The rows of a partition between two steps."""

    frame: pd.DataFrame
    origin: Positions
    ordinal: Positions
    ids: npt.NDArray[Any]
    written: dict[str, Written] = field(default_factory=dict)
    steps: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    nested: dict[str, list[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "Rows":
        """A partition before its first step."""
        here = frame.reset_index(drop=True)
        count = len(here)
        ids = here["document_id"].to_numpy(dtype=object) if "document_id" in here else np.full(count, None, object)
        nested = {name: copy.deepcopy(here[name].tolist()) for name in here if here[name].dtype == object}
        return cls(here, np.arange(count), np.zeros(count, np.int64), ids, {}, np.zeros(count, np.int64), nested)

    def batch(self, positions: Positions) -> pd.DataFrame:
        """The rows at `positions`, numbered from 0."""
        count = len(positions)
        if count == len(self.frame):
            cut = self.frame
        elif count and positions[-1] - positions[0] == count - 1:
            cut = self.frame.iloc[positions[0] : positions[-1] + 1]
        else:
            cut = self.frame.take(positions)
        given = cut.copy(deep=False)
        given.index = pd.RangeIndex(count)
        return given

    def handed(self, given: pd.DataFrame) -> pd.DataFrame:
        """The batch that the processor gets: a frame of its own over the same values."""
        return given.copy(deep=False)

    def failure(self, at: int, step: str, column: str | None, reason: str, trace: str = "") -> RowFailure:
        """The row at this position as a failure."""
        name = document_names(self.ids[[self.origin[at]]], self.ordinal[[at]])[0]
        return RowFailure(int(self.origin[at]), name, step, column, reason, trace)

    def close(self, step: str) -> None:
        """Count columns whose nested values a step changed in place as written; no column gave that away before."""
        for name, before in self.nested.items():
            if name not in self.written and name in self.frame.columns:
                values = pd.Series([before[at] for at in self.origin], dtype=object)
                if not same_values(values, self.frame[name].astype(object)):
                    self.written[name] = Written(step, self.steps > 0)


def piece_of(returned: Any, given: pd.DataFrame, positions: Positions, rows: Rows) -> Piece:
    """What a processor returned for `given`, the rows at `positions`.

    Raises:
        BrokenRule: it is no frame, or its rows or columns can't be told apart.
    """
    if not isinstance(returned, pd.DataFrame):
        raise BrokenRule(f"{_kind(returned)}, a pandas.DataFrame is expected: return the batch")
    _check_names(returned)
    try:
        local = identify(given, returned)
    except Unidentified as error:
        raise BrokenRule(f"{error}: keep the column document_id") from None
    changed = _changed(given, returned, local)
    gone: frozenset[str] = frozenset()
    if any(name in given.columns for name in returned.columns):
        gone = frozenset(name for name in rows.written if name not in returned.columns)
    frame = returned[changed]
    return Piece(frame, positions[local], changed, len(positions) - len(np.unique(local)), gone)


def joined(rows: Rows, pieces: Sequence[Piece], selected: Positions, step: str, is_step: bool) -> Rows:
    """The partition after a step: its pieces and the rows that it did not see, in order.

    Rows at `selected` positions that no piece has are gone: dropped by the processor, or failed.
    """
    count = len(rows.frame)
    unseen = np.ones(count, bool)
    unseen[selected] = False
    outside = np.flatnonzero(unseen)
    source = np.concatenate([*(piece.source for piece in pieces), outside]).astype(np.int64)
    order = np.argsort(source, kind="stable")
    in_order = bool((order == np.arange(len(order))).all())
    taken = source if in_order else source[order]
    same = len(taken) == count and bool((taken == np.arange(count)).all())
    processed = ~unseen[taken]

    frame = rows.frame if same else rows.frame.take(taken)
    frame = frame.copy(deep=False)
    frame.index = pd.RangeIndex(len(taken))
    written = {name: Written(w.step, w.processed[taken]) for name, w in rows.written.items()}
    for name in dict.fromkeys(name for piece in pieces for name in piece.changed):
        values = _column(rows.frame, pieces, outside, name)
        frame[name] = values if in_order else values.take(order).reset_index(drop=True)
        written[name] = Written(step, processed)
    _remove_gone(frame, written, pieces, processed)
    after = Rows(frame, rows.origin[taken], rows.ordinal[taken], rows.ids, written, rows.steps[taken], rows.nested)
    if is_step:
        after.steps = after.steps + processed
    _name_added(after, taken)
    return after


def _name_added(rows: Rows, taken: Positions) -> None:
    """Rows that a step added get an ordinal, and so a document id of their own."""
    repeated = np.flatnonzero(np.diff(taken) == 0) + 1
    if not len(repeated):
        return
    rows.ordinal = renumbered(rows.origin, rows.ordinal, np.unique(rows.origin[repeated]))
    if "document_id" in rows.frame:
        rows.frame["document_id"] = pd.Series(document_names(rows.ids[rows.origin], rows.ordinal), dtype="str")


def _column(before: pd.DataFrame, pieces: Sequence[Piece], outside: Positions, name: str) -> "pd.Series[Any]":
    """One column of all pieces and then of the rows outside, with what was there before, or null."""
    parts = [
        piece.frame[name] if name in piece.changed else _previous(before, name, piece.source)
        for piece in pieces
        if len(piece.source)
    ]
    if len(outside):
        parts.append(_previous(before, name, outside))
    if len(parts) == 1:
        return parts[0].reset_index(drop=True)
    if len({part.dtype for part in parts}) > 1:
        parts = [part.astype(object) for part in parts]
    return pd.concat(parts, ignore_index=True)


def _previous(before: pd.DataFrame, name: str, positions: Positions) -> "pd.Series[Any]":
    if name in before.columns:
        return before[name].take(positions)
    return pd.Series(np.full(len(positions), None, object), dtype=object)


def _remove_gone(frame: pd.DataFrame, written: dict[str, Written], pieces: Sequence[Piece], processed: Mask) -> None:
    """Columns of an earlier step that this one took away: null in its rows, and no column at all if those are all."""
    if not pieces:
        return
    for name in frozenset.intersection(*(piece.gone for piece in pieces)):
        if processed.all():
            del frame[name]
            del written[name]
        else:
            frame[name] = frame[name].astype(object).where(~processed, None)
            written[name].processed = written[name].processed & ~processed


def _check_names(returned: pd.DataFrame) -> None:
    for name in returned.columns:
        if not isinstance(name, str):
            raise BrokenRule(f"a column named {name!r}, names are texts: give each column a name")
    if not returned.columns.is_unique:
        twice = returned.columns[returned.columns.duplicated()][0]
        raise BrokenRule(f"two columns named '{twice}': keep one")


def _changed(given: pd.DataFrame, returned: pd.DataFrame, local: Positions) -> list[str]:
    """Names of the returned columns that are new or hold other values than the rows that they come from."""
    same_rows = len(local) == len(given) and bool((local == np.arange(len(given))).all())
    before = dict(zip(given.columns, _arrays(given), strict=True))
    changed = []
    for name, array in zip(returned.columns, _arrays(returned), strict=True):
        if name in LINEAGE and name in before:
            continue
        if name not in before:
            changed.append(name)
        elif not (same_rows and _one(before[name], array)):
            expected = given[name] if same_rows else given[name].take(local)
            if not same_values(expected, returned[name]):
                changed.append(name)
    return changed


def _arrays(frame: pd.DataFrame) -> list[Any]:
    """Each column's array, without a Series around it."""
    return [frame._mgr.iget_values(i) for i in range(frame.shape[1])]


def _one(a: Any, b: Any) -> bool:
    """Whether two columns are the same memory."""
    if a is b:
        return True
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return (
            a.dtype == b.dtype and a.__array_interface__["data"] == b.__array_interface__["data"] and len(a) == len(b)
        )
    return a.__class__ is b.__class__ and getattr(a, "_pa_array", 0) is getattr(b, "_pa_array", 1)


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
