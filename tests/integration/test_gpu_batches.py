"""Batches on a cluster whose one GPU is declared: decoding beside computing, and the GPU's memory shared by leases."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from batch.cluster import cluster
from batch.gpu_memory import GpuMemory
from batch.gpus import Gpu
from core.batches import failed_documents
from core.settings import Settings
from core.stores import Stores
from plugin_sdk.manifest import ComputeProfile, Feature, Manifest
from tests.integration.batches import COMPLETED, Tenant, serving
from tests.unit.plugin_sdk.folders import write_files

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the host's walls are Linux's")]

TIMES = ("decode_began", "decode_ended", "compute_began", "compute_ended")
STEP_S = 0.25
FILES = {
    "manifest.py": f"""
        metadata = {{"feature_extractor_name": "frames", "version": "1.0.0", "description": "x", "category": "text"}}
        output_schema = {{"properties": {{"embedding": {{"type": "array"}},
                          **{{name: {{"type": "number"}} for name in {TIMES!r}}}}}}}
        supported_input_types = ["text"]
        features = [{{"feature_name": "frames_embedding", "feature_type": "embedding", "embedding_dim": 2}}]
        compute_profile = {{"gpu_memory_gb": 6}}
    """,
    "pipeline.py": """
        from plugin_sdk import ResourceType, StepDefinition
        from .steps import Compute, Decode

        def build_steps(extractor_request, **kwargs):
            return {"steps": [StepDefinition(Decode), StepDefinition(Compute, ResourceType.GPU, batch_size=64)]}
    """,
    "steps.py": f"""
        import time

        class Decode:
            def __call__(self, batch):
                began = time.time()
                time.sleep({STEP_S})
                return batch.assign(decode_began=began, decode_ended=time.time())

        class Compute:
            def __call__(self, batch):
                began = time.time()
                time.sleep({STEP_S})
                batch["frames_embedding"] = [[1.0, 2.0]] * len(batch)
                return batch.assign(compute_began=began, compute_ended=time.time())
    """,
}
MANIFEST = Manifest(
    name="frames",
    version="1.0.0",
    output_schema={
        "properties": {"embedding": {"type": "array"}, **{name: {"type": "number"} for name in TIMES}},
    },
    supported_input_types=["text"],
    features=[Feature(feature_name="frames_embedding", embedding_dim=2)],
    compute_profile=ComputeProfile(gpu_memory_gb=6),
)


@pytest.fixture(scope="module")
def leases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuMemory]:
    """The declared GPU's memory, as the workers find it in a temporary folder of their own."""
    folder = tmp_path_factory.mktemp("machine")
    root = folder / f"openpeek-plugins-{os.getuid()}"
    root.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        yield GpuMemory(Gpu("0", 10_000), root)


@pytest.fixture(scope="module")
def client(module_settings: Settings, leases: GpuMemory) -> Iterator[Client]:
    settings = module_settings.model_copy(update={"gpus": 1, "workers": 1})
    with cluster(settings) as client:
        client.wait_for_workers(2, timeout=100)
        yield client


@pytest.fixture
def tenant(module_stores: Stores, client: Client, tmp_path: Path) -> Iterator[Tenant]:
    changed = {"partition_rows": 2, "gpu_memory_mb": 10_000, "gpu_wait_s": 1.0}
    stores = Stores.open(module_stores.settings.model_copy(update=changed))
    with serving(stores, client):
        tenant = Tenant(stores)
        tenant.publish(write_files(tmp_path / "frames", FILES), MANIFEST)
        yield tenant


def documents(tenant: Tenant, collection: Any) -> list[dict[str, Any]]:
    return tenant.table(collection).list(limit=1000).documents


def overlap_s(documents: list[dict[str, Any]]) -> float:
    """Seconds for which one partition was decoded while another one was computed."""
    spans = {tuple(d[name] for name in TIMES) for d in documents}
    return sum(max(0.0, min(a[1], b[3]) - max(a[0], b[2])) for a in spans for b in spans if a != b)


def test_one_partition_is_decoded_while_another_is_on_the_gpu(tenant: Tenant, leases: GpuMemory) -> None:
    collection = tenant.collect("frames")

    batch = tenant.ended(tenant.submit(tenant.put(*[f"text {n}" for n in range(16)])))

    found = documents(tenant, collection)
    assert (batch.status, batch.error, len(found)) == (COMPLETED, None, 16)
    assert overlap_s(found) > STEP_S / 2
    assert [(h.holder, h.mb) for h in leases.held()] == [(MANIFEST.plugin_id, 6 * 1024)]


def test_a_gpu_that_others_hold_is_told_with_who_holds_it(tenant: Tenant, leases: GpuMemory) -> None:
    collection = tenant.collect("frames")
    ids = tenant.put("text")

    with leases.lease(5_000, "realtime replica", wait_s=100):  # the hosts before end meanwhile
        batch = tenant.ended(tenant.submit(ids))

    assert not tenant.count(collection)
    assert batch.status != COMPLETED
    (failed,) = failed_documents(tenant.stores, tenant.scope, batch.batch_id)
    assert "asks for 6144 MB of the GPU 0" in str(failed)
    assert "Held: realtime replica 5000 MB" in str(failed)
