"""Hosts: the plugin hosts of one worker process, by plugin, tenant and parameters; kept between tasks, lent to one at once."""

import importlib.util
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from batch.broker import broker_of
from batch.gpu_memory import GpuBusy, GpuMemory, Lease
from batch.gpus import Gpu, own, own_name, share_of
from batch.partitions import Extraction, PluginRef
from batch.unpacked import plugin_folder
from core.settings import Settings
from core.stores import Stores
from core.stores.blobs import Blobs
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.host import HostSettings, NetworkPolicy, PluginHost, Zygote
from plugin_sdk.host.gpu import VISIBLE
from plugin_sdk.host.memory import memory_of
from plugin_sdk.host.missing import accepted
from plugin_sdk.host.model_view import downloads
from plugin_sdk.host.network_rules import tenant_policy
from plugin_sdk.pipeline import ResourceType, RowCondition

CONTENT = ("text", "image", "video", "audio", "pdf")
TORCH = re.compile(
    rb"^\s*(?:import|from)\s+(?:torch\w*|transformers|sentence_transformers|open_clip|timm|accelerate|diffusers)\b",
    re.M,
)
MAX_HOSTS = 8
"""Hosts of a worker; those that run are never ended for it, so that there may be as many as tasks at once."""


@dataclass(frozen=True, eq=False, slots=True)
class Pipeline:
    """An open pipeline in a running host, and the steps that it said it has."""

    host: PluginHost
    steps: list[Any]

    @property
    def conditions(self) -> list[RowCondition]:
        """Which rows each step handles."""
        return [RowCondition(step.condition) for step in self.steps]


class Hosts:
    """The plugin hosts of this process; tasks of several threads borrow them. The longest idle ones end first."""

    def __init__(self, settings: Settings, blobs: Blobs) -> None:
        self._settings, self._blobs, self._stores = settings, blobs, Stores.open(settings)
        self._zygotes: dict[bool, Zygote] = {}
        self._idle: OrderedDict[Pipeline, tuple[str, ...]] = OrderedDict()
        self._lent = 0
        self._guard, self._starting = threading.Lock(), threading.Lock()

    @contextmanager
    def lease(self, extraction: Extraction, plugin: PluginRef) -> Iterator[Pipeline]:
        """The extraction's pipeline for one task alone: an idle host of it, else one that is started now.

        Raises:
            PluginRaised: `build_steps` or an import raised.
            TooMuchMemory: its manifest asks for more than the operator allows.
            HostFailed: the host died meanwhile.
        """
        key = host_key(extraction, plugin)
        if counts_rows(plugin_folder(self._blobs, plugin.archive, plugin.sha256)):
            key = (*key, str(extraction.rows_expected))
        pipeline = self._taken(key)
        try:
            pipeline = pipeline or self._start(extraction, plugin)
            yield pipeline
        finally:
            self._given_back(key, pipeline)

    def prepare(self) -> None:
        """Start what hosts are forked from, so that the first plugin need not wait for it."""
        self._forks(torch=False).__enter__()

    def close(self) -> None:
        """End all hosts."""
        with self._guard:
            self._idle.clear()
            zygotes, self._zygotes = list(self._zygotes.values()), {}
        for zygote in zygotes:
            zygote.close()

    def _taken(self, key: tuple[str, ...]) -> Pipeline | None:
        """The host of this key that was used last, or None and room for another."""
        with self._guard:
            self._lent += 1
            found = next((p for p, k in reversed(self._idle.items()) if k == key), None)
            if found:
                del self._idle[found]
            ended = [] if found else self._beyond(MAX_HOSTS)
        for pipeline in ended:
            pipeline.host.close()
        return found

    def _given_back(self, key: tuple[str, ...], pipeline: Pipeline | None) -> None:
        with self._guard:
            self._lent -= 1
            if pipeline and pipeline.host.alive:
                self._idle[pipeline] = key
                pipeline = None
        if pipeline:
            pipeline.host.close()

    def _beyond(self, limit: int) -> list[Pipeline]:
        """Idle hosts, the longest idle first, that are more than there may be."""
        ended = []
        while self._idle and len(self._idle) + self._lent > limit:
            ended.append(self._idle.popitem(last=False)[0])
        return ended

    def __enter__(self) -> "Hosts":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _forks(self, *, torch: bool) -> Zygote:
        """What hosts are forked from: one that has torch in memory, for plugins that import it, and one that has not."""
        with self._starting:
            if torch not in self._zygotes:
                self._zygotes[torch] = Zygote(replace(host_settings(self._settings), preload_torch=torch))
            return self._zygotes[torch]

    def _start(self, extraction: Extraction, plugin: PluginRef) -> Pipeline:
        folder = plugin_folder(self._blobs, plugin.archive, plugin.sha256)
        broker = broker_of(self._stores, extraction.scope, plugin.manifest.plugin_id)
        gpu = own(self._settings)
        zygote = self._forks(torch=imports_torch(folder) and gpu is None)  # a host's share is set before torch loads
        share = share_of(plugin.manifest, gpu, self._settings) if gpu else 0
        env = gpu.variables(share) if gpu else {}
        network = tenant_policy(
            zygote.settings.network, os.environ, extraction.scope.org_id, extraction.scope.namespace_id
        )
        host = zygote.start(
            folder,
            name=plugin.manifest.plugin_id,
            broker=broker,
            network=network,
            env=env,
            memory_mb=memory_of(plugin.manifest, zygote.settings),
        )
        config = extraction.extractor
        request = ExtractorRequest.of(
            config.feature_extractor_name, config.version, config.params, config.input_mappings
        )
        try:
            flags = content_flags(plugin.manifest.supported_input_types)
            pipeline = Pipeline(host, host.open_pipeline(request, extraction.rows_expected, flags))
            if gpu and any(step.resource_type == ResourceType.GPU for step in pipeline.steps):
                host.when_ended(self._memory_of(gpu, share, plugin.manifest.plugin_id).close)
            return pipeline
        except BaseException:
            host.close()
            raise

    def _memory_of(self, gpu: Gpu, mb: int, holder: str) -> Lease:
        """The GPU's memory for one more host; idle ones of this worker make room first.

        Raises:
            GpuBusy: others hold it.
        """
        memory = GpuMemory(gpu)
        while mb <= gpu.memory_mb:
            with suppress(GpuBusy):
                return memory.lease(mb, holder)
            with self._guard:
                ended = self._beyond(self._lent + len(self._idle) - 1)
            if not ended:
                break
            ended[0].host.close()
        return memory.lease(mb, holder, self._settings.gpu_wait_s)


