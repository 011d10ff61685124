"""Models that the libraries themselves load in a host: an ONNX session, and a Hugging Face folder with its tokenizer."""

import io
import json
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from core.stores import Stores
from functions.api.app import create_app
from plugin_sdk.errors import PluginRaised
from plugin_sdk.host import HostSettings, PluginHost, Zygote
from tests.unit.batch.test_broker import FILES, Tenant, tried
from tests.unit.plugin_sdk.folders import write_files

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")

RANDOM = np.random.default_rng(7)
MATRIX, BIAS = RANDOM.normal(size=(3, 2)).astype(np.float32), RANDOM.normal(size=2).astype(np.float32)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "green", "blue"]


def field(number: int, value: int | str | bytes) -> bytes:
    """One field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def linear() -> bytes:
    """An ONNX model of `y = x @ MATRIX + BIAS`, for any number of rows."""

    def tensor(name: str, values: np.ndarray[Any, Any]) -> bytes:
        dims = b"".join(field(1, size) for size in values.shape)
        return dims + field(2, 1) + field(8, name) + field(9, values.tobytes())

    def value(name: str, columns: int) -> bytes:
        shape = field(1, field(2, "rows")) + field(1, field(1, columns))
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))

    def node(kind: str, inputs: tuple[str, str], output: str) -> bytes:
        return b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, kind)

    graph = field(1, node("MatMul", ("x", "w"), "xw")) + field(1, node("Add", ("xw", "b"), "y")) + field(2, "linear")
    graph += field(5, tensor("w", MATRIX)) + field(5, tensor("b", BIAS))
    graph += field(11, value("x", 3)) + field(12, value("y", 2))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


def zipped(folder: Path, below: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{below}{path.relative_to(folder)}")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT with random weights, and its tokenizer, as `save_pretrained` writes them."""
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    import torch

    folder = tmp_path_factory.mktemp("bert")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertModel(config).eval().save_pretrained(folder)
    transformers.BertTokenizerFast(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def sentences(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a SentenceTransformer with mean pooling."""
    library = pytest.importorskip("sentence_transformers", reason="needs sentence-transformers")
    folder = tmp_path_factory.mktemp("sentences")
    library.SentenceTransformer(str(bert), device="cpu").save(str(folder), create_model_card=False)
    return folder


@pytest.fixture(scope="module")
def stores(moto_clients: Stores, module_moto_stores: Stores) -> Stores:
    return module_moto_stores


@pytest.fixture(scope="module")
def tenant(stores: Stores) -> Iterator[Tenant]:
    app = create_app(stores)
    app.state.stores = stores
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Tenant(client, stores, "models")


@pytest.fixture(scope="module")
def host(tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PluginHost]:
    plugin = write_files(tmp_path_factory.mktemp("probe"), FILES)
    with Zygote(HostSettings(call_timeout_s=200, preload_torch=True)) as zygote, tenant.host(zygote, plugin) as running:
        yield running


def refusal(host: PluginHost, code: str) -> str:
    with pytest.raises(PluginRaised) as raised:
        host.predict({"code": code})
    return raised.value.problem


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_onnx_model_is_a_session_that_computes(
    host: PluginHost, tenant: Tenant, tmp_path: Path, wrapped: bool
) -> None:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    (tmp_path / "model.onnx").write_bytes(linear())
    name = f"linear_{wrapped}".lower()
    data = zipped(tmp_path, "wrapper/") if wrapped else linear()
    model = tenant.upload(name, data, "onnx")
    rows = RANDOM.normal(size=(5, 3)).astype(np.float32)

    code = f"import numpy as np; s = load_namespace_model({model!r}); x = np.array({rows.tolist()}, np.float32); "
    code += "found = [s is load_namespace_model('" + model + "'), s.run(None, {'x': x})[0].tolist()]"
    same, found = tried(host, code)

    assert same
    np.testing.assert_allclose(found, rows @ MATRIX + BIAS, rtol=1e-5)


def test_a_session_of_several_threads_computes(host: PluginHost, tenant: Tenant) -> None:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    model = tenant.upload("linear_threads", linear(), "onnx")

    code = f"import numpy as np; s = load_namespace_model({model!r}); "
    code += "found = s.run(None, {'x': np.ones((100_000, 3), np.float32)})[0].sum(axis=0).tolist()"

    np.testing.assert_allclose(tried(host, code), 100_000 * (MATRIX.sum(axis=0) + BIAS), rtol=1e-3)


def test_a_damaged_onnx_model_is_an_error_of_the_call(host: PluginHost, tenant: Tenant) -> None:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    graph = field(1, field(1, "x") + field(2, "y") + field(4, "NoSuchOperator")) + field(2, "graph")
    model = tenant.upload("odd", field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13)), "onnx")

    assert "odd" in refusal(host, f"load_namespace_model({model!r}); found = 1")
    assert host.alive


@pytest.mark.parametrize("below", ["", "my-bert/"])
def test_a_folder_is_a_model_that_computes_what_it_does_outside(
    host: PluginHost, tenant: Tenant, bert: Path, below: str
) -> None:
    import torch
    import transformers

    model = tenant.upload(f"bert_{bool(below)}".lower(), zipped(bert, below), "huggingface")
    code = f"""
import torch
from transformers import AutoTokenizer
m, t = load_namespace_model({model!r}), load_namespace_model({model!r}, AutoTokenizer)
with torch.no_grad():
    found = m(**t(["red green", "blue"], padding=True, return_tensors="pt")).last_hidden_state.tolist()
"""
    found = tried(host, code)

    reader, there = transformers.AutoTokenizer.from_pretrained(bert), transformers.AutoModel.from_pretrained(bert)
    with torch.no_grad():
        expected = there(**reader(["red green", "blue"], padding=True, return_tensors="pt")).last_hidden_state
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_a_folder_of_sentence_transformers_encodes_texts(host: PluginHost, tenant: Tenant, sentences: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = tenant.upload("sentences", zipped(sentences), "huggingface")

    found = tried(host, f"found = load_namespace_model({model!r}).encode(['red', 'green blue']).tolist()")

    expected = SentenceTransformer(str(sentences), device="cpu").encode(["red", "green blue"])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_nothing_of_a_folder_is_left_in_the_scratch(host: PluginHost, tenant: Tenant, bert: Path) -> None:
    model = tenant.upload("bert_left", zipped(bert), "huggingface")

    code = "import pathlib, tempfile; load_namespace_model('" + model + "'); "
    code += "found = [str(p) for p in pathlib.Path(tempfile.gettempdir()).rglob('*.safetensors')]"

    assert tried(host, code) == []


def test_a_folder_that_lacks_a_file_names_the_model_and_what_to_do(
    host: PluginHost, tenant: Tenant, bert: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(json.loads((bert / "config.json").read_text())))
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (tmp_path / "other.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 4)
    model = tenant.upload("lacking", zipped(tmp_path), "huggingface")

    said = refusal(host, f"load_namespace_model({model!r}); found = 1")

    assert "can't be loaded" in said
    assert "model.safetensors" in said
