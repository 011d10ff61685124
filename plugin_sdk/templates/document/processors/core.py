"""Your logic. This start reads texts and simple PDF files and embeds them without a model: words, hashed."""

import re
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import pandas as pd
from shared.plugins.sdk import open_asset

from ..manifest import DIM
from .pdf import read_pdf

WORD = re.compile(r"\w+")
ADDRESS = re.compile(r"(s3|file|https?)://\S+")


@dataclass
class {{Class}}Config:
    max_characters: int = 20_000


class {{Class}}Processor:
    def __init__(self, config: {{Class}}Config, progress_actor: Any = None) -> None:
        self.config = config

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        """Process a batch; the framework chooses its size."""
        rows = [describe(document, self.config) for document in batch["document"]]
        batch["{{name}}_embedding"] = [row["embedding"] for row in rows]
        for field in ("text", "pages", "word_count"):
            batch[field] = [row[field] for row in rows]
        return batch


def describe(document: Optional[str], config: {{Class}}Config) -> Dict[str, Any]:
    """The output fields of one document; batch and realtime share it."""
    if not document:
        raise ValueError("'document' is empty: give a text or the URL of a PDF file")
    text, pages = read(document)
    words = WORD.findall(text.lower())
    return {
        "embedding": embed(words),
        "text": text[: config.max_characters],
        "pages": pages,
        "word_count": len(words),
    }


def read(document: str) -> Tuple[str, int]:
    """The text and its number of pages; a text that is no address is the document itself."""
    if not ADDRESS.fullmatch(document):
        return document, 1
    with open_asset(document) as file:
        data = file.read()
    if b"%PDF-" in data[:1024]:
        return read_pdf(data)
    return data.decode("utf-8", errors="replace"), 1


def embed(words: List[str]) -> List[float]:
    """Each word adds to one place of the vector, frequent ones less and less; scaled to unit length."""
    vector = np.zeros(DIM)
    for word, count in Counter(words).items():
        code = zlib.crc32(word.encode())
        vector[code % DIM] += (1 + np.log(count)) * (1 if code & 0x10000 else -1)
    length = float(np.linalg.norm(vector))
    return (vector / length if length else vector).tolist()
