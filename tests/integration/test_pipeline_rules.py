"""What a pipeline may declare, as one plugin in a real host: its arguments, steps, numbers, conditions and prepare."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.host import HostSettings, PluginHost, Zygote
from tests.unit.plugin_sdk.folders import write_files

MANIFEST = """
    metadata = {"feature_extractor_name": "ruled", "version": "1.0.0", "description": "Rules.", "category": "text"}
    output_schema = {"properties": {"label": {"type": "string"}}}
    compute_profile = {"resource_type": "api", "batch_size": 2, "max_concurrency": 3}
"""
PIPELINE = """
    import time
    from engine.plugins.extractors.pipeline import (
        PipelineDefinition, ResourceType, RowCondition, StepDefinition, build_pipeline_steps
    )

    class Waits:
        flying = peak = 0

        def __init__(self, config, progress_actor=None):
            self.config, self.progress = config, progress_actor

        def __call__(self, batch):
            Waits.flying += 1
            Waits.peak = max(Waits.peak, Waits.flying)
            time.sleep(0.05)
            Waits.flying -= 1
            self.progress.report(len(batch))
            batch["label"] = self.config["label"]
            batch["waited_with"] = len(batch)
            return batch

    class Images:
        built = 0

        def __init__(self):
            Images.built += 1

        def __call__(self, batch):
            batch["image_rows"] = len(batch)
            return batch

    class Never:
        def __init__(self, config=None):
            raise RuntimeError("it is disabled")

    class Pdfs(Never):
        pass

    class Bare:
        def __call__(self, batch):
            batch["bare_rows"] = len(batch)
            batch["peak"], batch["images_built"] = Waits.peak, Images.built
            return batch

    def build_steps(extractor_request, container, base_steps, dataset_size, content_flags):
        params = extractor_request.params

        def prepare(ds):
            ds = ds[ds["data"] != "drop"].reset_index(drop=True)
            ds["prepared"] = len(ds)
            return ds

        steps = [
            StepDefinition(Waits, config={"label": f"{dataset_size} {content_flags['has_text']}"}, name="waits"),
            StepDefinition(Never, enabled=params["never"]),
            StepDefinition(Images, ResourceType.CPU, condition=RowCondition.IS_IMAGE, batch_size=100),
            StepDefinition(Pdfs, ResourceType.GPU, condition=RowCondition.IS_PDF, max_concurrency=1),
            Bare(),
        ]
        pipeline = PipelineDefinition(name="ruled", version="1.0.0", steps=steps)
        return {"steps": base_steps + build_pipeline_steps(pipeline), "prepare": prepare}
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PluginHost]:
    folder = tmp_path_factory.mktemp("ruled")
    write_files(folder, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE})
    with Zygote(HostSettings(call_timeout_s=100)) as zygote, zygote.start(folder, name="ruled@1.0.0") as host:
        yield host


def test_a_pipeline_runs_as_it_is_declared(host: PluginHost) -> None:
    request = ExtractorRequest.of("ruled", "1.0.0", {"never": False})

    steps = host.open_pipeline(request, dataset_size=9, content_flags={"has_text": True})

    assert [(s.label, s.resource_type, s.condition, s.batch_size, s.max_concurrency) for s in steps] == [
        ("waits", "API", "ALWAYS", 2, 3),
        ("Images", "CPU", "IS_IMAGE", 100, 3),
        ("Pdfs", "GPU", "IS_PDF", 2, 1),
        ("Bare", "API", "ALWAYS", 2, 3),
    ]

    kinds = ["text/plain", "image/png"] * 4 + ["text/plain"]
    rows = pa.table(
        {
            "document_id": [f"doc_{i}" for i in range(9)],
            "data": [*(f"row {i}" for i in range(8)), "drop"],
            "mime_type": kinds,
        }
    )
    result = host.run(rows)

    assert (result.failures, result.rows_in, result.rows_dropped) == ([], 9, 1)
    documents = result.table.to_pylist()
    assert [d["data"] for d in documents] == [f"row {i}" for i in range(8)]
    assert [d["image_rows"] for d in documents] == [None, 4] * 4
    assert {(d["label"], d["waited_with"], d["prepared"], d["bare_rows"]) for d in documents} == {("9 True", 2, 8, 2)}
    assert {(d["peak"], d["images_built"]) for d in documents} == {(3, 1)}
    assert list(result.step_seconds) == ["prepare", "waits", "Images", "Bare"]
