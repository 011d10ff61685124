"""What integration tests share: one emulator for the whole run, and stores in it that no other test sees."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from core.settings import Settings
from core.stores import Stores
from infra.emulator import Emulator, provision

_numbers = itertools.count()

hypothesis.settings.register_profile(
    "suite",
    deadline=None,
    derandomize="OPENPEEK_FUZZ_EXAMPLES" not in os.environ,  # who fuzzes for long wants others each time
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The local AWS on a free port, without Lambdas."""
    with Emulator(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture
def settings(emulator: Emulator, tmp_path: Path) -> Settings:
    """Settings for this test alone: a table, buckets and a jobs queue of its own, all made; Lance in `tmp_path`."""
    return provisioned(emulator, tmp_path / "data")


@pytest.fixture
def stores(settings: Settings) -> Stores:
    """Stores opened on `settings`."""
    return Stores.open(settings)


@pytest.fixture(scope="module")
def module_settings(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Like `settings`, shared by the tests of one module: for an API or a deployment that is slow to set up."""
    return provisioned(emulator, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def module_stores(module_settings: Settings) -> Stores:
    """Stores opened on `module_settings`."""
    return Stores.open(module_settings)


def provisioned(emulator: Emulator, data: Path) -> Settings:
    """Fresh names in the emulator, with everything of `provision` made under them."""
    number = next(_numbers)
    settings = Settings(
        aws_endpoint_url=emulator.endpoint_url,
        table_name=f"test-{number}",
        plugin_bucket=f"test-plugins-{number}",
        object_bucket=f"test-objects-{number}",
        jobs_queue=f"test-jobs-{number}",
        uploads_queue=f"test-uploads-{number}",
        data_uri=str(data),
    )
    provision(settings)
    return settings
