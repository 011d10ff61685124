"""What the GPU tests share: they all carry the marker `gpu`, and skip, with the reason, where there is none."""

from pathlib import Path

import pytest

from batch.gpus import listed

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them; without a GPU, skip them."""
    mine = [item for item in items if HERE in item.path.parents]
    missing = None if not mine else _missing()
    for item in mine:
        item.add_marker(pytest.mark.gpu)
        if missing:
            item.add_marker(pytest.mark.skip(reason=missing))


def _missing() -> str | None:
    if not listed():
        return "no NVIDIA GPU: nvidia-smi is missing, or lists none"
    import torch

    return None if torch.version.cuda else f"torch {torch.__version__} is built without CUDA"
