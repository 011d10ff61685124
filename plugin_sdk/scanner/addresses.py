"""Addresses written into a plugin: every notation of a loopback, link-local or metadata address."""

import ipaddress
import re
from functools import lru_cache
from urllib.parse import unquote

URL = re.compile(r"(?:\b[a-z][a-z0-9+.-]{0,20}:)?[/\\]{2,}([^\s/\\?#'\"<>]{0,300})", re.IGNORECASE)
UNIX = re.compile(r"\b(?:[a-z]+\+)?unix(?:socket)?:/|\bipc://|\bnpipe:|/docker\.sock\b|\.sock\b", re.IGNORECASE)
METADATA_NAMES = re.compile(
    r"^(metadata(\.google(\.internal)?)?|metadata\.goog|metadata\.azure\.(com|internal)|instance-data(\.ec2\.internal)?"
    r"|kubernetes(\.default(\.svc(\.cluster\.local)?)?)?|host\.docker\.internal|gateway\.docker\.internal)$"
)
LOCAL_NAMES = re.compile(
    r"^(localhost\d*(\.localdomain\d*)?|ip6-localhost|ip6-loopback|loopback|.*\.localhost|localtest\.me|.*\.localtest\.me"
    r"|lvh\.me|.*\.lvh\.me|vcap\.me|.*\.vcap\.me)$"
)
WILDCARD = re.compile(r"(?:^|[.-])(\d{1,3}[.-]\d{1,3}[.-]\d{1,3}[.-]\d{1,3})[.-]?[\w.-]*\.(nip\.io|sslip\.io|xip\.io)$")
METADATA = {
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "168.63.129.16",
    )
}
DOTS = str.maketrans({"。": ".", "．": ".", "｡": "."})


@lru_cache(maxsize=20_000)
def forbidden_address(text: str) -> str | None:
    """The first address in a text that a plugin may not call, as it is written there; None without one."""
    if "unix" in text or ".sock" in text or "ipc:" in text or "npipe" in text:
        found = UNIX.search(text)
        if found and " " not in text.strip():
            return found.group()
    for match in URL.finditer(text.replace("\n", " ")):
        host = _host(match.group(1))
        if host is not None and _forbidden(host):
            return host
    bare = text.strip()
    if len(bare) < 64 and " " not in bare and _bare_address(bare):
        return bare
    return None


def _bare_address(text: str) -> bool:
    """A text that is nothing but an address: `169.254.169.254`, `127.0.0.1:80`, `metadata.google.internal`."""
    host = _host(text) or ""
    if (re.fullmatch(r"[\d.]{7,15}", host) and host.count(".") == 3) or ":" in host:
        return _forbidden(host)
    return host.lower().rstrip(".") in {"localhost"} or bool(
        METADATA_NAMES.match(host.lower().rstrip(".")) and "." in host
    )


def _host(authority: str) -> str | None:
    """The host of `user:password@host:port`."""
    authority = unquote(authority).rpartition("@")[2].translate(DOTS)
    if authority.startswith("["):
        return authority[1:].partition("]")[0].partition("%")[0]
    if authority.count(":") > 1:
        return authority
    return authority.partition(":")[0] or None


def _forbidden(host: str) -> bool:
    name = host.lower().rstrip(".")
    try:
        name = name.encode("idna").decode() if not name.isascii() else name
    except UnicodeError:
        return True
    if METADATA_NAMES.match(name) or LOCAL_NAMES.match(name):
        return True
    wildcard = WILDCARD.search(name)
    address = _address(wildcard.group(1).replace("-", ".") if wildcard else name)
    return address is not None and _internal(address)


def _internal(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in ipaddress.ip_network("64:ff9b::/96") or address in ipaddress.ip_network("::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _internal(inner) or address == ipaddress.IPv6Address("::1")
    return address in METADATA or address.is_loopback or address.is_link_local or address.is_unspecified


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address in any notation that resolvers take: dotted, decimal, octal, hexadecimal, shortened, IPv6."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    parts = host.split(".")
    if not 1 <= len(parts) <= 4:
        return None
    numbers = []
    for part in parts:
        number = _number(part)
        if number is None:
            return None
        numbers.append(number)
    *front, last = numbers
    if any(number > 255 for number in front) or last >= 256 ** (5 - len(parts)):
        last %= 256 ** (5 - len(parts))
        front = [number % 256 for number in front]
    value = last
    for position, number in enumerate(front):
        value |= number << (24 - 8 * position)
    return ipaddress.IPv4Address(value)


def _number(text: str) -> int | None:
    if not text or len(text) > 30:
        return None
    if re.fullmatch(r"0x[0-9a-f]+", text):
        return int(text, 16)
    if re.fullmatch(r"0[0-7]+", text):
        return int(text, 8)
    return int(text) if re.fullmatch(r"[0-9]+", text) and text.isascii() else None
