"""GPUs: those that this process may use, and what each of them is to be shared by."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from core.settings import Settings
from plugin_sdk.errors import UnknownGpu
from plugin_sdk.host import gpu as granted
from plugin_sdk.manifest import Manifest
from plugin_sdk.pipeline import ResourceType

CONTEXT_MB = 512
"""What CUDA itself takes of a host's share before the first tensor."""

SHARED = 0.95
"""What of a GPU is shared; the rest is its driver's."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU by a name that all processes of the machine have for it, and what there is to share of its memory."""

    name: str
    memory_mb: int
    total_mb: int = 0

    def variables(self, share_mb: int) -> dict[str, str]:
        """What a host finds around it whose share this is: torch raises its OutOfMemoryError beyond that."""
        if not self.total_mb:
            return {}
        fraction = max(share_mb - CONTEXT_MB, share_mb // 2) / self.total_mb
        return {"PYTORCH_ALLOC_CONF": f"per_process_memory_fraction:{min(fraction, 1.0):.4f}"}


@cache
def listed() -> Sequence[Gpu]:
    """The GPUs that the NVIDIA driver lists, in the order of the PCI bus; none where it is not installed."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return ()
    asked = [tool, "--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits"]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    lines = [line.split(",") for line in told.stdout.splitlines() if line.startswith("GPU-")]
    return tuple(Gpu(uuid.strip(), int(int(total) * SHARED), int(total)) for uuid, total in lines)


def visible(settings: Settings) -> list[Gpu]:
    """The GPUs of CUDA_VISIBLE_DEVICES, or all that are listed without it; of unknown size only if settings give one.

    Raises:
        UnknownGpu: the variable names one that is not here.
    """
    named = os.environ.get(granted.VISIBLE)
    if named is None:
        return [_sized(gpu, settings) for gpu in listed()]
    if named.strip() in granted.NONE:
        return []
    found = [_named(name.strip()) for name in named.split(",")]
    return [_sized(gpu, settings) for gpu in found if gpu.memory_mb or settings.gpu_memory_mb]


def own(settings: Settings) -> Gpu | None:
    """The one GPU of a batch worker, the first of CUDA_VISIBLE_DEVICES: Dask names it first and all others behind it."""
    return next(iter(visible(settings)), None) if os.environ.get(granted.VISIBLE) else None


def own_name() -> str:
    """That GPU as CUDA_VISIBLE_DEVICES names it; empty for none."""
    return os.environ.get(granted.VISIBLE, "").partition(",")[0].strip()


def share_of(manifest: Manifest, gpu: Gpu, settings: Settings) -> int:
    """MB of this GPU that a host of the plugin gets: what its manifest asks for, else the usual."""
    asked = manifest.compute_profile.gpu_memory_gb if manifest.compute_profile else None
    return round(asked * 1024) if asked else min(settings.gpu_host_memory_mb, gpu.memory_mb)


def wants_gpu(manifest: Manifest) -> bool:
    """Whether the manifest says that the plugin's code runs on a GPU."""
    profile = manifest.compute_profile
    return profile is not None and bool(profile.resource_type == ResourceType.GPU or profile.gpu_memory_gb)


def _named(name: str) -> Gpu:
    there = listed()
    if not there:
        return Gpu(name, 0)
    matches = [gpu for gpu in there if name.startswith("GPU-") and gpu.name.startswith(name)]
    if name.isdecimal():
        matches = list(there[int(name) : int(name) + 1])
    if len(matches) != 1:
        raise UnknownGpu(
            f"CUDA_VISIBLE_DEVICES names the GPU {name!r}, and this machine has {len(there)}.",
            "Name one of them, as `nvidia-smi -L` lists them, or leave the variable away.",
        )
    return matches[0]


def _sized(gpu: Gpu, settings: Settings) -> Gpu:
    return replace(gpu, memory_mb=settings.gpu_memory_mb or gpu.memory_mb)
