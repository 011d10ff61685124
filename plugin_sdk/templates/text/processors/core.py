"""Your logic. This start embeds texts without a model: words and their character n-grams, hashed into a vector."""

import re
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, List, Optional

import numpy as np
import pandas as pd

from ..manifest import DIM

WORD = re.compile(r"\w+")


@dataclass
class {{Class}}Config:
    lowercase: bool = True
    top: int = 3


class {{Class}}Processor:
    def __init__(self, config: {{Class}}Config, progress_actor: Any = None) -> None:
        self.config = config

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        """Process a batch; the framework chooses its size."""
        rows = [describe(text, self.config) for text in batch["text"].fillna("")]
        batch["{{name}}_embedding"] = [row["embedding"] for row in rows]
        batch["word_count"] = [row["word_count"] for row in rows]
        batch["top_words"] = [row["top_words"] for row in rows]
        return batch


def describe(text: Optional[str], config: {{Class}}Config) -> Dict[str, Any]:
    """The output fields of one text; batch and realtime share it."""
    words = WORD.findall((text or "").lower() if config.lowercase else text or "")
    frequent = [word for word, _ in Counter(words).most_common(config.top)]
    return {"embedding": embed(words), "word_count": len(words), "top_words": frequent}


def embed(words: List[str]) -> List[float]:
    """Each word and each run of 3 to 5 of its letters adds to one place of the vector; scaled to unit length."""
    vector = np.zeros(DIM)
    for word, count in Counter(words).items():
        for gram in grams(word):
            code = zlib.crc32(gram.encode())
            vector[code % DIM] += count if code & 0x10000 else -count
    length = float(np.linalg.norm(vector))
    return (vector / length if length else vector).tolist()


def grams(word: str) -> List[str]:
    marked = f"<{word}>"
    return [marked] + [marked[i : i + n] for n in (3, 4, 5) for i in range(len(marked) - n + 1)]
