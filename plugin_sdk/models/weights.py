"""Weights from a file, by its format; formats that can carry code are loaded as data or not at all."""

from pathlib import Path
from typing import Any

from plugin_sdk.models.errors import ModelUnavailable

ENDINGS = (".safetensors", ".pt", ".pth", ".bin", ".onnx")


def load_weights(path: Path) -> Any:
    """Tensors by name for safetensors and torch files, a session for ONNX; of a folder, its one model file.

    Raises:
        ModelUnavailable: there is no such file, several, or one of another format.
    """
    file = _model_file(path)
    match file.suffix:
        case ".safetensors":
            from safetensors.torch import load_file

            return load_file(str(file))
        case ".onnx":
            return onnx_session(file.name, str(file))
        case _:
            import torch

            return torch.load(file, map_location="cpu", weights_only=True)


def _model_file(path: Path) -> Path:
    files = [path] if path.is_file() else sorted(p for ending in ENDINGS for p in path.glob(f"*{ending}"))
    known = [file for file in files if file.suffix in ENDINGS]
    if len(known) != 1:
        found = ", ".join(file.name for file in files) or "nothing"
        raise ModelUnavailable(f"{path.name} holds {found}.", f"Give one file that ends in {', '.join(ENDINGS)}.")
    return known[0]


def onnx_session(name: str, model: str | bytes) -> Any:
    """A session for the ONNX model at a path, or in these bytes.

    Raises:
        ModelUnavailable: onnxruntime is not installed, or refuses the model.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelUnavailable(f"{name} needs onnxruntime.", "Ask the operator to install it.") from error
    try:
        return onnxruntime.InferenceSession(model, providers=onnxruntime.get_available_providers())
    except Exception as error:  # its errors have no class in common
        raise ModelUnavailable(f"{name} is refused by onnxruntime: {error}", "Export the model anew.") from error
