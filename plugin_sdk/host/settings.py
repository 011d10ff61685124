"""Limits and surroundings of a plugin host, set by whoever runs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plugin_sdk.host.network import NetworkPolicy


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What one host may use, and what it finds around it.

    Attributes:
        memory_mb: private memory of one host process, where its plugin's manifest asks for none.
        max_memory_mb: the most that a manifest may ask for.
        max_memory_setting: what the operator sets that with, for messages.
        call_timeout_s: seconds for one batch of a step, one realtime request, or the loading of the plugin's files.
        scratch_mb: size of the plugin's own folder, which is memory too; without namespaces, of each file in it.
        model_cache: a Hugging Face cache, read by all hosts; None leaves the plugin without one.
        env: variables that the operator adds, e.g. CUDA_VISIBLE_DEVICES; nothing else of the worker's reaches a host.
        preload_torch: import torch once for all hosts; costs 200 MB, saves 2.5 s at the first model of each.
        max_reply_mb: largest table that is taken back, and largest answer, if that is below 64.
        max_rows: most rows of a table that is taken back.
        start_timeout_s: seconds for the common imports, once.
        allow_missing: walls of `plugin_sdk.host.missing.WALLS` that the kernel may lack; hosts then run without them.
        model_downloads: models that are not in the cache may be downloaded, through the proxy, into a host's scratch.
        network: what hosts may reach through their worker's proxy; None is nothing.
        cgroup: a folder of cgroup v2 in which each host gets a group with a memory limit; empty is the worker's own
            group, if that may be divided, else none.
    """

    memory_mb: int = 4096
    max_memory_mb: int = 32_768
    max_memory_setting: str = "OPENPEEK_HOST_MAX_MEMORY_MB"
    call_timeout_s: float = 600.0
    scratch_mb: int = 1024
    model_cache: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    preload_torch: bool = False
    max_reply_mb: int = 1024
    max_rows: int = 1_000_000
    start_timeout_s: float = 120.0
    allow_missing: frozenset[str] = frozenset()
    model_downloads: bool = False
    network: NetworkPolicy | None = None
    cgroup: str = ""
