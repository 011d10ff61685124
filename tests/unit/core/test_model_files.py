"""Model files: real ones pass by their structure, and what could carry code or is cut off is refused by name."""

import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import pytest
from safetensors.numpy import save

from core.model_files import InvalidModel, check_model

WEIGHTS = save({"w": np.ones((2, 3), np.float32), "b": np.zeros(3, np.float16)})
ONNX = b"\x08\x09" + b"\x12\x05torch" + b"\x3a\x04\x0a\x02ab" + b"\x42\x02\x10\x11"


def checked(data: bytes, model_format: str) -> str:
    return check_model(io.BytesIO(data), len(data), model_format)


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def saved(value: Any) -> bytes:
    torch = pytest.importorskip("torch", reason="needs torch")
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "model_format", "ending"),
    [
        (WEIGHTS, "safetensors", ".safetensors"),
        (save({}), "safetensors", ".safetensors"),
        (ONNX, "onnx", ".onnx"),
        (zipped({"m/model.onnx": ONNX, "m/readme.md": b"#"}), "onnx", ".zip"),
        (tarred({"model.safetensors": WEIGHTS, "config.json": b"{}"}), "huggingface", ".tar.gz"),
        (zipped({"model.safetensors": WEIGHTS}), "safetensors", ".zip"),
    ],
)
def test_model_of_its_format_passes(data: bytes, model_format: str, ending: str) -> None:
    assert checked(data, model_format) == ending


def test_state_dict_of_torch_passes() -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    layer = torch.nn.Linear(3, 2)

    data = saved(layer.state_dict())

    assert checked(data, "pytorch") == ".pt"
    assert checked(tarred({"m/model.pt": data}), "pytorch") == ".tar.gz"
    assert checked(zipped({"pytorch_model.bin": data, "config.json": b"{}"}), "huggingface") == ".zip"


def test_pickle_that_runs_something_is_refused_by_the_name_it_runs() -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return eval, ("1",)

    archive = zipped({"m/data.pkl": pickle.dumps(Evil(), protocol=2), "m/data/0": b"\0"})

    with pytest.raises(InvalidModel, match=r"__builtin__\.eval|builtins\.eval"):
        checked(archive, "pytorch")
    with pytest.raises(InvalidModel, match="refers to"):
        checked(tarred({"pytorch_model.bin": archive, "config.json": b"{}"}), "huggingface")
    with pytest.raises(InvalidModel, match="refers to"):
        checked(zipped({"m/data.pkl": pickle.dumps(Evil(), protocol=4)}), "pytorch")


def header(tensors: Mapping[str, Any], data: bytes = b"") -> bytes:
    text = orjson.dumps(tensors)
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    ("data", "model_format", "said"),
    [
        (b"", "safetensors", "middle"),
        (WEIGHTS[:-1], "safetensors", "bytes of tensors"),
        (WEIGHTS + b"\0", "safetensors", "bytes of tensors"),
        (b"\xff" * 64, "safetensors", "no safetensors file"),
        (header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, b"\0" * 4), "safetensors", "header"),
        (header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, b"\0" * 8), "safetensors", "gaps"),
        (header({"a": 5}), "safetensors", "header"),
        (b"[1]" * 40, "safetensors", "no safetensors"),
        (ONNX[:-1], "onnx", "middle"),
        (b"\x08\x09", "onnx", "no ONNX"),
        (b"hello, this is text", "onnx", "no ONNX|middle"),
        (WEIGHTS, "huggingface", "folder"),
        (zipped({"model.safetensors": WEIGHTS}), "huggingface", "config.json"),
        (zipped({"config.json": b"{}"}), "huggingface", "no weights"),
        (zipped({"config.json": b"{}", "modeling.py": b"", "m.onnx": ONNX}), "huggingface", "modeling.py"),
        (zipped({"../m.onnx": ONNX}), "onnx", "no path inside"),
        (zipped({"m.onnx": ONNX, "zeros.txt": b"\0" * 50_000_000}), "onnx", "far more"),
        (zipped({"m.onnx": ONNX})[:-30], "onnx", "damaged"),
        (tarred({"m.onnx": ONNX * 1000})[:-40], "onnx", "damaged|middle"),
        (pickle.dumps([1]), "pytorch", "torch.save"),
        (zipped({"m/constants.pkl": b"", "m/data.pkl": b"", "m/code/a.py": b""}), "pytorch", "TorchScript"),
        (zipped({"m/data.pkl": b"\x80\x02?"}), "pytorch", "damaged"),
    ],
)
def test_what_is_no_such_model_is_refused(data: bytes, model_format: str, said: str) -> None:
    with pytest.raises(InvalidModel, match=said):
        checked(data, model_format)


def test_link_in_an_archive_is_refused() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        link = tarfile.TarInfo("m.onnx")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)

    with pytest.raises(InvalidModel, match="no ordinary file"):
        checked(buffer.getvalue(), "onnx")