def host_key(extraction: Extraction, plugin: PluginRef) -> tuple[str, ...]:
    """What two extractions must share to share a host: the code, the tenant, the parameters."""
    config = extraction.extractor
    params = orjson.dumps([config.params, config.input_mappings], option=orjson.OPT_SORT_KEYS).decode()
    return (plugin.sha256, extraction.scope.org_id, extraction.scope.namespace_id, params)


@lru_cache(maxsize=256)
def imports_torch(folder: Path) -> bool:
    """Whether a file of the plugin imports torch, or a library that does; False where torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        return False
    return any(TORCH.search(file.read_bytes()) for file in folder.rglob("*.py"))


@lru_cache(maxsize=256)
def counts_rows(folder: Path) -> bool:
    """Whether the plugin's steps may depend on how many rows there are; its host is then one for that number alone."""
    file = folder / "pipeline.py"
    return file.is_file() and b"dataset_size" in file.read_bytes()


def content_flags(input_types: Iterable[str]) -> dict[str, bool]:
    """What kinds of content the pipeline may meet, as `build_steps` gets it: `has_text`, `has_image`, …"""
    given = set(input_types)
    return {f"has_{kind}": not given or kind in given for kind in CONTENT}


def host_settings(settings: Settings, gpu: str | None = None, call_timeout_s: float | None = None) -> HostSettings:
    """The operator's limits as the plugin host takes them.

    Args:
        gpu: the one that the hosts see, "" for none; left out, it is this worker's own.
        call_timeout_s: of one call; left out, it is that of a step over one batch of rows.
    """
    gpu = own_name() if gpu is None else gpu
    return HostSettings(
        memory_mb=settings.host_memory_mb,
        max_memory_mb=max_memory_mb(settings),
        call_timeout_s=call_timeout_s or settings.step_timeout_s,
        model_cache=settings.model_cache,
        env={VISIBLE: gpu} if gpu else {},
        allow_missing=allow_missing(settings),
        cgroup=settings.host_cgroup,
        model_downloads=downloads(os.environ),
        network=NetworkPolicy.from_environment(os.environ),
    )


def max_memory_mb(settings: Settings) -> int:
    """The most that a plugin's manifest may ask for."""
    return settings.host_max_memory_mb or 8 * settings.host_memory_mb


def allow_missing(settings: Settings) -> frozenset[str]:
    """The walls that the operator lets hosts do without.

    Raises:
        UnknownWall: the setting names what is none.
    """
    return accepted(settings.host_allow_missing, "OPENPEEK_HOST_ALLOW_MISSING")
