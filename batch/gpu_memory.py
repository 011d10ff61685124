"""GPU memory: who on this machine holds how much of which GPU, batch workers and serving nodes alike.

A lease is a file that its holder keeps locked. The kernel takes the lock from whoever dies, however, so that what the
dead held is free at once and nothing must be tidied up; `turn` is locked by whoever reads and changes the list.
"""

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from batch.cache import cache_root
from batch.gpus import Gpu
from plugin_sdk.errors import PlatformError

ASK_EVERY_S = 0.1
SHOWN_HOLDERS = 5


class GpuBusy(PlatformError):
    """A GPU's memory is held by others, or is less than was asked for."""

    code = "gpu_busy"


@dataclass(frozen=True, slots=True)
class Held:
    """What one holder has."""

    holder: str
    mb: int
    pid: int


class Lease:
    """Memory that is held until `close`, or until this process ends."""

    def __init__(self, file: Path, descriptor: int, mb: int) -> None:
        self.mb = mb
        self._file, self._descriptor = file, descriptor

    def close(self) -> None:
        """Give it back; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            self._file.unlink(missing_ok=True)
            os.close(descriptor)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class GpuMemory:
    """One GPU's memory, as all processes of this user on this machine share it."""

    def __init__(self, gpu: Gpu, root: Path | None = None) -> None:
        self.gpu = gpu
        self._folder = (root or cache_root()) / "gpu-leases" / re.sub(r"[^A-Za-z0-9-]", "_", gpu.name)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def held(self) -> list[Held]:
        """What is held now, by the living."""
        with self._turn():
            return self._held()

    def free_mb(self) -> int:
        """What nobody holds."""
        return self.gpu.memory_mb - sum(held.mb for held in self.held())

    def lease(self, mb: int, holder: str, wait_s: float = 0.0) -> Lease:
        """Hold so much of it, as soon as it is free.

        Raises:
            GpuBusy: it is more than there is, or was not free in time; the text names who holds what.
        """
        if mb > self.gpu.memory_mb:
            raise GpuBusy(
                f"{holder} asks for {mb} MB of the GPU {self.gpu.name}, which has {self.gpu.memory_mb} MB to share.",
                "Lower compute_profile['gpu_memory_gb'], or use a larger GPU.",
            )
        deadline = time.monotonic() + wait_s
        while True:
            with self._turn():
                held = self._held()
                if sum(h.mb for h in held) + mb <= self.gpu.memory_mb:
                    return self._hold(mb, holder)
            if time.monotonic() >= deadline:
                raise self._busy(mb, holder, held, wait_s)
            time.sleep(ASK_EVERY_S)

    def _busy(self, mb: int, holder: str, held: list[Held], wait_s: float) -> GpuBusy:
        free = self.gpu.memory_mb - sum(h.mb for h in held)
        largest = sorted(held, key=lambda h: -h.mb)[:SHOWN_HOLDERS]
        told = ", ".join(f"{h.holder} {h.mb} MB (process {h.pid})" for h in largest)
        return GpuBusy(
            f"{holder} asks for {mb} MB of the GPU {self.gpu.name}; {free} MB of {self.gpu.memory_mb} MB were free "
            f"within {wait_s:g} seconds. Held: {told}.",
            "Undeploy or finish one of those, lower compute_profile['gpu_memory_gb'], or wait and try again.",
        )

    def _hold(self, mb: int, holder: str) -> Lease:
        file = self._folder / f"{os.getpid()}-{time.monotonic_ns()}.lease"
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, json.dumps({"holder": holder, "mb": mb, "pid": os.getpid()}).encode())
        return Lease(file, descriptor, mb)

    def _held(self) -> list[Held]:
        """What the list says, without those whose lock is gone: their holders are."""
        found = []
        for file in self._folder.glob("*.lease"):
            with contextlib.suppress(FileNotFoundError), file.open("rb") as opened:
                try:
                    fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    found.append(Held(**json.loads(opened.read())))
                else:
                    file.unlink(missing_ok=True)
        return found

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        with (self._folder / "turn").open("a") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield
