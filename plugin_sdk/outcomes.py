"""What running a plugin's steps came to: the steps' own facts, and the rows that failed."""

from dataclasses import dataclass

from plugin_sdk.pipeline import ResourceType

MAX_IN_FLIGHT = 64
"""Batches of one step at once, whatever it asks for."""

LINEAGE = (
    "document_id",
    "object_id",
    "blob_id",
    "blob_property",
    "blob_type",
    "collection_id",
    "feature_extractor_id",
)
"""Columns that say where a row comes from; a processor may drop or change them, and they come back as they were."""


@dataclass(frozen=True, slots=True)
class RowFailure:
    """One row that a step could not process: which, where and why.

    `row` is the row's position in the table that was sent. A row whose memory ran out has a reason that begins with
    `KILLED_FOR_MEMORY`.
    """

    row: int
    document_id: str | None
    step: str
    column: str | None
    reason: str
    traceback: str = ""


KILLED_FOR_MEMORY = "killed: memory limit"
KILLED_FOR_TIME = "killed: time limit"


@dataclass(frozen=True, slots=True)
class StepInfo:
    """A step as it will run: `batch_size` rows a call, `max_concurrency` calls at once."""

    label: str
    resource_type: str
    condition: str
    batch_size: int
    max_concurrency: int

    @property
    def in_flight(self) -> int:
        """Batches at once: more than one only where a step waits for others, as API steps do."""
        return min(self.max_concurrency, MAX_IN_FLIGHT) if self.resource_type == ResourceType.API else 1

    @property
    def together(self) -> int:
        """Rows that take no longer than one, since they are all in flight at once."""
        return self.batch_size * self.in_flight if self.in_flight > 1 else 1
