import os
import time

import numpy as np
import pandas as pd

DEVICES = os.environ.get("CUDA_VISIBLE_DEVICES", "none")


class Page:
    """What no worker can send to another."""

    def __init__(self, text):
        self.text = text


class Cut:
    def __init__(self, config):
        self.odd = config.get("odd", False)
        self.sleep_s = config.get("sleep_s", 0.0)

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        time.sleep(self.sleep_s)
        batch["word"] = [text.split() for text in batch["data"]]
        batch = batch.explode("word", ignore_index=True)
        if any(word == "RAISE" for word in batch["word"]):
            raise ValueError("asked to raise")
        batch["pixels"] = [np.full((2, 3), len(word), np.float32) for word in batch["word"]]
        batch["boxes"] = [{"letters": list(word)} for word in batch["word"]]
        batch["decoded_on"] = DEVICES
        if self.odd:
            batch["page"] = [Page(word) for word in batch["word"]]
        return batch


class Embed:
    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        if any(word == "SEGFAULT" for word in batch["word"]):
            os.abort()
        assert all(boxes["letters"] == list(word) for boxes, word in zip(batch["boxes"], batch["word"], strict=True))
        batch["batch_mixed_embedding"] = [pixels.sum(axis=0) for pixels in batch["pixels"]]
        batch["embedded_on"] = DEVICES
        return batch.drop(columns=["pixels", "boxes", "page"], errors="ignore")


class Halve:
    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        twice = batch.loc[batch.index.repeat(2)].reset_index(drop=True)
        twice["half"] = [0, 1] * len(batch)
        twice["counted_on"] = DEVICES
        return twice
