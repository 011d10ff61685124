"""Plugin hosts of a serving node: a zygote, and one a GPU, from which handlers and query pipelines are started."""

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from batch.broker import broker_of
from batch.gpu_memory import GpuMemory, Lease
from batch.gpus import Gpu, share_of, visible, wants_gpu
from batch.hosts import host_settings
from batch.serving.embedding import text_field
from batch.serving.replicas import Started
from batch.unpacked import plugin_folder
from core.deployments import Deployment
from core.plugins import Plugin, archive_ref, get_plugin
from core.settings import Settings
from core.stores import Stores
from core.tenancy import Scope
from core.tracebacks import message_of
from plugin_sdk.errors import InvalidRealtime, PluginRaised
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.host import PluginHost, Zygote
from plugin_sdk.host.memory import memory_of
from plugin_sdk.host.network_rules import tenant_policy
from plugin_sdk.manifest import Manifest

log = logging.getLogger(__name__)


class PluginHosts:
    """Starts hosts; any thread may."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self._stores, self._settings = stores, settings
        self._zygotes: dict[str, Zygote] = {}
        self._guard = threading.Lock()

    def starter(self, deployment: Deployment) -> Callable[[], Started]:
        """Fetch and check the deployment's archive; the returned call starts one host with its handler warm.

        Raises:
            NotFound: the plugin is gone.
            InvalidArchive: its archive is not the one that was scanned.
        """
        plugin = get_plugin(self._stores, deployment.scope, deployment.plugin_id)

        def start() -> Started:
            host = self._started(deployment.scope, plugin)
            try:
                info = host.open_realtime()
                try_once(host, plugin)
            except BaseException:
                host.kill()
                raise
            return Started(host, info.max_batch_size if info.batches else 1)

        return start

    def open_pipeline(self, scope: Scope, plugin: Plugin, request: ExtractorRequest) -> Any:
        """A host with the plugin's pipeline open in it."""
        host = self._started(scope, plugin)
        try:
            host.open_pipeline(request, dataset_size=1)
        except BaseException:
            host.kill()
            raise
        return host

    def close(self) -> None:
        """End the zygote, and with it every host that is left."""
        with self._guard:
            zygotes, self._zygotes = list(self._zygotes.values()), {}
        for zygote in zygotes:
            zygote.close()

    def _started(self, scope: Scope, plugin: Plugin) -> PluginHost:
        folder = plugin_folder(self._stores.blobs, archive_ref(self._stores, plugin), plugin.sha256)
        broker = broker_of(self._stores, scope, plugin.plugin_id)
        leased = self._gpu_for(plugin.manifest, plugin.plugin_id)
        gpu, lease = leased or (None, None)
        try:
            zygote = self._zygote_of(gpu)
            network = tenant_policy(zygote.settings.network, os.environ, scope.org_id, scope.namespace_id)
            env = gpu.variables(lease.mb) if gpu and lease else None
            memory_mb = memory_of(plugin.manifest, zygote.settings)
            host = zygote.start(
                folder, name=plugin.plugin_id, broker=broker, network=network, env=env, memory_mb=memory_mb
            )
        except BaseException:
            if lease:
                lease.close()
            raise
        if lease:
            host.when_ended(lease.close)
        return host

    def _zygote_of(self, gpu: Gpu | None) -> Zygote:
        """What hosts of this GPU, or of none, are forked from."""
        with self._guard:
            name = gpu.name if gpu else ""
            if name not in self._zygotes:
                limits = host_settings(self._settings, name, self._settings.inference_timeout_s)
                self._zygotes[name] = Zygote(limits).__enter__()
            return self._zygotes[name]

    def _gpu_for(self, manifest: Manifest, holder: str) -> tuple[Gpu, Lease] | None:
        """Memory of the GPU that has most of it free, for a plugin whose manifest wants one; None where there is none.

        Raises:
            GpuBusy: others hold it, batch workers of this machine among them.
        """
        shared = [GpuMemory(gpu) for gpu in visible(self._settings)] if wants_gpu(manifest) else []
        if not shared:
            return None
        most = max(shared, key=GpuMemory.free_mb)
        mb = share_of(manifest, most.gpu, self._settings)
        return most.gpu, most.lease(mb, holder, self._settings.gpu_wait_s)


def try_once(host: PluginHost, plugin: Plugin) -> None:
    """One request with an empty text, for handlers that load their model at the first: no user shall wait for that.

    That the handler refuses the text says nothing against it; that its host ends does.

    Raises:
        HostFailed: it did.
    """
    if plugin.manifest.supported_input_types and "text" not in plugin.manifest.supported_input_types:
        return
    try:
        host.predict({"text": "", text_field(plugin.manifest): ""})
    except (PluginRaised, InvalidRealtime) as error:
        log.info("trial request refused", extra={"plugin": plugin.plugin_id, "error": message_of(error)})
