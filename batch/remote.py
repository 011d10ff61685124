"""Remote: a Dask cluster elsewhere, found by its scheduler's address; what it shares with us is S3 and nothing else.

Dask's own settings hold the certificates (`DASK_DISTRIBUTED__COMM__TLS__…`), the same for scheduler, workers and this
service. No credential travels: each worker has its own, as it has settings that describe its machine.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import dask
from distributed import Client
from distributed.security import Security

from core.settings import Settings
from plugin_sdk.errors import PlatformError

PATIENCE_S = 10.0

OF_THE_MACHINE = (
    "aws_endpoint_url", "host_allow_missing", "host_cgroup", "host_memory_mb", "host_max_memory_mb", "model_cache",
)  # fmt: skip
"""Settings that are a worker's own where its environment has them, and the service's where not."""

TLS_FILES = ("ca-file", "client.cert", "client.key")
TLS_HELP = "docs/deploy.md, 'Beyond one machine', has the commands that make the certificates."


class ClusterMisconfigured(PlatformError):
    """Settings with which no cluster elsewhere can be used."""

    code = "bad_setting"


class SchedulerUnreachable(PlatformError):
    """The scheduler does not answer, or it and we do not trust each other; tried again until it does."""

    code = "scheduler_unreachable"


def check_remote(settings: Settings) -> None:
    """Nothing to complain of where no scheduler is named.

    Raises:
        ClusterMisconfigured: the address is none, files of TLS are missing, or the data lie where workers can't reach.
    """
    address = settings.dask_address
    if address is None:
        return
    host, _ = _place(address)
    if "://" not in settings.data_uri and not _is_here(host):
        raise ClusterMisconfigured(
            f"OPENPEEK_DATA_URI is '{settings.data_uri}', a folder of this machine, and OPENPEEK_DASK_ADDRESS names "
            f"workers elsewhere ({address}).",
            "Set OPENPEEK_DATA_URI=s3://bucket/prefix, here and on the serving nodes; or leave OPENPEEK_DASK_ADDRESS "
            "out, and workers are started on this machine.",
        )
    if address.startswith("tls://"):
        _check_files()


@contextmanager
def connected(address: str, timeout_s: float = PATIENCE_S) -> Iterator[Client]:
    """A client of the scheduler at `address`.

    Raises:
        SchedulerUnreachable: nobody answers there, or the certificates do not match.
    """
    look(address, timeout_s)
    try:
        client = Client(address, timeout=timeout_s)
    except (OSError, TimeoutError) as error:
        raise _unreachable(address, error) from error
    with client:
        yield client


def look(address: str, timeout_s: float = PATIENCE_S) -> None:
    """Open a connection as Dask would, and close it again: what is wrong is told as it is.

    Raises:
        SchedulerUnreachable: as `connected`.
    """
    try:
        with socket.create_connection(_place(address), timeout_s) as plain:
            if not address.startswith("tls://"):
                _greeted(plain)
                return
            with _client_context().wrap_socket(plain) as secured:
                _greeted(secured)
    except OSError as error:
        raise _unreachable(address, error) from error


def own_settings(settings: Settings) -> Settings:
    """The settings that came with a task, as this worker uses them; on a cluster of one machine they are the same."""
    if settings.dask_address is None:
        return settings
    own = Settings()
    cache = settings.model_cache
    kept = {"model_cache": cache if cache and cache.is_dir() else None}
    kept |= {name: getattr(own, name) for name in OF_THE_MACHINE if name in own.model_fields_set}
    return settings.model_copy(update=kept)


def _place(address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(address)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme not in ("tcp", "tls") or not host or not port:
        raise ClusterMisconfigured(
            f"OPENPEEK_DASK_ADDRESS is '{address}', which is no scheduler's address.",
            "Write tls://host:8786, or tcp://host:8786 in a network that nobody else is in.",
        )
    return host, port


def _is_here(host: str) -> bool:
    """Whether workers of a scheduler there may be taken to share this machine's disk."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_files() -> None:
    for name in TLS_FILES:
        variable = f"DASK_DISTRIBUTED__COMM__TLS__{name.upper().replace('.', '__').replace('-', '_')}"
        path = dask.config.get(f"distributed.comm.tls.{name}", None)
        if not path:
            raise ClusterMisconfigured(
                f"OPENPEEK_DASK_ADDRESS speaks TLS, and Dask's setting distributed.comm.tls.{name} is empty.",
                f"Set {variable} to the file. {TLS_HELP}",
            )
        if "\n" in path:
            continue  # Dask takes the text of a file as well
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise ClusterMisconfigured(
                f"distributed.comm.tls.{name} names '{path}', which can't be read: {error.strerror}.",
                f"Set {variable} to a file that this user may read. {TLS_HELP}",
            ) from error
    try:
        _client_context()
    except (OSError, ValueError) as error:
        raise ClusterMisconfigured(
            f"The files of distributed.comm.tls are no certificates with their key: {error}.",
            f"Make the certificates anew. {TLS_HELP}",
        ) from error


def _client_context() -> ssl.SSLContext:
    context: ssl.SSLContext = Security(require_encryption=True).get_connection_args("client")["ssl_context"]
    return context


def _greeted(connection: socket.socket) -> None:
    """A scheduler speaks first; one that refuses our certificate says so here."""
    if not connection.recv(1):
        raise ConnectionResetError("the connection was closed at once")


def _unreachable(address: str, error: BaseException) -> SchedulerUnreachable:
    why, fix = _explained(address, error)
    return SchedulerUnreachable(f"No Dask scheduler can be reached at {address}: {why}.", fix)


def _explained(address: str, error: BaseException) -> tuple[str, str]:
    same_ca = f"Give scheduler, workers and batch service certificates of one authority. {TLS_HELP}"
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not of the authority in ca-file ({error.verify_message})", same_ca
        case ssl.SSLError() if "WRONG_VERSION" in str(error) or "RECORD" in str(error):
            return (
                "what answers there does not speak TLS",
                "Start the scheduler with its certificates, or write tcp://.",
            )
        case ssl.SSLError():
            return f"it refuses our certificate ({error.reason or error})", same_ca
        case ConnectionRefusedError():
            return "nothing listens there", "Start the scheduler, or correct OPENPEEK_DASK_ADDRESS."
        case socket.gaierror():
            return f"the name is not known ({error.strerror})", "Correct OPENPEEK_DASK_ADDRESS, or wait for the name."
        case ConnectionError() if address.startswith("tcp://"):
            return "the connection was closed at once", "If the scheduler speaks TLS, write tls://."
        case TimeoutError() if address.startswith("tcp://"):
            return "no answer in time", "Open the port for this machine; if the scheduler speaks TLS, write tls://."
        case TimeoutError():
            return "no answer in time", "Open the port for this machine in its firewall or security group."
    return f"{type(error).__name__}: {error}", "Look at the scheduler's log."
