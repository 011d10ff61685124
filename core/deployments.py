"""Deployment: a plugin made available for realtime requests; records say what should run, serving nodes report what does."""

import time
from collections.abc import Iterator
from datetime import datetime

from core.errors import AlreadyExists, InvalidRequest
from core.ids import now
from core.namespaces import ended_scopes
from core.noun import Noun
from core.plugins import Plugin
from core.status import DeploymentStatus
from core.stores import Stores
from core.stores.records import Body, Entry
from core.tenancy import Scope

INDEX_KEY = "deployments"
QUEUE_S = 30
"""Seconds within which a serving node takes up a deployment."""
ROLLOUT_S = 180
"""Seconds that a host may take to start, load its model and answer the health check."""


class Deployment(Noun):
    """What should run of a plugin, and what does. Serving nodes reconcile `desired` and report `status`.

    `generation` grows with each deploy call, over deletions too; a node that serves an older one rolls over to it.
    """

    org_id: str
    namespace_id: str
    plugin_id: str
    deployment_type: str = "realtime"
    desired: bool = True
    generation: int = 1
    status: DeploymentStatus = DeploymentStatus.QUEUED
    error: str | None = None
    queued_at: datetime | None = None
    deployed_at: datetime | None = None

    @property
    def scope(self) -> Scope:
        """The namespace it belongs to."""
        return Scope(self.org_id, self.namespace_id)

    @property
    def name(self) -> str:
        """The deployment's name; the namespace in it keeps tenants apart."""
        return f"custom_plugin_{self.namespace_id}_{self.plugin_id}"

    @property
    def route_prefix(self) -> str:
        """Where its replicas answer."""
        return f"/inference/{self.name}"


def get_deployment(stores: Stores, scope: Scope, plugin_id: str) -> Deployment | None:
    """The plugin's deployment, if it ever had one."""
    record = stores.records.get(scope.key("deployment"), plugin_id)
    return Deployment.model_validate(record.body) if record else None


def list_deployments(stores: Stores, scope: Scope) -> dict[str, Deployment]:
    """The namespace's deployments by plugin id."""
    found = (Deployment.model_validate(r.body) for r in stores.records.each(scope.key("deployment")))
    return {d.plugin_id: d for d in found}


def desired_deployments(stores: Stores) -> Iterator[Deployment]:
    """Every deployment of every tenant that should run: what serving nodes reconcile."""
    ended, cursor = ended_scopes(stores), None
    while True:
        page = stores.records.query_index(INDEX_KEY, limit=1000, cursor=cursor)
        for record in page.records:
            deployment = Deployment.model_validate(record.body)
            if deployment.desired and deployment.scope not in ended:
                yield deployment
        cursor = page.cursor
        if cursor is None:
            return


def request_deploy(stores: Stores, scope: Scope, plugin: Plugin, deployment_type: str | None = None) -> Deployment:
    """Ask for the plugin to serve, or with `batch_only` for it not to; a second call rolls out a new generation.

    Raises:
        InvalidRequest: it has no realtime.py.
    """
    kind = deployment_type or "realtime"
    if kind == "realtime" and not plugin.manifest.has_realtime:
        raise InvalidRequest(
            f"The plugin {plugin.plugin_id} has no realtime.py, so there is nothing to serve.",
            "Add a realtime.py with a RealtimeHandler, or deploy it with ?deployment_type=batch_only.",
            "deployment_type",
        )
    serving = kind == "realtime"
    wanted = Deployment(
        org_id=scope.org_id,
        namespace_id=scope.namespace_id,
        plugin_id=plugin.plugin_id,
        deployment_type=kind,
        desired=serving,
        generation=time.time_ns() // 1_000_000,  # never one that a deleted deployment of this name had
        status=DeploymentStatus.QUEUED if serving else DeploymentStatus.NOT_DEPLOYED,
        queued_at=now() if serving else None,
    )
    return _upsert(stores, wanted)


def request_undeploy(stores: Stores, scope: Scope, plugin_id: str) -> bool:
    """Ask for the endpoint to be taken down; whether there was one."""
    removed = False

    def stop(body: Body) -> Body | None:
        nonlocal removed
        removed = bool(body["desired"])
        return _restated(body, desired=False, status=DeploymentStatus.NOT_DEPLOYED, error=None) if removed else None

    stores.records.update(scope.key("deployment"), plugin_id, stop)
    return removed


def remove_deployment(stores: Stores, scope: Scope, plugin_id: str) -> bool:
    """Delete the record, which takes the endpoint down; whether there was one."""
    removed = request_undeploy(stores, scope, plugin_id)
    stores.records.delete(scope.key("deployment"), plugin_id)
    return removed


def report(
    stores: Stores, deployment: Deployment, status: DeploymentStatus, error: str | None = None
) -> Deployment | None:
    """What a serving node says of the generation that it runs; a newer request makes it void. The record as it is now."""

    def heard(body: Body) -> Body | None:
        if body["generation"] != deployment.generation or not body["desired"]:
            return None
        if body["status"] == status and body["error"] == error:
            return None
        deployed = {"deployed_at": now().isoformat()} if status is DeploymentStatus.DEPLOYED else {}
        return _restated(body, status=status, error=error, **deployed)

    record = stores.records.update(deployment.scope.key("deployment"), deployment.plugin_id, heard)
    return Deployment.model_validate(record.body) if record else None


def _upsert(stores: Stores, wanted: Deployment) -> Deployment:
    pk, index = wanted.scope.key("deployment"), f"{wanted.org_id}#{wanted.namespace_id}#{wanted.plugin_id}"
    try:
        stores.records.create(Entry(pk, wanted.plugin_id, wanted.body(), index=(INDEX_KEY, index)))
    except AlreadyExists:
        record = stores.records.update(pk, wanted.plugin_id, lambda body: _redeployed(body, wanted))
        if record is None:  # deleted in between
            return _upsert(stores, wanted)
        return Deployment.model_validate(record.body)
    return wanted


def _redeployed(body: Body, wanted: Deployment) -> Body:
    generation = max(body["generation"] + 1, wanted.generation)
    kept = {key: body[key] for key in ("created_at", "deployed_at")}
    return wanted.body() | kept | {"generation": generation}


def _restated(body: Body, **changes: object) -> Body:
    return body | {"updated_at": now().isoformat()} | changes
