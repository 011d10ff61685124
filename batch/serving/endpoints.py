"""Endpoint: a deployment's generation as it runs on this node, and the table of all of them that requests look up."""

import re
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from batch.serving.replicas import Replica, Started
from batch.serving.requests import Inbox, InboxClosed, Payload, Request
from core.deployments import Deployment, get_deployment
from core.errors import NotFound, ServingUnavailable
from core.namespaces import ended_scopes
from core.status import DeploymentStatus
from core.stores import Stores
from core.tenancy import Scope

QUEUE_LIMIT = 256
"""Requests that may wait for one deployment on one node."""

NAME = re.compile(r"custom_plugin_(?P<namespace>ns_[^_]+)_(?P<plugin>.+)")
Key = tuple[str, str]


class NotRunning(Exception):
    """Nothing answers under a name on this node; `why_not_running` finds out the reason."""


class Endpoint:
    """Replicas of one generation, loaded and warm, behind one inbox."""

    def __init__(
        self, deployment: Deployment, start: Callable[[], Started], replicas: int = 1, queue_limit: int = QUEUE_LIMIT
    ) -> None:
        self.deployment = deployment
        self._inbox = Inbox(queue_limit)
        self._replicas: list[Replica] = []
        try:
            for number in range(replicas):
                self._replicas.append(Replica(f"{deployment.name}/{number}", self._inbox, start))
        except BaseException:
            self.retire()
            raise

    def submit(self, payload: Payload) -> "Future[dict[str, Any]]":
        """Let the payload wait for a replica.

        Raises:
            ServingUnavailable: too many wait already.
            InboxClosed: this generation was retired.
        """
        request = Request(payload)
        self._inbox.put(request)
        return request.answer

    def retire(self, timeout_s: float | None = 0) -> bool:
        """Take no more requests, answer those that wait, then end the hosts; whether that is done by then."""
        self._inbox.close()
        return min([replica.join(timeout_s) for replica in self._replicas], default=True)


class Endpoints:
    """What runs on this node, by organization and name."""

    def __init__(self) -> None:
        self._running: dict[Key, Endpoint] = {}

    def running(self, org_id: str, name: str) -> Endpoint | None:
        """The generation that serves now."""
        return self._running.get((org_id, name))

    def submit(self, org_id: str, name: str, payload: Payload) -> "Future[dict[str, Any]]":
        """Hand a request to the generation that serves now.

        Raises:
            NotRunning: nothing answers under this name here.
            ServingUnavailable: its queue is full.
        """
        for _ in range(3):  # a flip in between retires the one that was found
            endpoint = self._running.get((org_id, name))
            if endpoint is None:
                break
            try:
                return endpoint.submit(payload)
            except InboxClosed:
                continue
        raise NotRunning

    def flip(self, endpoint: Endpoint) -> Endpoint | None:
        """Send requests to `endpoint` from now on; the generation that served before, for the caller to retire."""
        key = key_of(endpoint.deployment)
        before = self._running.get(key)
        self._running[key] = endpoint
        return before

    def remove(self, key: Key) -> Endpoint | None:
        """Send no more requests there; what ran there, for the caller to retire."""
        return self._running.pop(key, None)

    def all(self) -> dict[Key, Endpoint]:
        """What serves now."""
        return dict(self._running)


def why_not_running(stores: Stores, org_id: str, name: str) -> NotFound | ServingUnavailable:
    """Why nothing answers under this name, by its record, and what to do about it."""
    parts = NAME.fullmatch(name)
    deployment = get_deployment(stores, Scope(org_id, parts["namespace"]), parts["plugin"]) if parts else None
    if deployment is None or deployment.scope in ended_scopes(stores):
        return NotFound(
            f"There is no realtime deployment {name!r}.",
            "Deploy the plugin with POST …/plugins/{plugin_id}/deploy, or 'mixpeek plugin deploy'.",
        )
    plugin_id = deployment.plugin_id
    if not deployment.desired:
        kind = "for batches only" if deployment.deployment_type == "batch_only" else "no longer"
        return NotFound(
            f"The plugin {plugin_id} is deployed {kind}, so {name!r} does not answer.",
            f"Deploy it with POST …/plugins/{plugin_id}/deploy, or 'mixpeek plugin deploy'.",
        )
    if deployment.status is DeploymentStatus.FAILED:
        return ServingUnavailable(
            f"The rollout of {name!r} failed: {deployment.error or 'no reason is known.'}",
            "Publish a corrected plugin and deploy it.",
        )
    return ServingUnavailable(
        f"The deployment {name!r} is starting here; its status is {deployment.status}.", "Try again in a moment."
    )


def key_of(deployment: Deployment) -> Key:
    """Organizations may use equal namespace ids and plugin names: the key tells them apart."""
    return deployment.org_id, deployment.name
