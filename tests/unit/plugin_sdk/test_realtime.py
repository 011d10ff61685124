"""Realtime handlers of every form answer through one face."""

import types

import pytest

from plugin_sdk.errors import InvalidRealtime
from plugin_sdk.realtime import BaseInferenceService, load_handler


def module(**classes):
    made = types.ModuleType("plugin_realtime")
    for name, value in classes.items():
        if isinstance(value, type) and value is not BaseInferenceService:
            value.__module__ = "plugin_realtime"
        setattr(made, name, value)
    return made


@pytest.fixture
def handler_of():
    handlers = []

    def make(**classes):
        handlers.append(load_handler(module(**classes)))
        return handlers[-1]

    yield make
    for handler in handlers:
        handler.close()


def test_sync_handler_answers(handler_of):
    class RealtimeHandler:
        def predict(self, request):
            return {"twice": request["n"] * 2}

    handler = handler_of(RealtimeHandler=RealtimeHandler)

    assert handler.predict({"n": 2}) == {"twice": 4}
    assert not handler.batches
    assert handler.predict_batch([{"n": 1}, {"n": 3}]) == [{"twice": 2}, {"twice": 6}]
    assert (handler.max_batch_size, handler.max_latency_ms) == (32, 5.0)


def test_async_handler_keeps_one_event_loop(handler_of):
    class RealtimeHandler:
        async def warmup(self):
            import asyncio

            self.loop = asyncio.get_running_loop()

        async def predict(self, request):
            import asyncio

            return {"same": asyncio.get_running_loop() is self.loop}

    handler = handler_of(RealtimeHandler=RealtimeHandler)
    handler.warmup()

    assert handler.predict({}) == {"same": True}


def test_predict_batch_turns_batching_on(handler_of):
    class RealtimeHandler:
        max_batch_size = 4
        max_latency_ms = 2

        def predict(self, request):
            return {}

        def predict_batch(self, requests):
            return [{"of": len(requests)} for _ in requests]

    handler = handler_of(RealtimeHandler=RealtimeHandler)

    assert handler.batches
    assert (handler.max_batch_size, handler.max_latency_ms) == (4, 2.0)
    assert handler.predict_batch([{}, {}]) == [{"of": 2}, {"of": 2}]


def test_service_with_run_inference_gets_inputs_and_parameters(handler_of):
    class Service(BaseInferenceService):
        async def run_inference(self, inputs, parameters):
            return {"inputs": inputs, "parameters": parameters}

    handler = handler_of(Service=Service, BaseInferenceService=BaseInferenceService)

    assert handler.predict({"text": "a"}) == {"inputs": {"text": "a"}, "parameters": {}}
    assert handler.predict({"inputs": {"text": "a"}, "parameters": {"k": 1}}) == {
        "inputs": {"text": "a"},
        "parameters": {"k": 1},
    }


def test_service_may_be_callable_instead(handler_of):
    class Service(BaseInferenceService):
        def __call__(self, inputs, parameters=None):
            return {"got": inputs}

    assert handler_of(Service=Service).predict({"a": 1}) == {"got": {"a": 1}}


def test_module_without_handler_is_refused():
    with pytest.raises(InvalidRealtime, match="no handler"):
        load_handler(module(helper=len))


def test_module_with_two_services_names_both():
    one = type("One", (BaseInferenceService,), {})
    two = type("Two", (BaseInferenceService,), {})

    with pytest.raises(InvalidRealtime, match="One, Two"):
        load_handler(module(One=one, Two=two))


def test_handler_without_predict_is_refused():
    with pytest.raises(InvalidRealtime, match="no method predict"):
        load_handler(module(RealtimeHandler=type("RealtimeHandler", (), {})))


def test_service_that_answers_nothing_is_refused():
    with pytest.raises(InvalidRealtime, match="run_inference"):
        load_handler(module(Empty=type("Empty", (BaseInferenceService,), {})))


def test_answers_that_are_no_dicts_are_refused(handler_of):
    class RealtimeHandler:
        def predict(self, request):
            return [1.0]

        def predict_batch(self, requests):
            return [{}]

    handler = handler_of(RealtimeHandler=RealtimeHandler)

    with pytest.raises(InvalidRealtime, match="list, not a dict"):
        handler.predict({})
    with pytest.raises(InvalidRealtime, match="1 answers for 2 requests"):
        handler.predict_batch([{}, {}])


def test_batch_size_of_nought_is_refused():
    class RealtimeHandler:
        max_batch_size = 0

        def predict(self, request):
            return {}

    with pytest.raises(InvalidRealtime, match="max_batch_size is 0"):
        load_handler(module(RealtimeHandler=RealtimeHandler))
