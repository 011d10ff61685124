"""Your logic. This start embeds texts and images without a model: words hashed, colours counted."""

import re
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, List, Optional

import numpy as np
import pandas as pd
from shared.plugins.sdk import open_asset

from ..manifest import IMAGE_DIM, TEXT_DIM
from .pixels import read_pixels

LEVELS = 4
WORD = re.compile(r"\w+")
ADDRESS = re.compile(r"(s3|file|https?)://\S+")


@dataclass
class {{Class}}Config:
    lowercase: bool = True
    max_pixels: int = 250_000


class {{Class}}TextProcessor:
    def __init__(self, config: {{Class}}Config, progress_actor: Any = None) -> None:
        self.config = config

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        """Process a batch of texts; the framework chooses its size."""
        rows = [describe_text(text, self.config) for text in batch["content"].fillna("")]
        batch["{{name}}_text_embedding"] = [row["text_embedding"] for row in rows]
        batch["word_count"] = [row["word_count"] for row in rows]
        return batch


class {{Class}}ImageProcessor:
    def __init__(self, config: {{Class}}Config, progress_actor: Any = None) -> None:
        self.config = config

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        """Process a batch of images; the framework chooses its size."""
        rows = [describe_image(url, self.config) for url in batch["content"]]
        batch["{{name}}_image_embedding"] = [row["image_embedding"] for row in rows]
        batch["width"] = [row["width"] for row in rows]
        batch["height"] = [row["height"] for row in rows]
        return batch


def describe(content: Optional[str], config: {{Class}}Config) -> Dict[str, Any]:
    """The output fields of one text or image."""
    return describe_image(content, config) if ADDRESS.fullmatch(content or "") else describe_text(content, config)


def describe_text(text: Optional[str], config: {{Class}}Config) -> Dict[str, Any]:
    words = WORD.findall((text or "").lower() if config.lowercase else text or "")
    vector = np.zeros(TEXT_DIM)
    for word, count in Counter(words).items():
        code = zlib.crc32(word.encode())
        vector[code % TEXT_DIM] += (1 + np.log(count)) * (1 if code & 0x10000 else -1)
    return {"text_embedding": unit(vector), "word_count": len(words)}


def describe_image(url: Optional[str], config: {{Class}}Config) -> Dict[str, Any]:
    if not url:
        raise ValueError("'content' is empty: give a text or the URL of an image")
    with open_asset(url) as file:
        pixels = read_pixels(file.read())
    height, width = pixels.shape[:2]
    step = max(1, int((height * width / config.max_pixels) ** 0.5))
    red, green, blue = (pixels[::step, ::step].reshape(-1, 3).astype(np.int64) * LEVELS // 256).T
    counts = np.bincount((red * LEVELS + green) * LEVELS + blue, minlength=IMAGE_DIM)
    return {"image_embedding": unit(np.sqrt(counts)), "width": width, "height": height}


def unit(vector: np.ndarray) -> List[float]:
    length = float(np.linalg.norm(vector))
    return (vector / length if length else vector).tolist()
