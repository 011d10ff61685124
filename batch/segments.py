"""Segments: steps of equal placement, run as one task each; rows go on to the next worker as Arrow."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from batch.inputs import Inputs
from batch.partitions import Outcome
from core.stores.commits import Replacing
from plugin_sdk.outcomes import StepInfo
from plugin_sdk.pipeline import ResourceType
from plugin_sdk.positions import document_names


class Segment(NamedTuple):
    """The steps before `until` that no earlier segment has; the last one's `until` is None, and it writes."""

    until: int | None
    on_gpu: bool


@dataclass(frozen=True, slots=True)
class Carried:
    """A partition between two segments: its rows as the steps before `step` left them, and all that was reported.

    `replaced` is known where every planned row gives its one document; else it is worked out row by row. `written` are
    the columns that the steps before `step` wrote, which later ones may take away.
    """

    step: int
    planned: pa.Table
    inputs: Inputs
    parts: list[pa.Table]
    outcome: Outcome
    replaced: Replacing | None = None
    written: frozenset[str] = frozenset()


def segments_of(steps: Sequence[StepInfo]) -> list[Segment]:
    """The steps grouped: those that want a GPU, and those that do not."""
    found: list[Segment] = []
    for on_gpu, group in groupby(enumerate(steps), key=lambda s: s[1].resource_type == ResourceType.GPU):
        *_, (last, _) = group
        found.append(Segment(last + 1, on_gpu))
    return [*found[:-1], Segment(None, found[-1].on_gpu)] if found else [Segment(None, False)]


def renamed(rows: pa.Table, planned: Sequence[str]) -> pa.Table:
    """Rows with the document ids that they would have, had all steps so far been one segment.

    Args:
        planned: the ids of the partition's rows; rows that a step made of one have it with ordinals behind it.
    """
    at = rows.schema.get_field_index("document_id")
    if at < 0 or not rows.num_rows:
        return rows
    known = set(planned)
    sources = [_source(name, known) for name in rows["document_id"].to_pylist()]
    seen: dict[Any, int] = {}
    ordinals = np.zeros(len(sources), np.int64)
    for row, source in enumerate(sources):
        ordinals[row] = seen.get(source, 0)
        seen[source] = ordinals[row] + 1
    names = document_names(np.asarray(sources, dtype=object), ordinals)
    return rows.set_column(at, rows.schema.field(at), pa.array(list(names), rows.schema.field(at).type))


def _source(name: Any, known: set[str]) -> Any:
    while isinstance(name, str) and name not in known and "_" in name:
        name = name.rpartition("_")[0]
    return name
