"""The operator's rules for single tenants: who they are for, what they say, and what is no rule."""

import json
from pathlib import Path
from typing import Any

import pytest

from plugin_sdk.host.network import BadNetworkRule, NetworkPolicy, Refused, allowances
from plugin_sdk.host.network_rules import RULES, tenant_policy

BASE = NetworkPolicy(allow=allowances("api.test:80=127.0.0.1:9"), resolve=lambda host, port: ["1.1.1.1"])
HOSTS = ("api.test", "one.example.com", "example.com", "two.test")
RULE_SET = {
    "*": {"deny": ["*.example.com"]},
    "org_1": {"only": ["api.test", "*.example.com", "TWO.test."]},
    "org_1/ns_2": {"deny": ["api.test"], "allow": ["db.test:5432=10.0.0.1:5432"]},
    "org_3": {"network": False},
}


def written(folder: Path, rules: Any) -> dict[str, str]:
    (folder / "rules.json").write_text(rules if isinstance(rules, str) else json.dumps(rules))
    return {RULES: str(folder / "rules.json")}


def reached(policy: NetworkPolicy | None, hosts: tuple[str, ...] = HOSTS) -> list[str]:
    assert policy is not None
    found = []
    for host in hosts:
        try:
            policy.route(host, 80)
        except Refused:
            continue
        found.append(host)
    return found


@pytest.mark.parametrize(
    ("org", "namespace", "hosts"),
    [
        ("org_9", "ns_1", ["api.test", "example.com", "two.test"]),
        ("org_1", "ns_1", ["api.test", "two.test"]),
        ("org_1", "ns_2", ["two.test"]),
        ("org_3", "ns_1", []),
    ],
)
def test_each_tenant_reaches_what_its_own_rules_leave(tmp_path, org, namespace, hosts):
    assert reached(tenant_policy(BASE, written(tmp_path, RULE_SET), org, namespace)) == hosts


def test_an_exception_is_of_its_namespace_alone(tmp_path):
    env = written(tmp_path, {"org_1/ns_2": {"allow": ["db.test:5432=10.0.0.1:5432"]}})

    assert tenant_policy(BASE, env, "org_1", "ns_2").route("db.test", 5432) == [("10.0.0.1", 5432)]
    with pytest.raises(Refused, match="port 5432 is not allowed"):
        tenant_policy(BASE, env, "org_1", "ns_1").route("db.test", 5432)


def test_a_denied_host_is_refused_even_where_an_exception_names_it(tmp_path):
    policy = tenant_policy(BASE, written(tmp_path, {"*": {"deny": ["api.test"]}}), "org_1", "ns_1")

    with pytest.raises(Refused, match=r"api\.test:80: the operator denies this host"):
        policy.route("API.test.", 80)


def test_no_network_stays_no_network_and_no_file_changes_nothing(tmp_path):
    assert tenant_policy(None, written(tmp_path, RULE_SET), "org_1", "ns_1") is None
    assert tenant_policy(BASE, {}, "org_1", "ns_1") is BASE


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("{", "Expecting property name"),
        ([], "holds no rules by tenant"),
        ({"org_1": {"dney": ["x.test"]}}, "org_1 has dney"),
        ({"org_1": []}, "org_1 has"),
        ({"org_1": {"deny": "x.test"}}, "where a list of texts belongs"),
        ({"org_1": {"deny": ["http://x.test/"]}}, "is no host"),
        ({"org_1": {"only": [1]}}, "where a list of texts belongs"),
        ({"org_1": {"network": "no"}}, "network is 'no'"),
        ({"org_1": {"allow": ["x.test"]}}, "has no port"),
    ],
)
def test_what_is_no_rule_is_named_with_file_and_tenant(tmp_path, rules, problem):
    with pytest.raises(BadNetworkRule, match=problem):
        tenant_policy(BASE, written(tmp_path, rules), "org_1", "ns_1")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadNetworkRule, match="No such file"):
        tenant_policy(BASE, {RULES: str(tmp_path / "none")}, "org_1", "ns_1")
