"""A real GPU behind all walls, shared between hosts, in batches and in realtime."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from batch.cluster import Cluster, cluster
from batch.gpu_memory import GpuMemory
from batch.gpus import listed
from core.settings import Settings
from core.stores import Stores
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.host import HostSettings, PluginHost, Zygote
from plugin_sdk.manifest import ComputeProfile, Feature, Manifest
from tests.integration.batches import COMPLETED, Tenant, serving
from tests.unit.plugin_sdk.folders import write_files

DIM = 8
FILES = {
    "manifest.py": f"""
        metadata = {{"feature_extractor_name": "on_gpu", "version": "1.0.0", "description": "x", "category": "text"}}
        output_schema = {{"properties": {{"embedding": {{"type": "array"}}, "device": {{"type": "string"}}}}}}
        supported_input_types = ["text"]
        features = [{{"feature_name": "on_gpu_embedding", "feature_type": "embedding", "embedding_dim": {DIM}}}]
        compute_profile = {{"gpu_memory_gb": 2}}
    """,
    "pipeline.py": """
        from plugin_sdk import ResourceType, StepDefinition
        from .steps import Compute, Decode

        def build_steps(extractor_request, **kwargs):
            return {"steps": [StepDefinition(Decode), StepDefinition(Compute, ResourceType.GPU, batch_size=64)]}
    """,
    "steps.py": f"""
        import torch

        class Decode:
            def __call__(self, batch):
                return batch.assign(length=batch["data"].str.len())

        class Compute:
            def __init__(self):
                self.layer = torch.nn.Linear(1, {DIM}).to("cuda")

            def __call__(self, batch):
                mb = batch["length"].max() if (batch["data"].str.startswith("large")).any() else 0
                held = torch.empty(int(mb) * len(batch) << 20, dtype=torch.uint8, device="cuda")
                lengths = torch.tensor(batch["length"].tolist(), dtype=torch.float32, device="cuda")[:, None]
                batch["on_gpu_embedding"] = self.layer(lengths).detach().cpu().tolist()
                del held
                return batch.assign(device=torch.cuda.get_device_name(0))
    """,
    "realtime.py": """
        import torch

        class RealtimeHandler:
            def predict(self, request):
                numbers = torch.ones(4, device="cuda") * 2
                return {
                    "gpus": torch.cuda.device_count(),
                    "name": torch.cuda.get_device_name(0),
                    "sum": float(numbers.sum()),
                    "fraction": torch.cuda.get_per_process_memory_fraction(0),
                }
    """,
}
MANIFEST = Manifest(
    name="on_gpu",
    version="1.0.0",
    output_schema={"properties": {"embedding": {"type": "array"}, "device": {"type": "string"}}},
    supported_input_types=["text"],
    features=[Feature(feature_name="on_gpu_embedding", embedding_dim=DIM)],
    compute_profile=ComputeProfile(gpu_memory_gb=2),
)
ROWS = {"document_id": "d", "object_id": "o", "blob_id": "b", "mime_type": "text/plain"}


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("on_gpu"), FILES)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """Hosts of the machine's last GPU."""
    settings = HostSettings(env={"CUDA_VISIBLE_DEVICES": listed()[-1].name}, memory_mb=8192, call_timeout_s=120)
    with Zygote(settings) as running:
        yield running


def started(zygote: Zygote, plugin: Path, share_mb: int) -> PluginHost:
    return zygote.start(plugin, name="on_gpu", env=listed()[-1].variables(share_mb))


def test_torch_sees_exactly_the_gpu_of_its_host_inside_all_walls(zygote, plugin):
    gpu = listed()[-1]

    with started(zygote, plugin, 2048) as host:
        host.open_realtime()
        found = host.predict({})

    assert zygote.missing == ()
    assert (found["gpus"], found["sum"]) == (1, 8.0)
    assert found["fraction"] == pytest.approx((2048 - 512) / gpu.total_mb, rel=0.01)


def test_two_hosts_compute_on_one_gpu_within_their_shares(zygote, plugin, tmp_path):
    memory = GpuMemory(listed()[-1], tmp_path)

    with started(zygote, plugin, 2048) as one, started(zygote, plugin, 2048) as other:
        for host in (one, other):
            host.when_ended(memory.lease(2048, host.name).close)
            host.open_realtime()
        answers = [host.predict({})["sum"] for host in (one, other)]
        assert [h.mb for h in memory.held()] == [2048, 2048]

    assert answers == [8.0, 8.0]
    assert memory.held() == []


def test_batches_are_halved_until_they_fit_into_the_hosts_share(zygote, plugin):
    texts = ["large" + "x" * 123] * 16  # 128 MB a row: 16 at once are 2 GB, in a share of 1.5
    table = pa.Table.from_pylist([{**ROWS, "document_id": f"d{i}", "data": t} for i, t in enumerate(texts)])

    with started(zygote, plugin, 2048) as host:
        host.open_pipeline(ExtractorRequest.of("on_gpu", "1.0.0", {}, {}))
        result = host.run(table)

    assert (result.table.num_rows, result.failures) == (16, [])


@pytest.fixture(scope="module")
def tenant(module_settings: Settings, module_stores: Stores) -> Iterator[Tenant]:
    with cluster(module_settings.model_copy(update={"workers": 1})) as client:
        client.wait_for_workers(1 + len(listed()), timeout=120)
        assert Cluster(client).capacity().gpus == len(listed())
        with serving(module_stores, client):
            yield Tenant(module_stores)


def test_a_mixed_pipeline_runs_on_cpu_and_gpu_workers(tenant, plugin):
    tenant.publish(plugin, MANIFEST)
    collection = tenant.collect("on_gpu")

    batch = tenant.ended(tenant.submit(tenant.put(*[f"text {n}" for n in range(200)])))

    documents = tenant.table(collection).list(limit=1000).documents
    assert (batch.status, batch.error, len(documents)) == (COMPLETED, None, 200)
    assert all(d["device"] for d in documents)


def test_dask_cuda_starts_the_workers_where_it_is_installed(module_settings):
    pytest.importorskip("dask_cuda")
    from batch.gpu_workers import local_cluster

    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "memory_limit": 0}
    kinds = [{"nthreads": 2, "resources": {name: 1}} for name in ("SLOT", "GPU")]
    with local_cluster(module_settings.model_copy(update={"workers": 1}), *kinds, **options) as running:
        assert type(running).__name__ == "LocalCUDACluster"
        assert len(running.worker_spec) == 1 + len(listed())


def test_a_replica_of_a_deployment_has_a_share_of_the_gpu(module_stores, plugin):
    from batch.serving.plugin_hosts import PluginHosts

    tenant = Tenant(module_stores)
    published = tenant.publish(plugin, MANIFEST)
    hosts = PluginHosts(module_stores, module_stores.settings)
    try:
        host = hosts._started(tenant.scope, published)
        host.open_realtime()
        found = host.predict({})
        holders = [held.holder for gpu in listed() for held in GpuMemory(gpu).held()]
    finally:
        hosts.close()

    assert (found["gpus"], found["sum"]) == (1, 8.0)
    assert published.plugin_id in holders
