"""What a plugin may reach: public addresses on the web's ports, and what the operator allows beyond. No I/O but names."""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import NamedTuple

from plugin_sdk.errors import PlatformError

ALLOW, CA = "MIXPEEK_NETWORK_ALLOW", "MIXPEEK_NETWORK_CA"
NONE = "none"
NO_API_STEP = f"no step has resource_type=ResourceType.API, and {ALLOW} does not name this host"
WEB_PORTS = frozenset({80, 443})
GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
NEVER_4 = [IPv4Network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")]
"""Beyond Python's own table, which has gaps in some versions: protocol assignments (a cloud's metadata service among
them), 6to4 relays, and another cloud's metadata service behind an address that counts as public."""

NEVER_6 = [IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20")]

NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_:")
MAX_NAME = 253
MAX_CA_BYTES = 1 << 20


class Address(NamedTuple):
    """Where a connection goes: an IP address, no name, and a port."""

    ip: str
    port: int


class Refused(Exception):
    """The policy forbids it; the text names host and rule."""


class Unresolved(Exception):
    """The name leads nowhere."""


class BadNetworkRule(PlatformError):
    """A setting of the network can't be used."""

    code = "bad_setting"


@dataclass(frozen=True, slots=True)
class Allowance:
    """A host and port that may be reached whatever its address; `target`, if given, is where it leads."""

    host: str
    port: int
    target: Address | None = None


def system_resolver(host: str, port: int) -> list[str]:
    """The addresses that this machine knows for a name.

    Raises:
        OSError, UnicodeError: there are none.
    """
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """What one host may reach, and how much of it.

    Attributes:
        allow: exceptions from ports and addresses.
        ports: allowed without an exception.
        deny: hosts that are refused whatever else is said; `*.name` is all below it.
        only: lists of hosts, each of which must name a host that may be reached; no list, no limit.
        web: hosts of the web that may be reached without an exception; None is all of it.
        ca_file: certificate authorities that the plugin trusts instead of the usual ones.
        max_connections: open at once.
        max_bytes: of one connection, each way.
        connect_timeout_s: seconds for reaching one address.
        idle_timeout_s: seconds in which nothing may pass.
        resolve: gives the addresses behind a name, or raises OSError.
    """

    allow: tuple[Allowance, ...] = ()
    ports: frozenset[int] = WEB_PORTS
    deny: tuple[str, ...] = ()
    only: tuple[tuple[str, ...], ...] = ()
    web: tuple[str, ...] | None = None
    ca_file: Path | None = None
    max_connections: int = 64
    max_bytes: int = 1 << 30
    connect_timeout_s: float = 10.0
    idle_timeout_s: float = 300.0
    resolve: Callable[[str, int], Sequence[str]] = field(default=system_resolver, compare=False)

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "NetworkPolicy | None":
        """The policy of MIXPEEK_NETWORK_ALLOW and MIXPEEK_NETWORK_CA; None, no network, where the former is `none`.

        Raises:
            BadNetworkRule: a rule or the file can't be used.
        """
        text, ca_file = env.get(ALLOW, ""), env.get(CA)
        if text.strip().lower() == NONE:
            return None
        return cls(allow=allowances(text), ca_file=_ca_file(ca_file) if ca_file else None)

    def limited_to(self, web: tuple[str, ...]) -> "NetworkPolicy":
        """The same for a host whose steps compute: of the web, these hosts alone."""
        return replace(self, web=web)

    def route(self, host: str, port: int) -> list[Address]:
        """The addresses to try for a host, in order: the very ones that were checked.

        Raises:
            Refused: the policy forbids it.
            Unresolved: the name has no address.
        """
        host = normalised(host)
        self._check_tenant(host, port)
        allowance = next((rule for rule in self.allow if (rule.host, rule.port) == (host, port)), None)
        if allowance and allowance.target:
            return [allowance.target]
        if not allowance and self.web is not None and not _listed(host, self.web):
            raise Refused(f"{host}:{port}: {NO_API_STEP}")
        if not allowance and port not in self.ports:
            allowed = ", ".join(map(str, sorted(self.ports)))
            raise Refused(f"{host}:{port}: port {port} is not allowed, only {allowed}")
        addresses = self._resolved(host, port)
        if not allowance:
            _require_public(host, port, addresses)
        return [Address(str(address), port) for address in addresses]

    def _check_tenant(self, host: str, port: int) -> None:
        if _listed(host, self.deny):
            raise Refused(f"{host}:{port}: the operator denies this host")
        if not all(_listed(host, hosts) for hosts in self.only):
            raise Refused(f"{host}:{port}: the operator allows other hosts only")

    def _resolved(self, host: str, port: int) -> list[IPv4Address | IPv6Address]:
        try:
            found = list(dict.fromkeys(ip_address(text) for text in self.resolve(host, port)))
        except (OSError, ValueError) as error:
            raise Unresolved(f"{host}:{port}: the name was not found ({error})") from error
        if not found:
            raise Unresolved(f"{host}:{port}: the name has no address")
        return found


def _listed(host: str, hosts: Sequence[str]) -> bool:
    return any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in hosts)


def allowances(text: str) -> tuple[Allowance, ...]:
    """Rules `host:port` or `host:port=ip:port`, separated by commas.

    Raises:
        BadNetworkRule: one is neither.
    """
    return tuple(_allowance(rule.strip()) for rule in text.split(",") if rule.strip())


def split_authority(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Host and port of `host:port`, `[ipv6]:port`, or without a port where there is a default.

    Raises:
        ValueError: it is none of these.
    """
    host, port = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is no host and port")
        port = rest[1:]
    elif ":" in text:
        host, _, port = text.rpartition(":")
    number = default_port if not port else int(port) if port.isascii() and port.isdigit() and len(port) < 6 else None
    if number is None or not 0 < number < 1 << 16:
        raise ValueError(f"{text!r} has no port")
    return normalised(host), number


def normalised(host: str) -> str:
    """A host's name as it is compared: lower case, no dot at the end.

    Raises:
        ValueError: it is no name.
    """
    name = host.lower().removesuffix(".")
    if not name or len(name) > MAX_NAME or not NAME_CHARACTERS.issuperset(name):
        raise ValueError(f"{host[:MAX_NAME]!r} is no host")
    return name


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the internet's, also once what it wraps is taken out of it."""
    if isinstance(address, IPv4Address):
        usual = address.is_global and not address.is_multicast and not address.is_reserved
        return usual and not any(address in network for network in NEVER_4)
    inner = address.ipv4_mapped or address.sixtofour
    if address in NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return is_public(inner)
    usual = address in GLOBAL_UNICAST and address.is_global
    return usual and not any(address in network for network in NEVER_6)


def _require_public(host: str, port: int, addresses: Sequence[IPv4Address | IPv6Address]) -> None:
    for address in addresses:
        if not is_public(address):
            raise Refused(f"{host}:{port}: {address} is no public address")


def _allowance(rule: str) -> Allowance:
    source, equals, target = rule.partition("=")
    try:
        host, port = split_authority(source.strip())
        if not equals:
            return Allowance(host, port)
        ip, target_port = split_authority(target.strip())
        return Allowance(host, port, Address(str(ip_address(ip)), target_port))
    except ValueError as error:
        raise BadNetworkRule(
            f"{ALLOW} has the rule {rule!r}: {error}.", "Write host:port or host:port=ip:port, or none for no network."
        ) from error


def _ca_file(text: str) -> Path:
    path = Path(text).absolute()
    try:
        size = path.stat().st_size
        path.open("rb").close()
    except OSError as error:
        raise BadNetworkRule(f"{CA} is {text!r}: {error.strerror}.", "Name a file of certificates (PEM).") from error
    if size > MAX_CA_BYTES:
        raise BadNetworkRule(f"{CA} is {text!r}, which has {size} bytes.", f"Name one of at most {MAX_CA_BYTES} bytes.")
    return path
