"""Cluster: the Dask scheduler and its workers, found by address or started here: one process a slot, a GPU where found.

Whoever reaches a scheduler can run code on its workers, so one that is started here speaks TLS with a certificate that
only this service and its workers have; plugin hosts and other users of the machine are refused.
"""

import importlib.util
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client, LocalCluster
from distributed.security import Security

from core.settings import Settings

log = logging.getLogger(__name__)

KEPT_VARIABLES = ("AWS_", "CUDA_", "DASK_", "LC_", "MIXPEEK_", "NVIDIA_", "OPENPEEK_", "PYTHON", "SSL_")
KEPT_NAMES = {"HF_HOME", "HOME", "LANG", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV"}
SECRETS = ("MIXPEEK_API_KEY", "OPENPEEK_API_KEY", "OPENPEEK_ADMIN")

CONFIG = {
    "distributed.scheduler.allowed-failures": 3,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": 0.9,
    "distributed.worker.memory.terminate": False,
    "distributed.comm.timeouts.connect": "15s",
    "distributed.admin.tick.limit": "10s",
    "distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS": 1,
}


def scrub_environment() -> None:
    """Forget what neither this service nor its workers need: the workers inherit what is left."""
    for name in list(os.environ):
        kept = name in KEPT_NAMES or name.startswith(KEPT_VARIABLES)
        if not kept or name.startswith(SECRETS):
            del os.environ[name]


@contextmanager
def cluster(settings: Settings) -> Iterator[Client]:
    """A client of the cluster that `settings` name; one that was started here ends with it."""
    with dask.config.set(CONFIG):
        if settings.dask_address:
            with Client(settings.dask_address, timeout=30) as client:
                yield client
            return
        with _local(settings) as local, Client(local) as client:
            yield client


def slots(client: Client) -> int:
    """Tasks that run at once."""
    return sum(int(w["nthreads"]) for w in _workers(client).values())


def gpus(client: Client) -> int:
    """GPU slots that the workers offer."""
    return int(sum((w.get("resources") or {}).get("GPU", 0) for w in _workers(client).values()))


def _workers(client: Client) -> dict[str, Any]:
    workers: dict[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    return workers


def _local(settings: Settings) -> Any:
    if has_gpu() and importlib.util.find_spec("dask_cuda"):
        from dask_cuda import LocalCUDACluster  # needs a GPU to import

        return LocalCUDACluster(
            threads_per_worker=1,
            resources={"GPU": 1},
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            security=Security.temporary(),
            protocol="tls",
        )
    return LocalCluster(
        n_workers=settings.workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        security=Security.temporary(),
        memory_limit=0,  # the hosts have limits of their own; a worker holds little
        silence_logs=logging.WARNING,
    )


def has_gpu() -> bool:
    """Whether an NVIDIA driver is installed."""
    return shutil.which("nvidia-smi") is not None
