"""Realtime handlers: the classes that an author may write, and the one face that the platform sees of them."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from plugin_sdk.errors import InvalidRealtime

HOW = "Write class RealtimeHandler with def predict(self, request: dict) -> dict."


class BaseInferenceService:
    """Base class of a realtime service; a subclass writes `run_inference` or `__call__`, sync or async.

    Optional: `warmup()`, `predict_batch(requests)`, `max_batch_size`, `max_latency_ms`.
    """

    def __init__(self, config: Any = None) -> None:
        self.config = config

    def run_inference(self, inputs: Any, parameters: dict[str, Any]) -> Any:
        """Answer one request."""
        raise NotImplementedError

    def __call__(self, inputs: Any, parameters: dict[str, Any] | None = None) -> Any:
        """As `run_inference`; a subclass may write this one instead."""
        return self.run_inference(inputs, parameters or {})


class Handler:
    """A plugin's realtime handler, whatever its form: dict in, dict out, sync.

    What is async runs on one event loop that lives as long as the handler, so that its clients and locks stay bound
    to it. `batches` tells whether the plugin takes several requests at once, up to `max_batch_size` of those that
    come within `max_latency_ms`.
    """

    def __init__(self, target: Any, predict: Callable[[dict[str, Any]], Any]) -> None:
        self._predict = predict
        self._batch = getattr(target, "predict_batch", None)
        self._warmup = getattr(target, "warmup", None)
        self._runner: asyncio.Runner | None = None
        self.batches = callable(self._batch)
        self.max_batch_size = int(_positive(target, "max_batch_size", 32))
        self.max_latency_ms = float(_positive(target, "max_latency_ms", 5.0))

    def warmup(self) -> None:
        """Run the plugin's own warm-up, if it has one."""
        if callable(self._warmup):
            self._finished(self._warmup())

    def predict(self, request: dict[str, Any]) -> dict[str, Any]:
        """The plugin's answer to one request.

        Raises:
            InvalidRealtime: the answer is no dict.
        """
        return _as_dict(self._finished(self._predict(request)), "predict")

    def predict_batch(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One answer per request, in order; one by one where the plugin has no `predict_batch`.

        Raises:
            InvalidRealtime: the answer is no list of as many dicts.
        """
        if not callable(self._batch):
            return [self.predict(request) for request in requests]
        answers = self._finished(self._batch(requests))
        if not isinstance(answers, list | tuple) or len(answers) != len(requests):
            size = f"{len(answers)} answers" if isinstance(answers, list | tuple) else type(answers).__name__
            raise InvalidRealtime(
                f"realtime.py: predict_batch returned {size} for {len(requests)} requests.",
                "Return a list with one dict per request, in order.",
            )
        return [_as_dict(answer, "predict_batch") for answer in answers]

    def close(self) -> None:
        """End the event loop, if one was needed."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None

    def _finished(self, answer: Any) -> Any:
        if type(answer) is dict or not inspect.isawaitable(answer):
            return answer
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(_awaited(answer))


def load_handler(module: ModuleType) -> Handler:
    """Build the module's handler: its class RealtimeHandler, else its one subclass of BaseInferenceService.

    Raises:
        InvalidRealtime: there is none, or more than one, or it has no method that answers.
    """
    target = _handler_class(module)()
    if callable(getattr(target, "predict", None)):
        return Handler(target, target.predict)
    if isinstance(target, BaseInferenceService):
        return Handler(target, _service_call(target))
    raise InvalidRealtime(f"realtime.py: {type(target).__name__} has no method predict.", HOW)


def _handler_class(module: ModuleType) -> Callable[[], Any]:
    named = getattr(module, "RealtimeHandler", None)
    if callable(named):
        return named  # type: ignore[no-any-return]
    services = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseInferenceService) and value.__module__ == module.__name__
    ]
    if len(services) == 1:
        return services[0]
    found = ", ".join(service.__name__ for service in services) or "no handler"
    raise InvalidRealtime(f"realtime.py has {found}.", HOW)


def _service_call(service: BaseInferenceService) -> Callable[[dict[str, Any]], Any]:
    """The request's `inputs` and `parameters`, or the request itself as the inputs."""
    kind = type(service)
    if kind.run_inference is not BaseInferenceService.run_inference:
        answer: Callable[..., Any] = service.run_inference
    elif kind.__call__ is not BaseInferenceService.__call__:
        answer = service.__call__
    else:
        raise InvalidRealtime(
            f"realtime.py: {kind.__name__} answers nothing.", "Write def run_inference(self, inputs, parameters)."
        )

    def predict(request: dict[str, Any]) -> Any:
        if "inputs" in request and set(request) <= {"inputs", "parameters"}:
            return answer(request["inputs"], request.get("parameters") or {})
        return answer(request, {})

    return predict


async def _awaited(answer: Any) -> Any:
    return await answer


def _as_dict(answer: Any, method: str) -> dict[str, Any]:
    if not isinstance(answer, Mapping):
        raise InvalidRealtime(f"realtime.py: {method} returned {type(answer).__name__}, not a dict.", "Return a dict.")
    return dict(answer)


def _positive(target: Any, name: str, default: float) -> float:
    value = getattr(target, name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise InvalidRealtime(f"realtime.py: {name} is {value!r}.", "Give a number above 0.")
    return value
