"""The GPUs that hosts are given: their device files, what of /proc and /sys is about them, and the driver's libraries.

CUDA is told of a GPU by CUDA_VISIBLE_DEVICES; what keeps a host from the others is that their device files are not there.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from plugin_sdk.errors import UnknownGpu

VISIBLE = "CUDA_VISIBLE_DEVICES"
NONE = ("", "-1", "NoDevFiles", "void", "none")
DRIVER = Path("/proc/driver/nvidia")
DRIVER_DEVICES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")
FACTS = (
    "/proc/devices",
    "/proc/modules",
    "/proc/sys/vm/mmap_min_addr",
    "/proc/driver/nvidia/params",
    "/proc/driver/nvidia/version",
    "/sys/devices/system/memory/block_size_bytes",
)
LIBRARY = "libcuda.so.1"
LIBRARY_FOLDERS = ("/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/run/opengl-driver/lib")
"""Where containers and distributions put the driver's libraries, beside the system's own folders."""

COMPUTE_CACHE = {"CUDA_CACHE_MAXSIZE": str(256 << 20), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


@dataclass(frozen=True, slots=True)
class Gpu:
    """One of the machine's GPUs; `bus` and `uuid` are not known where the driver tells nothing in /proc."""

    minor: int
    uuid: str | None = None
    bus: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What hosts have of the machine's GPUs; nothing of it when `wanted` is false."""

    wanted: bool = False
    visible: str = ""
    devices: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    library_path: str = ""

    def variables(self) -> dict[str, str]:
        """What CUDA reads when a host loads it: the GPUs by names that hold in the host, where others are not there."""
        if not self.wanted:
            return {}
        path = {"LD_LIBRARY_PATH": self.library_path} if self.library_path else {}
        return {**COMPUTE_CACHE, VISIBLE: self.visible, **path}


def grant(visible: str, environ: Mapping[str, str] = os.environ, driver: Path = DRIVER) -> Grant:
    """What hosts get whose CUDA_VISIBLE_DEVICES is `visible`.

    Args:
        visible: GPUs of this machine, as CUDA names them: numbers in the order of the PCI bus, or UUIDs.
        environ: where LD_LIBRARY_PATH says in which folders the driver's libraries lie.
        driver: what the driver tells of itself.

    Raises:
        UnknownGpu: one of them is not here, or is a part of a GPU.
    """
    if visible.strip() in NONE:
        return Grant()
    there = gpus(driver)
    given = [_found(name.strip(), there) for name in visible.split(",")]
    folders = list(_library_folders(environ))
    return Grant(
        wanted=True,
        visible=",".join(gpu.uuid or str(at) for at, gpu in enumerate(given)),
        devices=(*DRIVER_DEVICES, *(f"/dev/nvidia{gpu.minor}" for gpu in given)),
        facts=(*FACTS, *folders, *(fact for gpu in given if gpu.bus for fact in _facts(gpu.bus))),
        library_path=":".join(folders),
    )


def gpus(driver: Path = DRIVER) -> list[Gpu]:
    """The machine's GPUs in the order of the PCI bus."""
    found = []
    for file in sorted(driver.glob("gpus/*/information")):
        pairs = (line.partition(":") for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
        told = {name.strip(): value.strip() for name, _, value in pairs}
        if told.get("Device Minor", "").isdecimal():
            uuid = told.get("GPU UUID", "")
            found.append(Gpu(int(told["Device Minor"]), uuid if _is_uuid(uuid) else None, file.parent.name))
    return found


def _found(name: str, there: list[Gpu]) -> Gpu:
    if name.startswith("MIG-"):
        raise UnknownGpu(
            f"CUDA_VISIBLE_DEVICES names {name}, a part of a GPU, and hosts can be given whole ones.",
            "Switch MIG off, or name the GPU by its number or its UUID.",
        )
    if name.isdecimal() and not there:
        return Gpu(int(name))
    matches = [gpu for gpu in there if gpu.uuid and name.startswith("GPU-") and gpu.uuid.startswith(name)]
    if name.isdecimal():
        matches = there[int(name) : int(name) + 1]
    if len(matches) != 1:
        known = ", ".join(f"{at} ({gpu.uuid})" for at, gpu in enumerate(there)) or "none"
        raise UnknownGpu(
            f"CUDA_VISIBLE_DEVICES names the GPU {name!r}, and this machine has: {known}.",
            "Name one of them, as `nvidia-smi -L` lists them, or leave the variable away.",
        )
    return matches[0]


def _facts(bus: str) -> tuple[str, str]:
    return f"{DRIVER}/gpus/{bus}", f"/sys/bus/pci/devices/{bus.lower()}"


def _is_uuid(text: str) -> bool:
    return text.startswith("GPU-") and "?" not in text  # the driver shows question marks until a GPU was first used


def _library_folders(environ: Mapping[str, str]) -> Iterable[str]:
    """Folders beside the system's own that have the driver's library."""
    named = [folder for folder in environ.get("LD_LIBRARY_PATH", "").split(":") if folder.startswith("/")]
    return dict.fromkeys(f for f in (*named, *LIBRARY_FOLDERS) if Path(f, LIBRARY).exists() and not _is_system(f))


def _is_system(folder: str) -> bool:
    return folder.startswith(("/usr/lib", "/lib"))
