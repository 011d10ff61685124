"""Calling a plugin's `build_steps` or `extract`: the arguments that it declares, the steps and `prepare` that it gives."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from plugin_sdk.errors import InvalidPipeline
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.pipeline import StepDefinition, normalise_steps

ANSWER = 'Return {"steps": build_pipeline_steps(pipeline), "prepare": lambda ds: ds}.'


def identity(ds: Any) -> Any:
    """The `prepare` of a pipeline that has none."""
    return ds


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a plugin's pipeline.py asked for: enabled steps in order, and what is done to the rows before them."""

    steps: list[StepDefinition]
    prepare: Callable[[Any], Any] = identity


def build_pipeline(
    module: ModuleType,
    request: ExtractorRequest,
    *,
    container: Any = None,
    base_steps: list[Any] | None = None,
    dataset_size: int | None = None,
    content_flags: Any = None,
) -> Pipeline:
    """Call the module's `build_steps`, or `extract` where it has no other.

    Raises:
        InvalidPipeline: there is neither, it wants an unknown argument, or its answer has no steps.
    """
    function = _entry_point(module)
    offered = {
        "extractor_request": request,
        "container": container,
        "base_steps": base_steps,
        "dataset_size": dataset_size,
        "content_flags": content_flags,
    }
    return _read_answer(_call(function, offered), function.__name__)


def _entry_point(module: ModuleType) -> Callable[..., Any]:
    for name in ("build_steps", "extract"):
        found = getattr(module, name, None)
        if callable(found):
            return found  # type: ignore[no-any-return]
    raise InvalidPipeline(
        "pipeline.py has no function build_steps.", "Write def build_steps(extractor_request, **kwargs): ..."
    )


def _call(function: Callable[..., Any], offered: dict[str, Any]) -> Any:
    """Only what the function declares is passed; its first argument is the request, whatever its name."""
    parameters = list(inspect.signature(function).parameters.values())
    args: list[Any] = []
    if parameters and parameters[0].kind in (parameters[0].POSITIONAL_ONLY, parameters[0].POSITIONAL_OR_KEYWORD):
        first = parameters.pop(0).name
        args.append(offered.pop(first if first in offered else "extractor_request"))
    named = {p.name: offered[p.name] for p in parameters if p.name in offered}
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        named = offered
    for p in parameters:
        if p.default is p.empty and p.name not in named and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
            raise InvalidPipeline(
                f"pipeline.py: {function.__name__} wants the argument '{p.name}', which the platform does not give.",
                f"Give it a default, or use one of {', '.join(offered)}.",
            )
    answer = function(*args, **named)
    return asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer


async def _awaited(answer: Any) -> Any:
    return await answer


def _read_answer(answer: Any, name: str) -> Pipeline:
    parts = answer if isinstance(answer, Mapping) else {key: getattr(answer, key, None) for key in ("steps", "prepare")}
    steps, prepare = parts.get("steps"), parts.get("prepare")
    if not isinstance(steps, list | tuple):
        kind = type(answer).__name__ if steps is None else f"steps of type {type(steps).__name__}"
        raise InvalidPipeline(f"pipeline.py: {name} returned {kind}, not a list of steps.", ANSWER)
    if prepare is not None and not callable(prepare):
        raise InvalidPipeline(
            f"pipeline.py: {name} returned {prepare!r} as 'prepare'.", "Give a function of one frame."
        )
    return Pipeline(normalise_steps(steps), prepare or identity)
