"""Your logic. This start embeds images without a model: how often each of 64 colours occurs."""

from dataclasses import dataclass
from typing import Any, Dict, List, Optional

import numpy as np
import pandas as pd
from shared.plugins.sdk import open_asset

from ..manifest import DIM
from .pixels import read_pixels

LEVELS = 4


@dataclass
class {{Class}}Config:
    max_pixels: int = 250_000


class {{Class}}Processor:
    def __init__(self, config: {{Class}}Config, progress_actor: Any = None) -> None:
        self.config = config

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        """Process a batch; the framework chooses its size."""
        rows = [describe(url, self.config) for url in batch["image"]]
        batch["{{name}}_embedding"] = [row["embedding"] for row in rows]
        for field in ("width", "height", "brightness", "main_color"):
            batch[field] = [row[field] for row in rows]
        return batch


def describe(url: Optional[str], config: {{Class}}Config) -> Dict[str, Any]:
    """The output fields of one image; batch and realtime share it."""
    if not url:
        raise ValueError("'image' is empty: give the URL of an image")
    with open_asset(url) as file:
        pixels = read_pixels(file.read())
    height, width = pixels.shape[:2]
    step = max(1, int((height * width / config.max_pixels) ** 0.5))
    some = pixels[::step, ::step].reshape(-1, 3)
    counts = histogram(some)
    return {
        "embedding": unit(counts),
        "width": width,
        "height": height,
        "brightness": float(some.mean() / 255),
        "main_color": color(int(counts.argmax())),
    }


def histogram(pixels: np.ndarray) -> np.ndarray:
    """Pixels per colour, uint8 [pixels, 3] -> [64], each channel cut into 4 levels."""
    red, green, blue = (pixels.astype(np.int64) * LEVELS // 256).T
    return np.bincount((red * LEVELS + green) * LEVELS + blue, minlength=DIM).astype(float)


def unit(counts: np.ndarray) -> List[float]:
    """Square roots, so that one large area does not drown the rest, scaled to unit length."""
    roots = np.sqrt(counts)
    return (roots / np.linalg.norm(roots)).tolist()


def color(index: int) -> str:
    levels = (index // LEVELS**2, index // LEVELS % LEVELS, index % LEVELS)
    return "#" + "".join(f"{(level * 2 + 1) * 256 // (LEVELS * 2):02x}" for level in levels)
