"""Walls that a kernel, or the container around a worker, may not give: their names, what helps, who accepts the risk."""

from collections.abc import Mapping

from plugin_sdk.errors import HostFailed, PlatformError

NAMESPACES, LANDLOCK, SECCOMP, UID = "namespaces", "landlock", "seccomp", "uid"

WALLS = {
    NAMESPACES: "In a container, add the capability SYS_ADMIN, or allow user namespaces and mounts in its profiles; on "
    "Ubuntu, set kernel.apparmor_restrict_unprivileged_userns=0 or run the worker as root.",
    LANDLOCK: "It needs Linux 5.13 or newer with 'landlock' among the kernel's security modules (lsm=).",
    SECCOMP: "It needs libseccomp.so.2 (Debian and Ubuntu: apt-get install libseccomp2; Fedora: dnf install libseccomp).",
    UID: "Run the worker as another user than root, or give it the capabilities SETUID and SETGID.",
}
"""Each wall, and how to get it."""


class UnknownWall(PlatformError):
    """A setting names a wall that does not exist."""

    code = "bad_setting"


def accepted(text: str, setting: str) -> frozenset[str]:
    """The walls that a setting names, separated by commas.

    Raises:
        UnknownWall: there is no such wall.
    """
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    for name in sorted(names - WALLS.keys()):
        raise UnknownWall(f"{setting} names the wall '{name}'.", f"Known walls: {', '.join(WALLS)}.")
    return names


def check_accepted(missing: Mapping[str, str], allowed: frozenset[str]) -> None:
    """Plugins only run behind every wall, unless the operator has accepted the risk of each that is missing.

    Raises:
        HostFailed: one is missing and not accepted.
    """
    refused = {name: why for name, why in missing.items() if name not in allowed}
    if not refused:
        return
    found = "; ".join(f"{name} ({why})" for name, why in refused.items())
    names = ",".join(sorted({*refused, *(allowed & missing.keys())}))
    raise HostFailed(
        f"Plugins can't be confined here, walls are missing: {found}.",
        f"{' '.join(WALLS[name] for name in refused)} To run plugins that you trust without, set "
        f"MIXPEEK_HOST_ALLOW_MISSING={names} for the CLI, OPENPEEK_HOST_ALLOW_MISSING={names} for services.",
        f"walls missing: {', '.join(refused)}",
    )
