"""Which workers a machine's own cluster has, with GPUs and without, by dask-cuda and without it."""

import sys
from types import ModuleType
from typing import Any

import pytest

from batch import gpu_workers
from batch.gpu_workers import local_cluster
from batch.gpus import Gpu
from core.settings import Settings

ON_CPU = {"nthreads": 4, "resources": {"SLOT": 1}}
ON_GPU = {"nthreads": 2, "resources": {"GPU": 1}}
GPUS = (Gpu("GPU-aaaa", 8_000, 8_400), Gpu("GPU-bbbb", 8_000, 8_400))


class Workers:
    """A cluster that starts nothing."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.new_spec = {"cls": "Nanny", "options": {"memory_limit": 0, "preload": ["dask_cuda.initialize"]}}
        self.worker_spec: dict[str, Any] = {}

    def sync(self, function: Any) -> None:
        """Nothing to start."""

    _correct_state = None


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Gpu]:
    """The driver's GPUs."""
    gpus: list[Gpu] = []
    monkeypatch.setattr(gpu_workers, "LocalCluster", Workers)
    monkeypatch.setattr(gpu_workers, "listed", lambda: gpus)
    monkeypatch.setattr(gpu_workers, "visible", lambda settings: gpus)
    monkeypatch.setitem(sys.modules, "dask_cuda", None)
    return gpus


def seen(cluster: Any) -> dict[str, tuple[str, dict[str, int]]]:
    """Each worker's GPUs and resources."""
    specs = {name: spec["options"] for name, spec in cluster.worker_spec.items()}
    assert not any("preload" in options for options in specs.values())
    return {n: (options["env"]["CUDA_VISIBLE_DEVICES"], options["resources"]) for n, options in specs.items()}


def test_without_a_gpu_all_workers_are_for_the_cpu(found):
    cluster = local_cluster(Settings(workers=2), ON_CPU, ON_GPU)

    assert seen(cluster) == {"0": ("", {"SLOT": 1}), "1": ("", {"SLOT": 1})}


def test_each_gpu_has_a_worker_that_sees_no_other(found):
    found += GPUS

    cluster = local_cluster(Settings(workers=1), ON_CPU, ON_GPU)

    assert seen(cluster) == {
        "0": ("", {"SLOT": 1}),
        "gpu-GPU-aaaa": ("GPU-aaaa", {"GPU": 1}),
        "gpu-GPU-bbbb": ("GPU-bbbb", {"GPU": 1}),
    }


@pytest.mark.parametrize(("count", "names"), [(0, []), (1, ["GPU-aaaa"]), (3, ["GPU-aaaa", "GPU-bbbb", "2"])])
def test_settings_say_how_many_get_one(found, count, names):
    found += GPUS

    cluster = local_cluster(Settings(workers=1, gpus=count), ON_CPU, ON_GPU)

    assert [gpus for gpus, _ in seen(cluster).values() if gpus] == names


def test_dask_cuda_starts_the_workers_of_gpus_where_it_is_installed(found, monkeypatch):
    found += GPUS
    module = ModuleType("dask_cuda")
    module.LocalCUDACluster = type("LocalCUDACluster", (Workers,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dask_cuda", module)

    cluster = local_cluster(Settings(workers=1), ON_CPU, ON_GPU, host="127.0.0.1")

    assert type(cluster).__name__ == "LocalCUDACluster"
    assert cluster.options == {
        "CUDA_VISIBLE_DEVICES": ["GPU-aaaa", "GPU-bbbb"],
        "threads_per_worker": 2,
        "resources": {"GPU": 1},
        "data": dict,
        "host": "127.0.0.1",
    }
    assert seen(cluster) == {"cpu-0": ("", {"SLOT": 1})}
