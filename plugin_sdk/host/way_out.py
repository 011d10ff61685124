"""A host's only way out: a listener in its empty network namespace, which its worker holds and answers as a proxy.

A socket stays in the namespace that it was made in: the plugin connects to its own loopback device, and the worker
accepts those connections and dials from its own namespace.
"""

import fcntl
import socket
import struct

from plugin_sdk.host.protocol import Op, encode
from plugin_sdk.host.transport import send_all

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
BACKLOG = 64
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
CA_FILE = "/etc/plugin-ca.pem"
CA_NAMES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


def open_way_out(control: int) -> int | None:
    """Hand the worker a listener of this network namespace, over the control socket; its port.

    Returns:
        None where the namespace's loopback device can't be brought up, which the worker is told: no network.
    """
    with socket.socket(fileno=control) as worker, socket.socket() as listener:
        try:
            raise_loopback()
            listener.bind(("127.0.0.1", 0))
            listener.listen(BACKLOG)
        except OSError as error:
            send_all(worker, encode(Op.LISTENING, {"error": str(error)}))
            port = None
        else:
            send_all(worker, encode(Op.LISTENING, {"error": None}), [listener.fileno()])
            port = listener.getsockname()[1]
        worker.detach()
    return port


def raise_loopback() -> None:
    """Bring the network namespace's loopback device up.

    Raises:
        OSError: this process lacks CAP_NET_ADMIN there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        asked = struct.pack("16sH22x", b"lo", 0)
        _, flags = struct.unpack("16sH22x", fcntl.ioctl(device, SIOCGIFFLAGS, asked))
        fcntl.ioctl(device, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | IFF_UP))


def variables(port: int, *, private_ca: bool) -> dict[str, str]:
    """What tells libraries of the proxy, and of the certificate authorities to trust."""
    found = dict.fromkeys(NAMES, f"http://127.0.0.1:{port}")
    return found | dict.fromkeys(CA_NAMES, CA_FILE) if private_ca else found
