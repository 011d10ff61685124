"""Models that a plugin host is handed as an open file: mapped where the format allows it, never copied over a socket."""

import json
import mmap
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from plugin_sdk.models.errors import ModelUnavailable
from plugin_sdk.models.weights import load_weights, onnx_session

MAX_HEADER_BYTES = 100 << 20
MAX_FILES = 10_000
ARCHIVES = (".zip", ".tar.gz")
FOLDERS = ("modules.json", "config.json")
"""Files that a Hugging Face folder has one of."""

DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    "U16": "uint16", "U32": "uint32", "U64": "uint64", "C64": "complex64",
}  # fmt: skip
"""What safetensors calls a type -> what torch does."""


def load_shared(name: str, fd: int, size: int, load_folder: Callable[[Path], Any]) -> Any:
    """The model in an open file, which is closed.

    Args:
        name: the file's, whose ending tells the format.
        fd: readable, at its start.
        size: its bytes.
        load_folder: makes a model of a Hugging Face folder.

    Raises:
        ModelUnavailable: the file is not of its format, or a library for it is missing.
    """
    with os.fdopen(fd, "rb") as file:
        try:
            if name.endswith(".safetensors"):
                return tensors(mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE))
            if name.endswith(".onnx"):
                return onnx_session(name, file.read())
            if name.endswith(ARCHIVES):
                return _of_archive(name, file, load_folder)
            import torch

            return torch.load(file, map_location="cpu", weights_only=True)
        except (ValueError, KeyError, TypeError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise ModelUnavailable(
                f"The model file {name} can't be read: {error}.", "Upload the model anew."
            ) from error


def is_folder_model(path: Path) -> bool:
    """Whether it is a Hugging Face folder."""
    return any((path / marker).is_file() for marker in FOLDERS)


def tensors(memory: mmap.mmap) -> dict[str, Any]:
    """The tensors of a safetensors file in memory, each a view of it; who writes to one changes a copy of its own.

    Raises:
        ValueError, KeyError, TypeError: it is none.

    Source: the format's description at https://github.com/huggingface/safetensors.
    """
    import torch

    length = int.from_bytes(memory[:8], "little")
    if not 2 <= length <= min(MAX_HEADER_BYTES, len(memory) - 8):
        raise ValueError("it has no header of safetensors")
    header = json.loads(memory[8 : 8 + length])
    data = 8 + length
    found = {}
    for name, about in header.items():
        if name == "__metadata__":
            continue
        kind = getattr(torch, DTYPES[about["dtype"]])
        start, end = about["data_offsets"]
        if not 0 <= start <= end <= len(memory) - data:
            raise ValueError(f"the tensor {name} lies outside of it")
        count = (end - start) // kind.itemsize
        flat = (
            torch.frombuffer(memory, dtype=kind, count=count, offset=data + start)
            if count
            else torch.empty(0, dtype=kind)
        )
        found[name] = flat.reshape(about["shape"])
    return found


def _of_archive(name: str, file: Any, load_folder: Callable[[Path], Any]) -> Any:
    """What the folder in an archive holds: a model for its library, or one file of weights."""
    folder = Path(tempfile.mkdtemp(prefix="model-"))
    try:
        _unpack(name, file, folder)
        home = _home(folder)
        return load_weights(_only_folder(folder)) if home is None else load_folder(home)
    except OSError as error:  # transformers' word for a folder that lacks a file
        raise ModelUnavailable(
            f"The model {name} can't be loaded: {error}.",
            "Upload a folder that from_pretrained loads without a network.",
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _home(folder: Path) -> Path | None:
    """The Hugging Face folder in it, the outermost if there are several."""
    for marker in FOLDERS:
        found = sorted(folder.rglob(marker), key=lambda path: (len(path.parts), path))
        if found:
            return found[0].parent
    return None


def _unpack(name: str, file: Any, folder: Path) -> None:
    try:
        (_unzip if name.endswith(".zip") else _untar)(file, folder)
    except OSError as error:
        raise ModelUnavailable(
            f"The model {name} can't be unpacked: {error.strerror or error}.",
            "Upload its weights as one safetensors file, or ask the operator for more scratch space.",
        ) from error


def _unzip(file: Any, folder: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        _check_names([info.filename for info in infos])
        archive.extractall(folder)


def _untar(file: Any, folder: Path) -> None:
    with tarfile.open(fileobj=file, mode="r:gz") as archive:
        _check_names([info.name for info in archive])
        archive.extractall(folder, filter="data")


def _check_names(names: list[str]) -> None:
    if len(names) > MAX_FILES or any(name.startswith("/") or ".." in PurePosixPath(name).parts for name in names):
        raise ValueError("it holds too many files, or paths that lead out of it")


def _only_folder(folder: Path) -> Path:
    """The folder itself, or the one wrapper in it."""
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
