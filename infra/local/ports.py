"""Ports: whether one is free, and who has it if not."""

import socket

import psutil

from plugin_sdk.errors import PlatformError

HOST = "127.0.0.1"


class PortTaken(PlatformError):
    """Another process listens where the platform wants to."""

    code = "port_taken"


def require_free(port: int, flag: str, variable: str) -> None:
    """Make sure that this port can be listened on.

    Raises:
        PortTaken: it can't; the process that has it is named.
    """
    if is_free(port):
        return
    raise PortTaken(
        f"Port {port} is in use by {holder(port) or 'a process that this user cannot see'}.",
        f"Stop it, or choose another port with {flag} or {variable}.",
    )


def is_free(port: int) -> bool:
    """Whether `port` can be bound on the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str | None:
    """`name (pid 12)` of the process that listens on `port`, if this user may know."""
    for process in psutil.process_iter(["pid", "name"]):
        try:
            listens = any(
                c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port
                for c in process.net_connections(kind="tcp")
            )
        except psutil.Error:
            continue
        if listens:
            return f"{process.info['name']} (pid {process.info['pid']})"
    return None
