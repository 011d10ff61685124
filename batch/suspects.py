"""Suspects: rows that were in a host as it died, tried again in parts until those that kill it stand alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from plugin_sdk.errors import HostFailed

HOPELESS_AFTER = 8
"""Rows that may kill the host one after the other before any has passed; so many of all others are tried then."""

TRIES_ALONE = 3
ENDED_BY_OTHERS = (
    "died: signal 9",
    "died: signal 15",
    "killed: its zygote ended",
    "died: its zygote ended",
    "zygote ended",
)
"""Why a host may have ended that its row need not be blamed for: one that stands alone is tried again."""


def ended_by_others(error: HostFailed) -> bool:
    """Whether something else than what it ran may have ended the host."""
    return error.reason in ENDED_BY_OTHERS


@dataclass(slots=True)
class Trials:
    """What is still to be tried, the next last."""

    waiting: list[pa.Table]
    _passed: bool = False
    _alone: int = 0
    _tries: dict[str, int] = field(default_factory=dict)

    def passed(self) -> None:
        """A part went through: it is the rows, where a host dies, not the plugin as a whole."""
        self._passed = True

    def died(self, rows: pa.Table, error: HostFailed) -> list[pa.Table]:
        """The host died of `rows`: they wait in smaller parts; what is given up instead comes back."""
        if rows.num_rows > 1:
            self.waiting += parts(rows, error.rows)
            return []
        if ended_by_others(error) and self._tried(rows) < TRIES_ALONE:
            self.waiting.append(rows)
            return []
        self._alone += 1
        if self._passed or self._alone < HOPELESS_AFTER:
            return [rows]
        if self._alone == HOPELESS_AFTER and self.waiting:
            self.waiting = spread(self.waiting, HOPELESS_AFTER)
            return [rows]
        if self._alone < 2 * HOPELESS_AFTER:
            return [rows]
        rest, self.waiting = self.waiting, []
        return [rows, *rest]

    def _tried(self, rows: pa.Table) -> int:
        row = rows["document_id"][0].as_py()
        self._tries[row] = self._tries.get(row, 0) + 1
        return self._tries[row]


def parts(rows: pa.Table, suspects: Sequence[int]) -> list[pa.Table]:
    """Rows to try again after the host died of them: all others at once, and before them the suspects in halves."""
    suspected = pa.array(suspects if 0 < len(suspects) < rows.num_rows else range(rows.num_rows), pa.int64())
    half = len(suspected) // 2
    found = [rows.take(suspected[half:]), rows.take(suspected[:half])]
    if len(suspected) < rows.num_rows:
        others = sorted(set(range(rows.num_rows)) - set(suspected.to_pylist()))
        found.insert(0, rows.take(pa.array(others, pa.int64())))
    return [part for part in found if part.num_rows]


def spread(waiting: Sequence[pa.Table], number: int) -> list[pa.Table]:
    """The same rows, in one part and, to be tried before it, `number` single ones from all over."""
    rows = pa.concat_tables(waiting)
    number = min(number, rows.num_rows)
    chosen = sorted({n * (rows.num_rows - 1) // max(number - 1, 1) for n in range(number)})
    rest = sorted(set(range(rows.num_rows)) - set(chosen))
    singles = [rows.slice(place, 1) for place in chosen]
    return [*([rows.take(pa.array(rest, pa.int64()))] if rest else []), *singles]
