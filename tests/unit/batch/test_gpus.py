"""Which GPUs a process may use, and how much of one a plugin's host gets."""

import stat
from pathlib import Path

import pytest

from batch.gpus import Gpu, listed, own, own_name, share_of, visible, wants_gpu
from batch.hosts import host_settings
from core.settings import Settings
from plugin_sdk.errors import UnknownGpu
from plugin_sdk.manifest import ComputeProfile, Manifest

SETTINGS = Settings(gpu_host_memory_mb=4_000)
MANIFEST = Manifest(name="a", version="1", output_schema={}, features=[])


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver's tool that lists two."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU-aaaa, 81559'\necho 'GPU-bbbb, 24564'\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    listed.cache_clear()
    yield
    listed.cache_clear()


def test_all_gpus_are_visible_unless_the_variable_says_otherwise(two_gpus, monkeypatch):
    assert [gpu.name for gpu in visible(SETTINGS)] == ["GPU-aaaa", "GPU-bbbb"]
    for text, names in (("1", ["GPU-bbbb"]), ("GPU-bb,0", ["GPU-bbbb", "GPU-aaaa"]), ("", []), ("-1", [])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", text)
        assert [gpu.name for gpu in visible(SETTINGS)] == names


def test_a_worker_of_dasks_has_the_first_that_it_is_told_of_and_so_have_its_hosts(two_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")

    gpu = own(SETTINGS)

    assert (gpu, own_name()) == (Gpu("GPU-bbbb", 23_335, 24_564), "1")
    assert host_settings(SETTINGS).env == {"CUDA_VISIBLE_DEVICES": "1"}


def test_a_worker_without_the_variable_owns_none(two_gpus):
    assert own(SETTINGS) is None
    assert host_settings(SETTINGS).env == {}


def test_a_gpu_that_is_not_there_is_told(two_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")

    with pytest.raises(UnknownGpu, match="names the GPU '2', and this machine has 2"):
        visible(SETTINGS)


def test_a_host_gets_what_its_manifest_asks_for_or_the_usual(two_gpus):
    large, small = visible(SETTINGS)[0], Gpu("GPU-cccc", 3_000, 3_158)
    asking = MANIFEST.model_copy(update={"compute_profile": ComputeProfile(gpu_memory_gb=20)})

    assert [share_of(MANIFEST, gpu, SETTINGS) for gpu in (large, small)] == [4_000, 3_000]
    assert share_of(asking, large, SETTINGS) == 20_480
    assert [wants_gpu(m) for m in (MANIFEST, asking)] == [False, True]


def test_torch_is_held_to_the_share(two_gpus):
    gpu = visible(SETTINGS)[0]

    assert gpu.variables(20_480) == {"PYTORCH_ALLOC_CONF": f"per_process_memory_fraction:{19_968 / 81_559:.4f}"}


def test_what_operators_say_of_a_gpus_memory_holds(two_gpus):
    assert {gpu.memory_mb for gpu in visible(SETTINGS.model_copy(update={"gpu_memory_mb": 8_000}))} == {8_000}
