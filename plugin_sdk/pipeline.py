"""The pipeline that an author declares: which services run, on what, for which rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from plugin_sdk.errors import InvalidPipeline

E = TypeVar("E", bound=StrEnum)


class ResourceType(StrEnum):
    """Where a step runs, and so how many rows it gets at once."""

    CPU = "CPU"
    GPU = "GPU"
    API = "API"

    @property
    def default_batch_size(self) -> int:
        """Rows per call."""
        return 8 if self is ResourceType.GPU else 64

    @property
    def default_max_concurrency(self) -> int:
        """Calls of one step in flight at once in one worker."""
        return 8 if self is ResourceType.API else 1


class RowCondition(StrEnum):
    """Which rows a step handles, by their MIME type; the others pass it by, in order, with nulls."""

    IS_TEXT = "IS_TEXT"
    IS_IMAGE = "IS_IMAGE"
    IS_VIDEO = "IS_VIDEO"
    IS_AUDIO = "IS_AUDIO"
    IS_PDF = "IS_PDF"
    ALWAYS = "ALWAYS"

    def matches(self, mime_type: str | None) -> bool:
        """Whether a row of this MIME type (parameters such as `; charset=utf-8` allowed) is the step's to handle."""
        if self is RowCondition.ALWAYS:
            return True
        kind = (mime_type or "").partition(";")[0].strip().lower()
        if self is RowCondition.IS_PDF:
            return kind == "application/pdf"
        return kind.startswith(self.value.removeprefix("IS_").lower() + "/")


@dataclass
class StepDefinition:
    """One service of a pipeline.

    `service_class` is built once per worker and step, with `(config, progress_actor=…)`, `(config)` or `()`, and
    called with a `pandas.DataFrame` of at most `batch_size` rows. A step that names no `resource_type` is a CPU step,
    unless the manifest's `compute_profile` says otherwise.
    """

    service_class: Any
    resource_type: ResourceType = None  # type: ignore[assignment]
    config: Any = None
    condition: RowCondition = RowCondition.ALWAYS
    enabled: bool = True
    batch_size: int | None = None
    max_concurrency: int | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        self.is_placed = self.resource_type is not None
        self.resource_type = _member(ResourceType, self.resource_type or ResourceType.CPU, "resource_type")
        self.condition = _member(RowCondition, self.condition, "condition")
        for key in ("batch_size", "max_concurrency"):
            value = getattr(self, key)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise InvalidPipeline(f"StepDefinition: {key} is {value!r}.", "Give a whole number of 1 or more.")
        if not callable(self.service_class):
            raise InvalidPipeline(
                f"StepDefinition: service_class is {self.service_class!r}, which cannot be called.",
                "Give the processor's class.",
            )

    @property
    def label(self) -> str:
        """The step's name in logs, counts and messages."""
        return str(self.name or getattr(self.service_class, "__name__", type(self.service_class).__name__))


@dataclass
class PipelineDefinition:
    """The steps of one feature extractor, in the order in which they run."""

    name: str
    version: str
    steps: list[Any] = field(default_factory=list)


def build_pipeline_steps(pipeline: PipelineDefinition) -> list[StepDefinition]:
    """The enabled steps of `pipeline`; bare processors become CPU steps for all rows.

    Raises:
        InvalidPipeline: an entry can't be called.
    """
    return normalise_steps(pipeline.steps)


def normalise_steps(steps: Iterable[Any]) -> list[StepDefinition]:
    """Steps as StepDefinition, disabled ones left out; a bare processor class or instance counts as CPU, ALWAYS."""
    return [s for s in (_as_step(step) for step in steps) if s.enabled]


def _as_step(step: Any) -> StepDefinition:
    return step if isinstance(step, StepDefinition) else StepDefinition(service_class=step)


def _member(kind: type[E], value: Any, key: str) -> E:
    try:
        return value if isinstance(value, kind) else kind(str(value).upper())
    except ValueError as error:
        names = ", ".join(m.value for m in kind)
        raise InvalidPipeline(f"StepDefinition: {key} is {value!r}.", f"Use one of {names}.") from error
