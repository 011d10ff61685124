"""Models: found in the cache by name, loaded once, refused with the way to get them."""

import asyncio
import pickle

import pytest

from plugin_sdk.models import (
    LazyModelMixin,
    ModelUnavailable,
    is_hf_model_cached,
    lazy_model,
    load_hf_model,
    load_hf_model_async,
    load_namespace_model,
    loader,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A model cache with one model of two files."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    model = tmp_path / "hub" / "models--sentence-transformers--tiny"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(COMMIT)
    (model / "snapshots" / COMMIT).mkdir(parents=True)
    (model / "snapshots" / COMMIT / "config.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize("name", ["tiny", "sentence-transformers/tiny"])
def test_cached_model_is_found_by_either_name(cache, name):
    assert is_hf_model_cached(name)
    assert is_hf_model_cached(name, COMMIT)
    assert not is_hf_model_cached(name, "v2")
    assert not is_hf_model_cached("other/tiny")


def test_model_is_loaded_once_from_its_folder(cache):
    loads = []

    def build(folder):
        loads.append(folder)
        return folder

    first, second = load_hf_model("tiny", build), asyncio.run(load_hf_model_async("tiny", build))

    assert first is second
    assert len(loads) == 1
    assert loads[0].endswith(f"snapshots/{COMMIT}")


def test_model_outside_the_cache_names_cache_and_command(cache):
    with pytest.raises(ModelUnavailable) as raised:
        load_hf_model("org/absent")

    assert str(cache) in raised.value.problem
    assert "hf download org/absent" in raised.value.fix


def test_namespace_model_is_loaded_by_its_format(tmp_path):
    import torch
    from safetensors.torch import save_file

    save_file({"w": torch.ones(2)}, tmp_path / "a.safetensors")
    torch.save({"w": torch.zeros(2)}, tmp_path / "b.pt")
    before = loader.use_source(lambda name: tmp_path / name)
    try:
        assert load_namespace_model("a.safetensors")["w"].tolist() == [1, 1]
        assert load_namespace_model("b.pt")["w"].tolist() == [0, 0]
        assert load_namespace_model("b.pt") is load_namespace_model("b.pt")
        with pytest.raises(ModelUnavailable, match=r"a\.safetensors, b\.pt"):
            load_namespace_model(".")
    finally:
        loader.use_source(before)


def test_namespace_without_the_model_says_so():
    with pytest.raises(ModelUnavailable, match="no model 'nothing'"):
        load_namespace_model("nothing")


class Embedder(LazyModelMixin):
    loads = 0

    def load_model(self):
        self.loads += 1
        return object()


def test_lazy_mixin_loads_at_first_use_and_is_not_pickled():
    embedder = Embedder()
    assert embedder.loads == 0

    assert embedder.model is embedder.model
    assert embedder.loads == 1
    assert pickle.loads(pickle.dumps(embedder))._model is None


def test_lazy_model_is_made_once_per_instance_and_once_per_function():
    class Two:
        @lazy_model
        def thing(self):
            return object()

    @lazy_model
    def shared():
        return object()

    one, two = Two(), Two()
    assert one.thing is one.thing
    assert one.thing is not two.thing
    assert shared() is shared()
