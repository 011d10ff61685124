"""The cluster's definitions: their parts fit each other, the image, the settings and template.yaml; roles stay narrow."""

import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from core.settings import PREFIX, Settings
from infra.lambdas import ROOT
from tests.unit.infra.iam import Cloud, template
from tests.unit.infra.test_images import ROLES

FOLDER = ROOT / "infra" / "cluster"
CFN_LINT = ROOT / ".venv-sam" / "bin" / "cfn-lint"
RUNS_PLUGINS = {"worker", "gpu-worker", "serving"}
SETTINGS = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}

Document = dict[str, Any]


@cache
def documents(name: str) -> list[Document]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def of_kind(kind: str, name: str = "kubernetes.yaml") -> dict[str, Document]:
    return {d["metadata"]["name"]: d for d in documents(name) if d["kind"] == kind}


def pods() -> Iterator[tuple[str, Document, dict[str, str]]]:
    """Role, pod and labels of everything that runs on Kubernetes."""
    for deployment in of_kind("Deployment").values():
        made = deployment["spec"]["template"]
        yield made["spec"]["containers"][0]["args"][0], made["spec"], made["metadata"]["labels"]
    for part in operated():
        yield part["spec"]["containers"][0]["args"][0], part["spec"], part["metadata"]["labels"]


def operated() -> list[Document]:
    cluster = of_kind("DaskCluster", "dask-operator.yaml")["openpeek"]["spec"]
    groups = of_kind("DaskWorkerGroup", "dask-operator.yaml").values()
    return [cluster["scheduler"], cluster["worker"], *(g["spec"]["worker"] for g in groups)]


@cache
def ecs() -> Document:
    found: Document = yaml.load((FOLDER / "ecs.yaml").read_text(), Loader=Cloud)
    return found


def ecs_of(kind: str) -> dict[str, Document]:
    return {name: r["Properties"] for name, r in ecs()["Resources"].items() if r["Type"] == kind}


def containers() -> dict[str, tuple[Document, Document]]:
    """Task and container by role."""
    tasks = ecs_of("AWS::ECS::TaskDefinition").values()
    return {t["ContainerDefinitions"][0]["Command"][0]: (t, t["ContainerDefinitions"][0]) for t in tasks}


def test_every_role_of_the_image_is_deployed():
    assert {role for role, _, _ in pods()} == set(ROLES)
    assert set(containers()) == set(ROLES)


def test_every_variable_is_a_setting_or_dasks():
    config = set(of_kind("ConfigMap")["openpeek"]["data"])
    in_pods = {e["name"] for _, pod, _ in pods() for c in pod["containers"] for e in c.get("env", ())}
    in_tasks = {e["Name"] for _, c in containers().values() for e in c["Environment"] + c.get("Secrets", [])}

    names = config | in_pods | in_tasks

    assert {n for n in names if n.startswith(PREFIX)} <= SETTINGS
    assert {n for n in names if not n.startswith((PREFIX, "DASK_DISTRIBUTED__"))} == {"SLOTS"}


def test_pods_mount_what_there_is_and_act_as_accounts_that_exist():
    claims, accounts, maps = (of_kind(k) for k in ("PersistentVolumeClaim", "ServiceAccount", "ConfigMap"))
    for role, pod, _ in pods():
        volumes = {v["name"]: v for v in pod["volumes"]}
        (container,) = pod["containers"]
        assert {m["name"] for m in container["volumeMounts"]} == set(volumes), role
        assert pod["serviceAccountName"] in accounts
        assert container["envFrom"][0]["configMapRef"]["name"] in maps
        assert "limits" in container["resources"]
        assert "models" not in volumes or volumes["models"]["persistentVolumeClaim"]["claimName"] in claims
        assert ("tls" in volumes) == (role != "serving")  # serving nodes have no part in Dask


def test_only_what_runs_plugins_has_more_rights_than_none():
    for role, pod, _ in pods():
        rights = pod["containers"][0]["securityContext"]["capabilities"]
        assert rights["drop"] == ["ALL"]
        assert ("SYS_ADMIN" in rights.get("add", ())) == (role in RUNS_PLUGINS), role
        assert pod["securityContext"].get("runAsNonRoot", False) == (role not in RUNS_PLUGINS)
    for deployment in of_kind("Deployment").values():
        pod = deployment["spec"]["template"]["spec"]
        in_user_namespace = pod.get("hostUsers") is False
        assert in_user_namespace == (pod["containers"][0]["args"][0] in RUNS_PLUGINS)


