"""GPU workers: one for each GPU of this machine beside the workers for the CPU, by dask-cuda where it is installed."""

import logging
import os
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from distributed import LocalCluster

from batch.gpus import listed, visible
from core.settings import Settings
from plugin_sdk.host.gpu import VISIBLE

log = logging.getLogger(__name__)

OF_DASK_CUDA = ("preload", "preload_argv", "plugins")
"""Options of dask-cuda's workers that those for the CPU are not to have: they start CUDA."""


def gpu_names(settings: Settings) -> list[str]:
    """The GPUs that get a worker, by UUID where the driver is asked; by number for a count that it knows nothing of."""
    found = [gpu.name for gpu in visible(settings)]
    if settings.gpus is None:
        return found
    return [*found, *map(str, range(len(found), settings.gpus))][: settings.gpus]


def local_cluster(settings: Settings, on_cpu: Mapping[str, Any], on_gpu: Mapping[str, Any], **options: Any) -> Any:
    """A cluster of `settings.workers` for the CPU and one worker a GPU, which owns that GPU.

    Args:
        settings: how many of which.
        on_cpu: `nthreads` and `resources` of a worker for the CPU.
        on_gpu: those of a worker that owns a GPU.
        **options: of the cluster.
    """
    names = gpu_names(settings)
    cuda = _dask_cuda() if names and listed() else None
    if cuda:
        cluster = cuda(
            CUDA_VISIBLE_DEVICES=names,
            threads_per_worker=on_gpu["nthreads"],
            resources=on_gpu["resources"],
            data=dict,  # what a worker holds is Arrow in memory; nothing of it lies on the GPU
            **options,
        )
        more = {f"cpu-{n}": _spec(cluster.new_spec, on_cpu, "") for n in range(settings.workers)}
    else:
        cluster = LocalCluster(n_workers=0, threads_per_worker=on_cpu["nthreads"], processes=True, **options)
        more = {str(n): _spec(cluster.new_spec, on_cpu, "") for n in range(settings.workers)}
        more |= {f"gpu-{name}": _spec(cluster.new_spec, on_gpu, name) for name in names}
    cluster.worker_spec.update(more)
    cluster.sync(cluster._correct_state)
    return cluster


def _spec(spec: Mapping[str, Any], kind: Mapping[str, Any], gpus: str) -> dict[str, Any]:
    """A worker like those of `spec`, of this kind; its hosts see these GPUs alone, before torch is loaded in them."""
    kept = {name: value for name, value in spec["options"].items() if name not in OF_DASK_CUDA}
    env = {**os.environ, **kept.get("env", {}), VISIBLE: gpus}  # a worker may be forked from an older environment
    return {"cls": spec["cls"], "options": deepcopy(kept) | dict(kind) | {"env": env}}


def _dask_cuda() -> Any:
    """dask-cuda's cluster, which also keeps each worker on the processor cores that are near its GPU; None without it."""
    try:
        from dask_cuda import LocalCUDACluster
    except ImportError as error:
        log.info("dask-cuda is not used: %s. The extra openpeek[gpu] brings it.", error)
        return None
    return LocalCUDACluster
