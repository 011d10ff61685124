"""Tells the control plane what workers can import, as one of them sees it; manifests are read where less is installed."""

from distributed import Client

from core.stores import Stores
from core.worker_packages import tell
from plugin_sdk.manifest import Packages


def tell_packages(stores: Stores, client: Client) -> bool:
    """Ask a worker and keep its answer; False while there is no worker."""
    workers = list(client.scheduler_info(n_workers=-1)["workers"])
    if not workers:
        return False
    (packages,) = client.run(Packages.here, workers=workers[:1]).values()
    tell(stores, packages)
    return True