def test_selectors_find_their_pods_alone():
    made = {name: d["spec"]["template"]["metadata"]["labels"] for name, d in of_kind("Deployment").items()}
    for name, deployment in of_kind("Deployment").items():
        wanted = deployment["spec"]["selector"]["matchLabels"].items()
        assert [n for n, labels in made.items() if wanted <= labels.items()] == [name]
    for name, service in of_kind("Service").items():
        found = [n for n, labels in made.items() if service["spec"]["selector"].items() <= labels.items()]
        ports = {p["name"] for p in of_kind("Deployment")[name]["spec"]["template"]["spec"]["containers"][0]["ports"]}
        assert found == [name]
        assert {p["targetPort"] for p in service["spec"]["ports"]} <= ports


def test_scalers_scale_what_exists_between_bounds():
    for scaler in of_kind("HorizontalPodAutoscaler").values():
        spec = scaler["spec"]
        deployment = of_kind("Deployment")[spec["scaleTargetRef"]["name"]]["spec"]
        assert "replicas" not in deployment  # else each apply would undo the scaler
        assert 0 < spec["minReplicas"] < spec["maxReplicas"]
    (dask,) = of_kind("DaskAutoscaler", "dask-operator.yaml").values()
    assert dask["spec"]["cluster"] in of_kind("DaskCluster", "dask-operator.yaml")
    assert 0 < dask["spec"]["minimum"] < dask["spec"]["maximum"]


def test_dask_is_reached_by_its_own_alone():
    policies = of_kind("NetworkPolicy")
    (rule,) = policies["dask"]["spec"]["ingress"]
    allowed = rule["from"][0]["podSelector"]["matchExpressions"][0]["values"]

    assert policies["closed"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    assert set(allowed) == {"scheduler", "worker", "batch"}
    assert {labels["app"] for role, _, labels in pods() if role != "serving"} == set(allowed)


def test_addresses_name_the_services_and_speak_tls():
    address = of_kind("ConfigMap")["openpeek"]["data"]["OPENPEEK_DASK_ADDRESS"]
    operated_worker = operated()[1]["spec"]["containers"][0]["env"]
    theirs = next(e["value"] for e in operated_worker if e["name"] == "OPENPEEK_DASK_ADDRESS")

    assert address == "tls://scheduler.openpeek.svc.cluster.local:8786"
    assert "scheduler" in of_kind("Service")
    assert theirs == "tls://openpeek-scheduler.openpeek.svc.cluster.local:8786"  # {cluster}-scheduler is the operator's


def test_ecs_and_the_stack_give_each_other_what_they_ask_for():
    stack = template()["Parameters"]

    assert {"DaskAddress", "ServingUrl"} <= set(ecs()["Outputs"]) & set(stack)
    for name in ("TableName", "PluginBucketName", "ObjectBucketName", "JobsQueueName"):
        assert ecs()["Parameters"][name]["Default"] == stack[name]["Default"]


def test_ecs_roles_name_what_they_may_do():
    for name in ("BatchRole", "WorkerRole", "ServingRole"):
        for statement in role_statements(name):
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not [a for a in actions if "*" in a], name
            assert statement["Resource"] != "*"
    assert "TaskRoleArn" not in containers()["scheduler"][0]


def test_ecs_workers_change_no_record_and_take_no_job():
    actions = {
        a
        for s in role_statements("WorkerRole")
        for a in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
    }

    assert {a for a in actions if a.startswith("dynamodb:")} == {
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:Query",
    }
    assert not [a for a in actions if a.startswith("sqs:")]
    assert "s3:DeleteObject" not in actions


def role_statements(name: str) -> list[Document]:
    policies = ecs_of("AWS::IAM::Role")[name]["Policies"]
    return [s for policy in policies for s in policy["PolicyDocument"]["Statement"]]


def test_ecs_certificates_come_from_the_secret_and_nowhere_else():
    for role, (_, container) in containers().items():
        secrets = {s["Name"]: s["ValueFrom"]["!Sub"] for s in container.get("Secrets", ())}
        variables = {e["Name"] for e in container["Environment"]}
        assert all(value.startswith("${TlsSecretArn}:") for value in secrets.values())
        assert len(secrets) == (0 if role == "serving" else 3)
        assert not [n for n in variables if "__TLS__" in n]


@pytest.mark.skipif(not CFN_LINT.exists(), reason="the SAM command line is not here: make sam-tools")
def test_cloudformation_finds_nothing_wrong():
    done = subprocess.run([CFN_LINT, FOLDER / "ecs.yaml"], capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout
