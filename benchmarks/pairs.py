"""Two calls measured against each other in turn, so that what else the machine does weighs on both alike."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Middle:
    """A median, and between which values it lies with 95 % certainty, however the values are spread."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Middle":
        """The median of at least one value; its bounds are values too, by their rank."""
        ordered = sorted(values)
        count = len(ordered)
        reach = 0.98 * count**0.5
        low, high = int(count / 2 - reach), int(count / 2 + reach)
        return cls(median(ordered), ordered[max(0, low)], ordered[min(count - 1, high)])

    def times(self, factor: float) -> "Middle":
        """In another unit."""
        return Middle(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds that calls of two kinds took, round by round."""

    first: list[float]
    second: list[float]

    @property
    def difference(self) -> Middle:
        """How many seconds longer the first kind took."""
        return Middle.of(a - b for a, b in zip(self.first, self.second, strict=True))

    @property
    def percent(self) -> Middle:
        """How much longer the first kind took, in percent of what the second does."""
        return self.difference.times(100 / median(self.second))


def paired(first: Call, second: Call, rounds: int) -> Pair:
    """Call both in each round, now the one first and now the other."""
    pair = Pair([], [])
    for number in range(rounds):
        if number % 2:
            pair.second.append(seconds(second))
            pair.first.append(seconds(first))
        else:
            pair.first.append(seconds(first))
            pair.second.append(seconds(second))
    return pair


def seconds(call: Call) -> float:
    """Wall time of a call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
