"""Serving node: makes what runs here equal to what the records ask for, again and again.

A rollout is blue-green: hosts of the new generation are started and warmed while the old one serves, requests move over
at once, the old one finishes its own. A rollout that fails leaves the old generation serving. A node that starts anew
finds everything in the records and brings it up again.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from batch.serving.endpoints import Endpoint, Endpoints, Key, key_of
from batch.serving.replicas import Started
from core.deployments import Deployment, desired_deployments, report
from core.errors import StoreUnavailable
from core.status import DeploymentStatus
from core.stores import Stores
from plugin_sdk.errors import PlatformError

log = logging.getLogger(__name__)

Starter = Callable[[Deployment], Callable[[], Started]]
"""Prepares a deployment (its archive fetched and checked) and returns what starts one host of it."""


class Node:
    """Reconciles until it is stopped; `endpoints` is what serves."""

    def __init__(
        self, stores: Stores, starter: Starter, *, replicas: int = 1, interval_s: float = 0.5, rollouts: int = 4
    ) -> None:
        self.endpoints = Endpoints()
        self._stores, self._starter, self._replicas, self._interval_s = stores, starter, replicas, interval_s
        self._pool = ThreadPoolExecutor(rollouts, thread_name_prefix="rollout")
        self._tried: dict[Key, int] = {}
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="serving node", daemon=True)

    def start(self) -> None:
        """Begin to reconcile."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the hosts; requests in flight are answered first, as far as `timeout_s` allows."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._pool.shutdown(wait=True, cancel_futures=True)
        for key in self.endpoints.all():
            self._retire(self.endpoints.remove(key), timeout_s)

    def reconcile(self) -> None:
        """One look at the records: start rollouts of what is new, take down what is not wanted any more."""
        wanted = {key_of(d): d for d in desired_deployments(self._stores)}
        for key in self.endpoints.all():
            if key not in wanted:
                self._retire(self.endpoints.remove(key))
        for deployment in self._untried(wanted):
            self._report(deployment, DeploymentStatus.PENDING)
            self._pool.submit(self._roll_out, deployment)
        self._repeat_lost_reports(wanted)

    def _untried(self, wanted: dict[Key, Deployment]) -> list[Deployment]:
        """Generations that this node has not tried to roll out yet; from here on it has."""
        with self._lock:
            fresh = [d for key, d in wanted.items() if self._tried.get(key) != d.generation]
            self._tried = {key: d.generation for key, d in wanted.items()}
        return fresh

    def _repeat_lost_reports(self, wanted: dict[Key, Deployment]) -> None:
        for key, endpoint in self.endpoints.all().items():
            record = wanted.get(key)
            if record and record.generation == endpoint.deployment.generation:
                self._report(record, DeploymentStatus.DEPLOYED)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.reconcile()
            except StoreUnavailable as error:
                log.warning("records can't be read", extra={"error": str(error)})
            except Exception:  # the node must live on
                log.exception("reconciling failed")
            self._stopped.wait(self._interval_s)

    def _roll_out(self, deployment: Deployment) -> None:
        key = key_of(deployment)
        try:
            self._report(deployment, DeploymentStatus.IN_PROGRESS)
            endpoint = Endpoint(deployment, self._starter(deployment), self._replicas)
        except StoreUnavailable as error:
            log.warning("rollout put off", extra={"deployment": deployment.name, "error": str(error)})
            with self._lock:
                self._tried.pop(key, None)
        except Exception as error:
            log.warning("rollout failed", extra={"deployment": deployment.name}, exc_info=True)
            self._report(deployment, DeploymentStatus.FAILED, reason(error))
        else:
            self._flip(key, endpoint)

    def _flip(self, key: Key, endpoint: Endpoint) -> None:
        """Let the new generation serve, unless it was overtaken or given up meanwhile."""
        with self._lock:
            current = self._tried.get(key) == endpoint.deployment.generation and not self._stopped.is_set()
            before = self.endpoints.flip(endpoint) if current else endpoint
        if current:
            self._report(endpoint.deployment, DeploymentStatus.DEPLOYED)
        self._retire(before)

    def _report(self, deployment: Deployment, status: DeploymentStatus, error: str | None = None) -> None:
        """Tell the record; a node that only comes back up leaves DEPLOYED as it is."""
        if deployment.status is status or (status in COMING and deployment.status is DeploymentStatus.DEPLOYED):
            return
        try:
            report(self._stores, deployment, status, error)
        except StoreUnavailable as unavailable:
            log.warning("status not reported", extra={"deployment": deployment.name, "error": str(unavailable)})

    def _retire(self, endpoint: Endpoint | None, timeout_s: float = 0) -> None:
        if endpoint is not None and not endpoint.retire(timeout_s):
            log.info("draining", extra={"deployment": endpoint.deployment.name})


COMING = {DeploymentStatus.PENDING, DeploymentStatus.IN_PROGRESS}


def reason(error: BaseException) -> str:
    """What the deployment's `error` field says: which file, which exception, the next step."""
    if isinstance(error, PlatformError):
        return str(error)
    return f"{type(error).__name__}: {error}"
