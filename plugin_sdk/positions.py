"""Where rows come from, what their documents are called, and whether numbers are finite: without pandas, for workers."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]


def in_place(positions: Positions, count: int) -> bool:
    """Whether these are all of `count` rows, in order."""
    return len(positions) == count and bool((positions == np.arange(count)).all())


def document_names(ids: Iterable[str | None], ordinals: Positions) -> list[str | None]:
    """The id of each row: its source's, with `_1`, `_2`, … for the second row that came from it and those after."""
    return [
        f"{name}_{ordinal}" if ordinal and name is not None else name
        for name, ordinal in zip(ids, ordinals, strict=True)
    ]


def total(matrix: np.ndarray[Any, Any]) -> float:
    """Not finite if any number is not (and, for huge ones, sometimes without)."""
    with np.errstate(all="ignore"):
        return float(matrix.sum())
