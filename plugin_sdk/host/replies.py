"""What a host answers, as checked values: nothing in it is trusted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plugin_sdk.host.masking import Masks
from plugin_sdk.host.protocol import Frame, ProtocolError
from plugin_sdk.outcomes import RowFailure

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")


class RealtimeInfo(BaseModel):
    """Whether the handler takes several requests at once, and up to how many of those that come within what time."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    batches: bool
    max_batch_size: int = Field(ge=1, le=100_000)
    max_latency_ms: float = Field(ge=0, le=3_600_000)


class Summary(BaseModel):
    """What goes beside the table of a result."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    size: int
    failures: list[tuple[int, str | None, str, str | None, str, int]]
    tracebacks: list[str]
    rows_dropped: int = Field(ge=0)
    step_seconds: dict[str, float]
    gone: list[str] = []

    @classmethod
    def of(cls, frame: Frame, rows_in: int) -> "Summary":
        """The summary in a frame.

        Raises:
            ProtocolError: it is none, or its failures are of rows that were not sent.
        """
        told = frame.decoded()
        if isinstance(told, dict) and isinstance(told.get("failures"), list):
            told["failures"] = [tuple(one) if isinstance(one, list) else one for one in told["failures"]]
        summary = parsed(lambda: cls.model_validate(told))
        for row, *_, trace in summary.failures:
            if not 0 <= row < rows_in or not 0 <= trace < len(summary.tracebacks):
                raise ProtocolError("a failure is of a row that was not sent")
        return summary

    def masked(self, masks: Masks) -> "Summary":
        """The same, its texts without the secrets that the plugin was given."""
        if not self.failures:
            return self
        failures = [(*known, masks.text(reason), trace) for *known, reason, trace in self.failures]
        return self.model_copy(
            update={"failures": failures, "tracebacks": [masks.text(trace) for trace in self.tracebacks]}
        )

    def row_failures(self) -> list[RowFailure]:
        """The failures with their tracebacks."""
        return [
            RowFailure(row, document, step, column, reason, self.tracebacks[trace])
            for row, document, step, column, reason, trace in self.failures
        ]


@dataclass(frozen=True, slots=True)
class Result:
    """What the steps made of a partition.

    Attributes:
        table: the rows that passed, in order: every column that was sent, but for those of earlier steps that these
            took away, then those the steps wrote. Vectors are FixedSizeList<float32> under their feature's name;
            columns whose field metadata has `openpeek: json` are JSON texts.
        written: names of the columns that the steps wrote.
        failures: the rows that failed, each with its reason.
        rows_in: rows that were sent.
        rows_dropped: rows that a processor left out on purpose.
        step_seconds: wall time of each step that ran, by label.
        log: what the plugin printed meanwhile, the last 64 KiB.
    """

    table: "pa.Table"
    written: tuple[str, ...]
    failures: list[RowFailure]
    rows_in: int
    rows_dropped: int
    step_seconds: dict[str, float] = field(default_factory=dict)
    log: str = ""


def parsed(read: Callable[[], T]) -> T:
    """What `read` gives.

    Raises:
        ProtocolError: the host's answer does not have the form that an honest one has.
    """
    try:
        return read()
    except (ValidationError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise ProtocolError(f"an answer has another form than it should: {error}"[:500]) from error
