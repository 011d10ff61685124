"""Worker packages: what plugins can import where they run, kept for whoever reads manifests where less is installed."""

from dataclasses import asdict

from core.stores import Stores
from core.stores.records import Entry
from plugin_sdk.manifest import Packages

PARTITION = "worker_packages"
KEY = "batch"


def tell(stores: Stores, packages: Packages) -> None:
    """Keep what the workers have, over what was kept before."""
    stores.records.put_many([Entry(PARTITION, KEY, asdict(packages))])


def told(stores: Stores) -> Packages | None:
    """What was told last; None while no batch service has run."""
    record = stores.records.get(PARTITION, KEY)
    return Packages(tuple(record.body["modules"]), tuple(record.body["distributions"])) if record else None
