"""A step of an opened pipeline: its numbers, which rows it wants, and its processor."""

import inspect
import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from plugin_sdk.fitting import Fitting
from plugin_sdk.manifest import ComputeProfile
from plugin_sdk.outcomes import StepInfo
from plugin_sdk.pipeline import ResourceType, RowCondition, StepDefinition


class ProgressActor:
    """What a processor gets as `progress_actor`; rows that it reports are counted, whatever it passes."""

    def __init__(self) -> None:
        self.rows = 0
        self._lock = threading.Lock()

    def report(self, rows: Any = 1, *_: Any, **__: Any) -> None:
        """Count `rows` more; what is no number counts nothing."""
        if isinstance(rows, int | float | np.number) and rows == rows:
            with self._lock:
                self.rows += int(rows)


class Step:
    """A step of an opened pipeline. Its processor is built at the first batch and kept from then on."""

    def __init__(self, definition: StepDefinition, profile: ComputeProfile | None = None) -> None:
        self.definition = definition
        self.label = definition.label
        self.condition = definition.condition
        self.resource_type = defaults = _resource_type(definition, profile)
        given = (profile.batch_size, profile.max_concurrency) if profile else (None, None)
        self.batch_size = definition.batch_size or given[0] or defaults.default_batch_size
        self.max_concurrency = definition.max_concurrency or given[1] or defaults.default_max_concurrency
        self.fitting = Fitting(self.batch_size)
        self.progress_actor = ProgressActor()
        self._processor: Callable[[pd.DataFrame], Any] | None = None
        self._building = threading.Lock()

    @property
    def info(self) -> StepInfo:
        """What the platform may know of it."""
        return StepInfo(self.label, str(self.resource_type), str(self.condition), self.batch_size, self.max_concurrency)

    @property
    def threads(self) -> int:
        """Batches in flight at once."""
        return self.info.in_flight

    @property
    def is_built(self) -> bool:
        """Whether the processor exists already."""
        return self._processor is not None

    def processor(self) -> Callable[[pd.DataFrame], Any]:
        """The built processor; whatever its constructor raises goes up."""
        with self._building:
            if self._processor is None:
                self._processor = build_processor(self.definition, self.progress_actor)
            return self._processor

    def applies_to(self, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Which rows the step's condition lets in."""
        if self.condition is RowCondition.ALWAYS:
            return np.ones(len(frame), bool)
        if "mime_type" not in frame.columns:
            return np.zeros(len(frame), bool)
        kinds = frame["mime_type"].tolist()
        fits = {kind: isinstance(kind, str) and self.condition.matches(kind) for kind in set(kinds)}
        return np.array([fits[kind] for kind in kinds], bool)


def _resource_type(definition: StepDefinition, profile: ComputeProfile | None) -> ResourceType:
    """The step's own, else the profile's, else CPU."""
    if definition.is_placed or profile is None or profile.resource_type is None:
        return definition.resource_type
    return ResourceType(profile.resource_type.upper())


def open_steps(definitions: Iterable[StepDefinition], profile: ComputeProfile | None = None) -> list[Step]:
    """Steps that can run, with the numbers that hold: the step's own, else the profile's, else its resource type's."""
    return [Step(definition, profile) for definition in definitions]


def build_processor(definition: StepDefinition, progress_actor: Any) -> Callable[[pd.DataFrame], Any]:
    """The processor, built with `(config, progress_actor=…)`, `(config)` or `()`; an instance or function as it is."""
    made = definition.service_class
    if not isinstance(made, type):
        return made  # type: ignore[no-any-return]
    positional, named = _arguments(made, definition.config)
    if _accepts(made, "progress_actor"):
        named["progress_actor"] = progress_actor
    processor = made(*positional, **named)
    if not callable(processor):
        raise TypeError(f"{made.__name__} has no method __call__(self, batch)")
    return processor  # type: ignore[no-any-return]


def _parameters(made: type) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(made).parameters.values())
    except (ValueError, TypeError):
        return None


def _accepts(made: type, name: str) -> bool:
    found = _parameters(made)
    return found is not None and any(p.name == name or p.kind is p.VAR_KEYWORD for p in found)


def _arguments(made: type, config: Any) -> tuple[list[Any], dict[str, Any]]:
    """How the constructor takes its configuration, if it does."""
    found = _parameters(made)
    if found is None:
        return [config], {}
    others = [p for p in found if p.name != "progress_actor"]
    if any(p.name == "config" and p.kind is p.KEYWORD_ONLY for p in others):
        return [], {"config": config}
    for p in others:
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            return ([], {}) if config is None and p.default is not p.empty else ([config], {})
        if p.kind is p.VAR_POSITIONAL and config is not None:
            return [config], {}
    return [], {}
