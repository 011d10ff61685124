"""Deployments: what is asked for, what nodes report, and which of the two wins."""

import pytest

from core.deployments import (
    desired_deployments,
    get_deployment,
    remove_deployment,
    report,
    request_deploy,
    request_undeploy,
)
from core.errors import InvalidRequest
from core.status import DeploymentStatus
from core.tenancy import Scope
from tests.unit.core.samples import SCOPE, published


def test_deploy_queues_a_deployment_that_nodes_find(moto_stores):
    plugin = published(moto_stores)

    deployment = request_deploy(moto_stores, SCOPE, plugin)

    assert deployment.status is DeploymentStatus.QUEUED
    assert deployment.route_prefix == "/inference/custom_plugin_ns_1_my_extractor_1_0_0"
    assert list(desired_deployments(moto_stores)) == [deployment]


def test_nodes_find_the_deployments_of_every_tenant(moto_stores):
    other = Scope("org_2", "ns_1")
    for scope in (SCOPE, other):
        request_deploy(moto_stores, scope, published(moto_stores, scope))

    assert [d.scope for d in desired_deployments(moto_stores)] == [SCOPE, other]


def test_redeploy_raises_the_generation_and_keeps_when_it_was_first_deployed(moto_stores):
    plugin = published(moto_stores)
    first = request_deploy(moto_stores, SCOPE, plugin)
    deployed = report(moto_stores, first, DeploymentStatus.DEPLOYED)

    second = request_deploy(moto_stores, SCOPE, plugin)

    assert second.generation > first.generation
    assert second.status is DeploymentStatus.QUEUED
    assert second.deployed_at == deployed.deployed_at


def test_report_on_an_older_generation_is_void(moto_stores):
    plugin = published(moto_stores)
    first = request_deploy(moto_stores, SCOPE, plugin)
    second = request_deploy(moto_stores, SCOPE, plugin)

    after = report(moto_stores, first, DeploymentStatus.FAILED, "out of memory")

    assert after == second


def test_report_of_failure_keeps_its_reason(moto_stores):
    deployment = request_deploy(moto_stores, SCOPE, published(moto_stores))

    report(moto_stores, deployment, DeploymentStatus.FAILED, "realtime.py: no RealtimeHandler")

    found = get_deployment(moto_stores, SCOPE, "my_extractor_1_0_0")
    assert (found.status, found.error) == (DeploymentStatus.FAILED, "realtime.py: no RealtimeHandler")


def test_plugin_without_realtime_is_refused_and_told_of_batch_only(moto_stores):
    plugin = published(moto_stores, has_realtime=False)

    with pytest.raises(InvalidRequest, match=r"has no realtime\.py.*deployment_type=batch_only"):
        request_deploy(moto_stores, SCOPE, plugin)

    assert request_deploy(moto_stores, SCOPE, plugin, "batch_only").status is DeploymentStatus.NOT_DEPLOYED
    assert list(desired_deployments(moto_stores)) == []


def test_undeploy_takes_it_from_the_nodes_once(moto_stores):
    deployment = request_deploy(moto_stores, SCOPE, published(moto_stores))

    assert request_undeploy(moto_stores, SCOPE, deployment.plugin_id) is True
    assert request_undeploy(moto_stores, SCOPE, deployment.plugin_id) is False

    assert list(desired_deployments(moto_stores)) == []
    assert report(moto_stores, deployment, DeploymentStatus.DEPLOYED).status is DeploymentStatus.NOT_DEPLOYED


def test_deployment_after_a_removed_one_has_a_newer_generation(moto_stores):
    plugin = published(moto_stores)
    first = request_deploy(moto_stores, SCOPE, plugin)
    remove_deployment(moto_stores, SCOPE, plugin.plugin_id)

    assert get_deployment(moto_stores, SCOPE, plugin.plugin_id) is None
    assert request_deploy(moto_stores, SCOPE, plugin).generation > first.generation
