"""What a namespace's plugins are given by their worker: its files, its models, its organization's secrets."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from batch.assets import asset_fetcher
from batch.model_cache import model_file
from core.metrics import measured
from core.models import archive_ref, get_model
from core.secrets import reveal_secret
from core.stores import Stores
from core.tenancy import Scope
from plugin_sdk.host import Broker
from plugin_sdk.models.ids import model_key

log = logging.getLogger(__name__)

SECRET_KEPT_S = 30.0
"""A plugin may ask for the same secret at every row; a changed one is seen this late."""


def broker_of(stores: Stores, scope: Scope, plugin_id: str) -> Broker:
    """The broker of one plugin in one namespace."""
    return Broker(
        assets=asset_fetcher(stores.blobs, stores.settings, scope),
        models=model_finder(stores, scope),
        secrets=secret_revealer(stores, scope, plugin_id),
    )


def model_finder(stores: Stores, scope: Scope) -> Callable[[str], Path]:
    """Finds a model of the namespace, its own or the organization's enabled there, as a file on this machine."""

    def find(model_id: str) -> Path:
        model = get_model(stores, scope, model_key(model_id))
        return model_file(stores.blobs, archive_ref(stores, model), model.sha256)

    return find


def secret_revealer(stores: Stores, scope: Scope, plugin_id: str) -> Callable[[str], str]:
    """Reveals a secret of the namespace's organization; each time is a line in the log, without the value."""
    kept: dict[str, tuple[float, str]] = {}
    lock = threading.Lock()

    def reveal(name: str) -> str:
        with lock:
            since, value = kept.get(name, (0.0, ""))
            if not value or time.monotonic() - since > SECRET_KEPT_S:
                value = reveal_secret(stores, scope.org_id, name)
                kept[name] = (time.monotonic(), value)
        about = {"org_id": scope.org_id, "namespace_id": scope.namespace_id, "plugin": plugin_id, "secret": name}
        log.info("secret given to a plugin", extra=about | measured({"service": "broker"}, secrets_given=1))
        return value

    return reveal
