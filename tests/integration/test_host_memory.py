"""`compute_profile.actor_memory_gb` is the host's limit, in a batch, for a deployment and in `plugin test`: shown by
allocating more and less than it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from batch.hosts import Hosts
from batch.partitions import Extraction, PluginRef
from batch.serving.plugin_hosts import PluginHosts
from core.collections import ExtractorConfig
from core.plugins import Plugin, archive_ref
from core.settings import Settings
from core.stores import Stores
from plugin_sdk.host import HostSettings
from plugin_sdk.host.memory import TooMuchMemory
from plugin_sdk.manifest import ComputeProfile, Feature, Manifest
from plugin_sdk.testing import check_plugin
from tests.integration.batches import Tenant
from tests.unit.plugin_sdk.folders import write_files

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the host's walls are Linux's")

USUAL_MB, TAKEN_MB = 512, 700


def files(asked_gb: float | None) -> dict[str, str]:
    """A plugin that takes 700 MB for each row or request, and asks for so much."""
    profile = {} if asked_gb is None else {"actor_memory_gb": asked_gb}
    return {
        "manifest.py": f"""
            metadata = {{"feature_extractor_name": "greedy", "version": "1.0.0"}}
            output_schema = {{"properties": {{"embedding": {{"type": "array"}}}}}}
            supported_input_types = ["text"]
            features = [{{"feature_name": "greedy_embedding", "feature_type": "embedding", "embedding_dim": 2}}]
            compute_profile = {profile!r}
        """,
        "pipeline.py": """
            from plugin_sdk import StepDefinition
            from .greed import take

            def build_steps(extractor_request, **kwargs):
                return {"steps": [StepDefinition(take)]}
        """,
        "greed.py": f"""
            def take(batch):
                held = bytearray({TAKEN_MB} << 20)
                batch["greedy_embedding"] = [[float(len(held) >> 20), 1.0]] * len(batch)
                return batch
        """,
        "realtime.py": f"""
            class RealtimeHandler:
                def predict(self, request):
                    return {{"taken": len(bytearray(({TAKEN_MB} << 20) if request.get("take") else 1)) >> 20}}
        """,
    }


def manifest(asked_gb: float | None) -> Manifest:
    return Manifest(
        name="greedy",
        version="1.0.0",
        output_schema={"properties": {"embedding": {"type": "array"}}},
        supported_input_types=["text"],
        features=[Feature(feature_name="greedy_embedding", embedding_dim=2)],
        compute_profile=ComputeProfile(actor_memory_gb=asked_gb),
    )


@pytest.fixture(scope="module")
def limits(module_settings: Settings) -> Settings:
    return module_settings.model_copy(update={"host_memory_mb": USUAL_MB, "host_max_memory_mb": 2048})


@pytest.fixture(scope="module")
def opened(limits: Settings) -> Iterator[tuple[Stores, Hosts, PluginHosts]]:
    """What runs a batch's plugins, and what runs a deployment's, under these limits."""
    stores = Stores.open(limits)
    with Hosts(limits, stores.blobs) as hosts:
        serving = PluginHosts(stores, limits)
        yield stores, hosts, serving
        serving.close()


def published(stores: Stores, folder: Path, asked_gb: float | None) -> tuple[Tenant, Plugin]:
    tenant = Tenant(stores)
    return tenant, tenant.publish(write_files(folder, files(asked_gb)), manifest(asked_gb))


def extraction_of(tenant: Tenant, plugin: Plugin, limits: Settings) -> tuple[Extraction, PluginRef]:
    ref = PluginRef(archive_ref(tenant.stores, plugin), plugin.sha256, plugin.manifest)
    config = ExtractorConfig(feature_extractor_name="greedy", version="1.0.0")
    return Extraction(limits, tenant.scope, "bkt_1", "btch_1", "col_1", config, ref), ref


def table() -> pa.Table:
    return pa.table({"document_id": ["a"], "data": ["text"], "mime_type": ["text/plain"], "size_bytes": [4]})


@pytest.mark.parametrize(("asked_gb", "fits"), [(None, False), (0.6, False), (1.5, True)])
def test_a_batch_s_host_holds_what_its_manifest_asks_for(
    opened: Any, limits: Settings, tmp_path: Path, asked_gb: float | None, fits: bool
) -> None:
    stores, hosts, _ = opened
    tenant, plugin = published(stores, tmp_path / "p", asked_gb)

    with hosts.lease(*extraction_of(tenant, plugin, limits)) as pipeline:
        result = pipeline.host.run(table())

    assert result.table.num_rows == (1 if fits else 0)
    assert all("killed: memory limit" in failure.reason for failure in result.failures)
    assert len(result.failures) == (0 if fits else 1)


@pytest.mark.parametrize(("asked_gb", "fits"), [(None, False), (1.5, True)])
def test_a_replica_holds_what_its_manifest_asks_for(
    opened: Any, tmp_path: Path, asked_gb: float | None, fits: bool
) -> None:
    stores, _, serving = opened
    tenant, plugin = published(stores, tmp_path / "p", asked_gb)
    host = serving._started(tenant.scope, plugin)
    host.open_realtime()

    if fits:
        assert host.predict({"take": True}) == {"taken": TAKEN_MB}
    else:
        with pytest.raises(Exception, match="memory"):
            host.predict({"take": True})


def test_more_than_the_operator_allows_runs_nowhere(opened: Any, limits: Settings, tmp_path: Path) -> None:
    stores, hosts, serving = opened
    tenant, plugin = published(stores, tmp_path / "p", 2.5)

    with (
        pytest.raises(TooMuchMemory, match=r"actor_memory_gb is 2\.5"),
        hosts.lease(*extraction_of(tenant, plugin, limits)),
    ):
        pass
    with pytest.raises(TooMuchMemory, match="allows a plugin host 2048 MB"):
        serving._started(tenant.scope, plugin)


@pytest.mark.parametrize(
    ("asked_gb", "failed", "said"),
    [
        (None, "run", "killed: memory limit"),
        (1.5, None, ""),
        (2.5, "manifest", "compute_profile.actor_memory_gb is 2.5"),
    ],
)
def test_plugin_test_holds_what_the_manifest_asks_for(
    tmp_path: Path, asked_gb: float | None, failed: str | None, said: str
) -> None:
    folder = write_files(tmp_path / "greedy", files(asked_gb))

    report = check_plugin(folder, scan=False, settings=HostSettings(memory_mb=USUAL_MB, max_memory_mb=2048))

    assert next((check.name for check in report.checks if not check.passed), None) == failed
    assert said in str(report.error or "")
