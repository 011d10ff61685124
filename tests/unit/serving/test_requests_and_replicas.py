"""Inbox and replica: waiting is bounded, batches form from what waits, one bad request fails alone."""

import threading
import time

import pytest

from batch.serving.replicas import Replica, Started
from batch.serving.requests import Inbox, InboxClosed, Request
from core.errors import ServingUnavailable
from plugin_sdk.errors import HostFailed, PluginRaised


class Host:
    """Doubles `n`, in this process; `gate` holds it back, `calls` are the sizes of what it was given."""

    def __init__(self, gate=None):
        self.calls, self.gate, self.closed = [], gate, False

    def predict(self, request):
        self.calls.append(1)
        return self._one(request)

    def predict_batch(self, requests):
        if self.gate:
            self.gate.wait(100)
        self.calls.append(len(requests))
        return [self._one(request) for request in requests]

    def close(self):
        self.closed = True

    def _one(self, request):
        match request.get("do"):
            case "raise":
                raise PluginRaised("ValueError: no", "Correct realtime.py.")
            case "die":
                raise HostFailed("The host died.", "Look at the log.", "died: signal 11")
            case "wait":
                self.gate.wait(100)
        return {"n": request["n"] * 2}


def replica(inbox, most=1, gate=None):
    hosts = []

    def start():
        hosts.append(Host(gate))
        return Started(hosts[-1], most)

    return Replica("r", inbox, start), hosts


def put(inbox, **payload):
    request = Request(payload)
    inbox.put(request)
    return request.answer


def test_full_inbox_refuses_with_its_limit():
    inbox = Inbox(2)
    put(inbox, n=1), put(inbox, n=2)

    with pytest.raises(ServingUnavailable, match="2 requests wait"):
        put(inbox, n=3)


def test_closed_inbox_is_drained_and_takes_nothing_more():
    inbox = Inbox(2)
    put(inbox, n=1)
    inbox.close()

    with pytest.raises(InboxClosed):
        put(inbox, n=2)
    assert [r.payload for r in inbox.take(5)] == [{"n": 1}]
    assert inbox.take(5) == []


def test_what_waits_becomes_one_batch():
    inbox, gate = Inbox(100), threading.Event()
    served, hosts = replica(inbox, most=4, gate=gate)
    first = put(inbox, n=0, do="wait")
    while len(inbox):
        time.sleep(0.001)
    rest = [put(inbox, n=i) for i in range(1, 7)]
    gate.set()

    answers = [answer.result(100)["n"] for answer in [first, *rest]]

    assert answers == [0, 2, 4, 6, 8, 10, 12]
    assert hosts[0].calls == [1, 4, 2]
    inbox.close()
    assert served.join(100)


def test_request_that_was_given_up_is_not_run():
    inbox, gate = Inbox(100), threading.Event()
    served, hosts = replica(inbox, gate=gate)
    first = put(inbox, n=0, do="wait")
    while len(inbox):
        time.sleep(0.001)
    given_up = put(inbox, n=1)
    assert given_up.cancel()
    gate.set()

    assert put(inbox, n=2).result(100) == {"n": 4}
    assert first.result(100) == {"n": 0}
    assert hosts[0].calls == [1, 1]
    inbox.close()
    assert served.join(100)


@pytest.mark.parametrize(("do", "kind"), [("raise", PluginRaised), ("die", HostFailed)])
def test_bad_request_of_a_batch_fails_alone(do, kind):
    inbox, gate = Inbox(100), threading.Event()
    served, hosts = replica(inbox, most=8, gate=gate)
    first = put(inbox, n=0, do="wait")
    while len(inbox):
        time.sleep(0.001)
    good, bad = put(inbox, n=1), put(inbox, n=2, do=do)
    also_good = put(inbox, n=3)
    gate.set()

    assert first.result(100) == {"n": 0}
    assert (good.result(100), also_good.result(100)) == ({"n": 2}, {"n": 6})
    with pytest.raises(kind):
        bad.result(100)
    inbox.close()
    assert served.join(100)
    assert hosts[-1].closed


def test_dead_host_is_replaced_and_the_next_request_answered():
    inbox = Inbox(100)
    served, hosts = replica(inbox)

    with pytest.raises(HostFailed):
        put(inbox, n=1, do="die").result(100)

    assert put(inbox, n=2).result(100) == {"n": 4}
    assert [host.closed for host in hosts] == [True, False]
    inbox.close()
    assert served.join(100)


def test_replica_that_can_not_start_again_tries_at_the_next_request():
    inbox, starts = Inbox(100), []

    def start():
        starts.append(time.monotonic())
        if len(starts) == 2:
            raise HostFailed("No memory for a host.", "Free some.", "exited: 1")
        return Started(Host())

    served = Replica("r", inbox, start)
    with pytest.raises(HostFailed):
        put(inbox, n=1, do="die").result(100)

    assert put(inbox, n=2).result(100) == {"n": 4}
    assert len(starts) == 3
    inbox.close()
    assert served.join(100)
