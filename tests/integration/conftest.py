"""What the tests of batches share: a cluster for each module, and a tenant while a batch service runs."""

from collections.abc import Iterator

import pytest
from distributed import Client

from batch.cluster import cluster
from core.settings import Settings
from core.stores import Stores
from tests.integration.batches import Tenant, serving


@pytest.fixture(scope="module")
def client(module_settings: Settings) -> Iterator[Client]:
    """A client of a cluster that starts here."""
    with cluster(module_settings) as client:
        yield client


@pytest.fixture
def tenant(module_stores: Stores, client: Client) -> Iterator[Tenant]:
    """A tenant whose batches are run."""
    with serving(module_stores, client):
        yield Tenant(module_stores)
