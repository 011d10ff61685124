"""Logs of a serving node: what a plugin says as it loads, answers or dies is for its owner, and in no operator's line."""

import io
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from batch.serving.node import Node
from batch.serving.replicas import Replica, Started
from batch.serving.requests import Inbox, Request
from core.deployments import get_deployment, request_deploy
from core.errors import PlatformError
from core.log import JsonLines
from core.status import DeploymentStatus
from core.stores import Stores
from plugin_sdk.errors import HostFailed, PluginRaised
from tests.unit.core.samples import SCOPE, published

MARK = "marked0secret"
SAYS: list[Exception] = [
    PluginRaised(f"ValueError: {MARK}", "Correct realtime.py.", f"Traceback … {MARK}"),
    HostFailed("The host died.", f"The plugin's last line: {MARK}", "exited: 1"),
    RuntimeError(MARK),
]


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """All that is logged, as it would be written."""
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


class Host:
    """One that answers by raising."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def predict(self, _request: dict[str, Any]) -> dict[str, Any]:
        raise self._error

    def predict_batch(self, _requests: list[dict[str, Any]]) -> list[Any]:
        raise self._error

    def close(self) -> None:
        pass


@pytest.mark.parametrize("error", SAYS, ids=lambda e: type(e).__name__)
def test_owner_is_told_why_a_rollout_failed_and_the_log_that_it_did(
    moto_stores: Stores, lines: io.StringIO, error: Exception
) -> None:
    plugin = published(moto_stores, SCOPE)
    request_deploy(moto_stores, SCOPE, plugin)

    def starter(_deployment: Any) -> Any:
        raise error

    node = Node(moto_stores, starter)
    node.reconcile()
    deadline = time.monotonic() + 100
    while (
        found := get_deployment(moto_stores, SCOPE, plugin.plugin_id)
    ) and found.status is not DeploymentStatus.FAILED:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    node.stop()

    assert found and MARK in str(found.error)
    (told,) = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert told["message"] == "rollout failed" and plugin.plugin_id in told["deployment"]
    assert type(error).__name__ in told["traceback"] or error.code in told["traceback"]  # type: ignore[attr-defined]
    assert MARK not in lines.getvalue()


@pytest.mark.parametrize("error", SAYS, ids=lambda e: type(e).__name__)
def test_caller_is_told_why_a_request_failed_and_no_line_is(lines: io.StringIO, error: Exception) -> None:
    inbox, starts = Inbox(10), iter([Started(Host(error))])

    def start() -> Started:
        try:
            return next(starts)
        except StopIteration:
            raise PluginRaised(f"ValueError: {MARK}", "Correct realtime.py.") from None

    replica = Replica("r", inbox, start)
    request = Request({"text": MARK})
    inbox.put(request)

    with pytest.raises(Exception, match=MARK):
        request.answer.result(100)
    inbox.close()
    assert replica.join(100)
    assert MARK not in lines.getvalue()
    if not isinstance(error, PluginRaised):  # its host goes on
        assert "no new host" in lines.getvalue()
    assert isinstance(error, PlatformError) or "inference failed" in lines.getvalue()
