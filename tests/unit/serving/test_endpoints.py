"""Endpoint and node rules that need no process: a full queue, a flip, equal names of two organizations."""

import threading

import pytest

from batch.serving.answers import as_inference_error, encoded, error_answer
from batch.serving.endpoints import Endpoint, Endpoints, NotRunning, key_of
from batch.serving.replicas import Started
from core.deployments import Deployment
from core.errors import InferenceFailed, InferenceTimeout, NotFound, ServingUnavailable
from plugin_sdk.errors import HostFailed, PluginRaised


class Host:
    """Answers with its name once `gate` opens."""

    def __init__(self, name, gate=None):
        self.name, self.gate, self.closed = name, gate, threading.Event()

    def predict(self, request):
        if self.gate:
            self.gate.wait(100)
        return {"by": self.name}

    def close(self):
        self.closed.set()


def endpoint(org_id="org_1", generation=1, gate=None, limit=10):
    host = Host(f"{org_id} {generation}", gate)
    deployment = Deployment(org_id=org_id, namespace_id="ns_1", plugin_id="x_1_0_0", generation=generation)
    return Endpoint(deployment, lambda: Started(host), queue_limit=limit), host


NAME = "custom_plugin_ns_1_x_1_0_0"


def test_equal_names_of_two_organizations_stay_apart():
    endpoints, (first, _), (second, _) = Endpoints(), endpoint("org_1"), endpoint("org_2")
    endpoints.flip(first), endpoints.flip(second)

    assert endpoints.submit("org_1", NAME, {}).result(100) == {"by": "org_1 1"}
    assert endpoints.submit("org_2", NAME, {}).result(100) == {"by": "org_2 1"}
    with pytest.raises(NotRunning):
        endpoints.submit("org_3", NAME, {})
    assert first.retire(10) and second.retire(10)


def test_flip_lets_the_old_generation_finish_and_then_ends_its_host():
    gate = threading.Event()
    endpoints, (old, old_host), (new, _) = Endpoints(), endpoint(gate=gate), endpoint(generation=2)
    endpoints.flip(old)
    under_way = endpoints.submit("org_1", NAME, {})

    before = endpoints.flip(new)
    drained = before.retire(0)
    after = endpoints.submit("org_1", NAME, {})
    gate.set()

    assert before is old and not drained
    assert after.result(100) == {"by": "org_1 2"}
    assert under_way.result(100) == {"by": "org_1 1"}
    assert old_host.closed.wait(100)
    assert new.retire(10)


def test_full_queue_refuses_at_once():
    gate = threading.Event()
    served, _ = endpoint(gate=gate, limit=2)
    waiting = []

    with pytest.raises(ServingUnavailable, match="its limit"):
        waiting.extend(served.submit({}) for _ in range(4))

    gate.set()
    assert served.retire(10)


def test_start_that_fails_leaves_no_thread_behind():
    def start():
        raise PluginRaised("realtime.py line 1: KeyError: 'x'.", "Correct it.")

    before = threading.active_count()
    with pytest.raises(PluginRaised):
        Endpoint(Deployment(org_id="o", namespace_id="ns_1", plugin_id="x"), start)

    assert threading.active_count() == before


def test_key_of_a_deployment_is_its_organization_and_name():
    assert key_of(Deployment(org_id="o", namespace_id="ns_1", plugin_id="x_1_0_0")) == ("o", NAME)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (HostFailed("It hung.", "…", "killed: time limit"), InferenceTimeout),
        (HostFailed("It died.", "…", "died: signal 11"), InferenceFailed),
        (PluginRaised("ValueError: no", "Correct it.", "Traceback …"), InferenceFailed),
        (NotFound("Not there.", "Look."), NotFound),
        (RuntimeError("secret"), InferenceFailed),
    ],
)
def test_error_of_a_handler_is_told_without_the_platforms_insides(error, kind):
    told = as_inference_error(error)

    assert type(told) is kind
    assert "secret" not in str(told) and "Traceback" not in str(told)


def test_refusal_says_when_to_try_again():
    status, body, headers = error_answer(ServingUnavailable("Full.", "Wait."))

    assert (status, headers["Retry-After"]) == (503, "1")
    assert b"InferenceServiceUnavailableError" in body
    assert error_answer(RuntimeError("secret"))[0] == 500
    assert b"secret" not in error_answer(RuntimeError("secret"))[1]


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ({"a": {"b": [1, b"x"]}}, "answer['a']['b'][1] is bytes"),
        ({"a": 2**70}, "more than 64 bits"),
        ({"a": {1, 2}}, "answer['a'] is set"),
    ],
)
def test_answer_that_json_can_not_hold_names_its_place(output, told):
    with pytest.raises(InferenceFailed) as caught:
        encoded(output)

    assert told in caught.value.problem
