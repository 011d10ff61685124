"""What a plugin may reach: the operator's rules, ports, and every address behind a name."""

import ipaddress
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_sdk.host.network import (
    Address,
    Allowance,
    BadNetworkRule,
    NetworkPolicy,
    Refused,
    Unresolved,
    allowances,
    is_public,
    split_authority,
    system_resolver,
)
from plugin_sdk.local_host import local_host_settings

INSIDE = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "0.0.0.0"]
INSIDE += ["168.63.129.16", "192.0.0.192", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "203.0.113.9"]
INSIDE_6 = ["::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"]
INSIDE_6 += ["64:ff9b:1::7f00:1", "100::1", "2001::1"]


def resolving_to(*addresses: str) -> NetworkPolicy:
    return NetworkPolicy(resolve=lambda host, port: addresses)


def wrapped(address: IPv4Address) -> list[IPv6Address]:
    """IPv4-mapped, IPv4-compatible, 6to4 and NAT64."""
    number = int(address)
    return [
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address(number),
        IPv6Address(0x2002 << 112 | number << 80 | 1),
        IPv6Address((0x64FF9B << 96) | number),
    ]


@pytest.mark.parametrize("address", [*INSIDE, *INSIDE_6])
def test_an_address_that_is_not_of_the_internet_is_refused(address):
    with pytest.raises(Refused, match=r"^name\.test:443: .* is no public address$"):
        resolving_to(address).route("name.test", 443)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_however_it_is_wrapped(address):
    if not is_public(address):
        assert not any(is_public(each) for each in wrapped(address))
    else:
        mapped, _, six_to_four, nat64 = wrapped(address)
        assert is_public(mapped)
        assert is_public(six_to_four)
        assert is_public(nat64)


@given(st.ip_addresses())
def test_no_address_of_a_network_of_one_s_own_is_public(address):
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        inner = getattr(address, "ipv4_mapped", None)
        assert not is_public(address) or (inner is not None and is_public(inner))


@given(st.ip_addresses(v=4), st.lists(st.sampled_from(["1.1.1.1", "2606:4700::1111"]), max_size=3), st.randoms())
def test_one_inside_address_among_others_refuses_the_name(address, others, random):
    found = [*others, str(address)]
    random.shuffle(found)
    policy = resolving_to(*found)

    if is_public(address):
        assert {route.ip for route in policy.route("name.test", 80)} == set(found)
    else:
        with pytest.raises(Refused):
            policy.route("name.test", 80)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "localhost", "LOCALHOST."]
)
def test_other_spellings_of_loopback_are_resolved_and_refused(host):
    try:
        system_resolver(host.rstrip("."), 80)
    except OSError:
        pytest.skip("this system knows no such spelling")
    with pytest.raises(Refused, match=r"127\.0\.0\.1|::1"):
        NetworkPolicy().route(host, 80)


def test_a_name_is_resolved_once_and_the_addresses_checked_are_those_to_dial():
    answers = iter([["1.1.1.1"], ["127.0.0.1"]])
    policy = NetworkPolicy(resolve=lambda host, port: next(answers))

    assert policy.route("changes.test", 443) == [Address("1.1.1.1", 443)]
    with pytest.raises(Refused):
        policy.route("changes.test", 443)


def test_other_ports_are_refused_before_a_name_is_looked_up():
    def resolve(host: str, port: int) -> list[str]:
        raise AssertionError

    with pytest.raises(Refused, match=r"^name\.test:22: port 22 is not allowed, only 80, 443$"):
        NetworkPolicy(resolve=resolve).route("name.test", 22)


def test_a_policy_for_steps_that_compute_leaves_exceptions_and_the_hosts_it_is_limited_to():
    wide = NetworkPolicy(allow=allowances("db.internal:5432"), deny=("bad.hub.test",), resolve=lambda *_: ["1.1.1.1"])
    narrow = wide.limited_to(("*.hub.test",))

    assert narrow.route("cdn.hub.test", 443) == [Address("1.1.1.1", 443)]
    assert narrow.route("db.internal", 5432) == wide.route("db.internal", 5432)
    for host, why in (("name.test", "ResourceType.API"), ("bad.hub.test", "denies"), ("hub.test", "ResourceType.API")):
        with pytest.raises(Refused, match=f"^{host}:443: .*{why}"):
            narrow.route(host, 443)


def test_hosts_that_a_policy_is_limited_to_must_be_public_and_on_the_web_s_ports():
    narrow = NetworkPolicy(resolve=lambda *_: ["10.0.0.7"]).limited_to(("hub.test",))

    with pytest.raises(Refused, match="no public address"):
        narrow.route("hub.test", 443)
    with pytest.raises(Refused, match="port 22"):
        narrow.route("hub.test", 22)


def test_a_name_without_address_is_told():
    with pytest.raises(Unresolved, match="no address"):
        resolving_to().route("name.test", 80)
    with pytest.raises(Unresolved, match="not found"):
        resolving_to("no address at all").route("name.test", 80)


def test_a_rule_lifts_the_check_for_its_host_and_port_alone():
    policy = NetworkPolicy(allow=allowances("db.internal:5432"), resolve=lambda host, port: ["10.0.0.7"])

    assert policy.route("DB.internal.", 5432) == [Address("10.0.0.7", 5432)]
    for host, port in [("db.internal", 80), ("db.internal", 5433), ("other.internal", 5432), ("x.db.internal", 5432)]:
        with pytest.raises(Refused):
            policy.route(host, port)


def test_rules_are_read_with_their_targets():
    rules = allowances(" api.test:443=127.0.0.1:8443, Other.Test:80 ,[::1]:81=[::1]:8080,")

    assert rules == (
        Allowance("api.test", 443, Address("127.0.0.1", 8443)),
        Allowance("other.test", 80),
        Allowance("::1", 81, Address("::1", 8080)),
    )


@pytest.mark.parametrize(
    "rule", ["api.test", "api.test:", "api.test:0", "api.test:99999", "a b:80", "a:80=b:80", "a:1=::1"]
)
def test_a_rule_that_cannot_be_used_is_named(rule):
    with pytest.raises(BadNetworkRule, match="MIXPEEK_NETWORK_ALLOW has the rule"):
        allowances(rule)


@given(st.text(max_size=80))
def test_any_text_is_a_host_and_port_or_a_value_error(text):
    try:
        host, port = split_authority(text)
    except ValueError:
        return
    assert 0 < port < 65536
    assert host == host.lower()
    assert not set(host) & set(" \r\n/@%")


@given(st.ip_addresses(), st.integers(1, 65535))
def test_every_address_is_read_as_it_is_written(address, port):
    text = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"

    host, found = split_authority(text)

    assert (ipaddress.ip_address(host), found) == (address, port)


def test_a_local_run_takes_the_operator_s_rules(tmp_path):
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("certificates")

    policy = local_host_settings({"MIXPEEK_NETWORK_ALLOW": "a.test:81", "MIXPEEK_NETWORK_CA": str(ca_file)}).network

    assert policy == NetworkPolicy(allow=(Allowance("a.test", 81),), ca_file=ca_file)
    assert local_host_settings({}).network == NetworkPolicy()
    assert local_host_settings({"MIXPEEK_NETWORK_ALLOW": "none"}).network is None
    with pytest.raises(BadNetworkRule, match="MIXPEEK_NETWORK_CA"):
        local_host_settings({"MIXPEEK_NETWORK_CA": str(tmp_path / "missing.pem")})
