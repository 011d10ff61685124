"""Plugin hosts of a serving node: one zygote, from which handlers and query pipelines are started."""

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from batch.broker import broker_of
from batch.hosts import allow_missing
from batch.unpacked import plugin_folder
from batch.serving.embedding import text_field
from batch.serving.replicas import Started
from core.deployments import Deployment
from core.plugins import Plugin, archive_ref, get_plugin
from core.settings import Settings
from core.stores import Stores
from core.tenancy import Scope
from plugin_sdk.errors import InvalidRealtime, PluginRaised
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.host import HostSettings, NetworkPolicy, PluginHost, Zygote
from plugin_sdk.host.model_view import downloads
from plugin_sdk.host.network_rules import tenant_policy

log = logging.getLogger(__name__)


class PluginHosts:
    """Starts hosts; any thread may."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self._stores, self._settings = stores, settings
        self._zygote: Zygote | None = None
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
            if self._zygote is not None:
                self._zygote.__exit__(None, None, None)
                self._zygote = None

    def _started(self, scope: Scope, plugin: Plugin) -> PluginHost:
        folder = plugin_folder(self._stores.blobs, archive_ref(self._stores, plugin), plugin.sha256)
        broker = broker_of(self._stores, scope, plugin.plugin_id)
        with self._guard:
            if self._zygote is None:
                self._zygote = Zygote(_limits(self._settings)).__enter__()
            zygote = self._zygote
        network = tenant_policy(zygote.settings.network, os.environ, scope.org_id, scope.namespace_id)
        return zygote.start(folder, name=plugin.plugin_id, broker=broker, network=network)


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
        log.info("trial request refused", extra={"plugin": plugin.plugin_id, "error": str(error)})


def _limits(settings: Settings) -> HostSettings:
    return HostSettings(
        memory_mb=settings.host_memory_mb,
        call_timeout_s=settings.inference_timeout_s,
        model_cache=settings.model_cache,
        allow_missing=allow_missing(settings),
        model_downloads=downloads(os.environ),
        network=NetworkPolicy.from_environment(os.environ),
    )
