"""Cluster: the Dask scheduler and its workers, found by address or started here: one process a slot, a GPU where found.

Whoever reaches a scheduler can run code on its workers, so one that is started here speaks TLS with a certificate that
only this service and its workers have; plugin hosts and other users of the machine are refused.
"""

import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dask
import distributed.utils
from distributed import Client
from distributed.security import Security

from batch.gpu_workers import local_cluster
from batch.remote import check_remote, connected
from batch.staffing import keep_staffed
from core.settings import Settings

log = logging.getLogger(__name__)

Resources = dict[str, float]
SLOT, EXPRESS, GPU, THREADS = "SLOT", "EXPRESS", "GPU", "threads"
LANES: Resources = {SLOT: 1, EXPRESS: 2}
"""A worker's resources: partitions take its slot; the first ones of new batches, which are small, the fast lane."""

THREADS_PER_WORKER = 4
"""One for the slot, two for the fast lane, and one that starts hosts."""

THREADS_OF_GPU = 2
"""One for the GPU's slot, and one that starts hosts."""

ASK_EVERY_S = 1.0

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
    "distributed.comm.timeouts.tcp": "15s",  # a machine that is cut off is given up after this; its tasks move
    "distributed.scheduler.worker-ttl": "60s",
    "distributed.deploy.lost-worker-timeout": "365 days",  # Dask may give up one that has just come back; see staffing
    "distributed.admin.tick.limit": "10s",
    "distributed.admin.tick.interval": "1s",
    "distributed.worker.profile.enabled": False,  # a look at all threads each 10 ms: 2 % of a core for each idle worker
    "distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS": 1,
    # What a partition frees the next one takes: Dask's own threshold has each large buffer come from the system anew.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 32 << 20,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 8 << 20,
    # Each arena of glibc's keeps what a thread once freed, and so does Arrow's own pool.
    "distributed.nanny.pre-spawn-environ.MALLOC_ARENA_MAX": 1,
    "distributed.nanny.pre-spawn-environ.ARROW_DEFAULT_MEMORY_POOL": "system",
}
"""What of Dask's settings is ours; a cluster elsewhere has the same from `infra/images/dask.yaml`."""


def scrub_environment() -> None:
    """Forget what neither this service nor its workers need: the workers inherit what is left."""
    for name in list(os.environ):
        kept = name in KEPT_NAMES or name.startswith(KEPT_VARIABLES)
        if not kept or name.startswith(SECRETS):
            del os.environ[name]


@contextmanager
def cluster(settings: Settings) -> Iterator[Client]:
    """A client of the cluster that `settings` name; one that was started here ends with it."""
    with dask.config.set(_config()):
        if settings.dask_address:
            check_remote(settings)
            with connected(settings.dask_address) as client:
                yield client
            return
        with _forked(), _local(settings) as local, Client(local) as client:
            keep_staffed(local)
            yield client


def _config() -> dict[str, Any]:
    """`CONFIG`, but for what the environment says otherwise."""
    said = dask.config.collect_env()
    return {name: value for name, value in CONFIG.items() if dask.config.get(name, None, config=said) is None}


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the workers offer, by address. A worker that declares no `SLOT` offers its threads, and no fast lane."""

    workers: dict[str, Mapping[str, float]]

    @property
    def slots(self) -> int:
        """Partitions that run at once."""
        own = [w for w in self.workers.values() if SLOT not in w and GPU in w]
        return int(self._sum(SLOT) + sum(w[GPU] for w in own)) or int(self._sum(THREADS))

    @property
    def gpus(self) -> int:
        """GPU slots."""
        return int(self._sum(GPU))

    @property
    def slot(self) -> Resources | None:
        """What a partition takes."""
        return {SLOT: 1} if self._sum(SLOT) else None

    @property
    def express(self) -> Resources | None:
        """What the first partition of a batch takes, so that it need not wait for those of others."""
        return {EXPRESS: 1} if self._sum(EXPRESS) else self.slot

    def _sum(self, name: str) -> float:
        return sum(worker.get(name, 0) for worker in self.workers.values())


class Cluster:
    """A client, and what its workers offer as of a second ago; any thread may ask."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._guard = threading.Lock()
        self._asked, self._capacity = float("-inf"), Capacity({})

    def capacity(self) -> Capacity:
        """What the workers offer."""
        with self._guard:
            if time.monotonic() - self._asked >= ASK_EVERY_S:
                workers = self.client.scheduler_info(n_workers=-1)["workers"]
                self._capacity = Capacity(
                    {a: {THREADS: w["nthreads"], **(w.get("resources") or {})} for a, w in workers.items()}
                )
                self._asked = time.monotonic()
            return self._capacity


def slots(client: Client) -> int:
    """Partitions that run at once."""
    return Cluster(client).capacity().slots


def gpus(client: Client) -> int:
    """GPU slots that the workers offer."""
    return Cluster(client).capacity().gpus


@contextmanager
def _forked() -> Iterator[None]:
    """Workers here are forked from a process that has their imports done: it is all there once, and they start at once."""
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        multiprocessing.get_context("forkserver").set_forkserver_preload(["batch.preloaded"])
        distributed.utils._forkserver_preload_set = True  # else Dask imports pandas here, to preload that instead
        yield


def _local(settings: Settings) -> Any:
    """Workers for the CPU, and one for each GPU, which has that GPU alone."""
    return local_cluster(
        settings,
        on_cpu={"nthreads": THREADS_PER_WORKER, "resources": LANES},
        on_gpu={"nthreads": THREADS_OF_GPU, "resources": {GPU: 1}},
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        security=Security.temporary(),
        memory_limit=0,  # the hosts have limits of their own; a worker holds little
        silence_logs=logging.WARNING,
    )
