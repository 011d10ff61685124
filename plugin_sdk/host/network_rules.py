"""The operator's rules for single tenants: a JSON file, by organization and namespace, on top of the rules for all.

    {"*": {"deny": ["*.example.com"]}, "org_1": {"only": ["api.openai.com"]}, "org_1/ns_2": {"network": false}}

What several entries say of one tenant adds up: everything denied is denied, and `only` lists must all hold.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from plugin_sdk.host.network import BadNetworkRule, NetworkPolicy, allowances, normalised

RULES = "MIXPEEK_NETWORK_RULES"
FORM = 'Write {"org_…": {"only": [hosts], "deny": [hosts], "allow": ["host:port=ip:port"], "network": true}}.'
MAX_BYTES = 4 << 20


def tenant_policy(
    base: NetworkPolicy | None, env: Mapping[str, str], org_id: str, namespace_id: str
) -> NetworkPolicy | None:
    """What the plugins of one namespace may reach; read anew each time, so that a changed rule holds for the next host.

    Raises:
        BadNetworkRule: MIXPEEK_NETWORK_RULES names no file of rules.
    """
    path = env.get(RULES)
    if base is None or not path:
        return base
    rules = _read(path)
    for name in ("*", org_id, f"{org_id}/{namespace_id}"):
        if name in rules:
            base = _with(base, rules[name], f"{path}: {name}")
    return base


def _read(path: str) -> dict[str, Any]:
    try:
        text = Path(path).read_bytes()
        found = json.loads(text) if len(text) <= MAX_BYTES else None
    except (OSError, ValueError) as error:
        raise BadNetworkRule(f"{RULES} is {path!r}: {error}.", FORM) from error
    if not isinstance(found, dict):
        raise BadNetworkRule(f"{RULES} is {path!r}, which holds no rules by tenant.", FORM)
    return found


def _with(base: NetworkPolicy, rule: Any, where: str) -> NetworkPolicy:
    known = {"only", "deny", "allow", "network"}
    if not isinstance(rule, dict) or not rule.keys() <= known:
        odd = ", ".join(sorted(rule.keys() - known)) if isinstance(rule, dict) else repr(rule)[:60]
        raise BadNetworkRule(f"{where} has {odd}.", FORM)
    allow, network = _texts(rule.get("allow", []), where), rule.get("network", True)
    if not isinstance(network, bool):
        raise BadNetworkRule(f"{where}: network is {network!r}.", "Write true or false.")
    only = base.only if "only" not in rule else (*base.only, _hosts(rule["only"], where))
    return replace(
        base,
        allow=(*base.allow, *allowances(",".join(allow))),
        deny=(*base.deny, *_hosts(rule.get("deny", []), where)),
        only=only if network else (*only, ()),
    )


def _hosts(value: Any, where: str) -> tuple[str, ...]:
    try:
        return tuple(
            f"*.{normalised(text[2:])}" if text.startswith("*.") else normalised(text) for text in _texts(value, where)
        )
    except ValueError as error:
        raise BadNetworkRule(f"{where}: {error}.", "Write a host's name, or *.name for all below it.") from error


def _texts(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise BadNetworkRule(f"{where} has {str(value)[:60]!r} where a list of texts belongs.", FORM)
    return value
