"""What the kernel counts for a host: memory, address space, files, threads; each with its end."""

import contextlib
import os
import resource
import sys

MIB = 1 << 20
ADDRESS_SPACE_SLACK = 8 << 30
"""Arrow, torch and polars reserve address space that they never use."""

NOFILE = 512
THREADS, THREADS_PER_CPU = 1024, 8


def limit(*, memory_mb: int, scratch_mb: int, unlimited_address_space: bool, count_threads: bool) -> None:
    """Set the limits for good.

    Args:
        memory_mb: private memory beyond what came with the fork.
        scratch_mb: size of a file.
        unlimited_address_space: for CUDA, which reserves more than there is.
        count_threads: the kernel counts them for this host alone; else it would count the worker's too.
    """
    memory = memory_mb * MIB + _data_now()
    space = resource.RLIM_INFINITY if unlimited_address_space else memory + ADDRESS_SPACE_SLACK
    limits = {"RLIMIT_DATA": memory, "RLIMIT_AS": space, "RLIMIT_FSIZE": scratch_mb * MIB, "RLIMIT_CORE": 0}
    limits |= {"RLIMIT_NOFILE": NOFILE, "RLIMIT_MSGQUEUE": 0, "RLIMIT_SIGPENDING": 1024}
    if not unlimited_address_space:
        limits |= {"RLIMIT_MEMLOCK": 64 << 10}
    if count_threads:
        limits |= {"RLIMIT_NPROC": THREADS + THREADS_PER_CPU * (os.cpu_count() or 1)}
    for name, value in limits.items():
        if hasattr(resource, name):
            _, hard = resource.getrlimit(getattr(resource, name))
            capped = value if hard == resource.RLIM_INFINITY else min(value, hard)
            try:
                resource.setrlimit(getattr(resource, name), (capped, capped))
            except (OSError, ValueError):  # macOS takes no limit below what a process has reserved already
                if sys.platform == "linux":
                    raise


def _data_now() -> int:
    """Bytes of private memory that came with the fork and are not the plugin's."""
    with contextlib.suppress(OSError, ValueError), open("/proc/self/status") as status:  # noqa: PTH123
        for line in status:
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 0
