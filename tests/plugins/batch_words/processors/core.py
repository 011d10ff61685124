import ctypes
import os
import time

import pandas as pd
from shared.models.loader import load_namespace_model
from shared.plugins import get_secret

LETTERS = "aeio"


class Words:
    def __init__(self, config, progress_actor=None):
        self.sleep_s = config.get("sleep_s", 0.0)
        self.drop_all = config.get("drop_all", False)
        self.model = config.get("model", "")

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        time.sleep(self.sleep_s)
        print(f"batch of {len(batch)}")
        texts = batch["text"].fillna("").tolist()
        if any("RAISE" in t for t in texts):
            raise ValueError("asked to raise")
        if any("SEGFAULT" in t for t in texts):
            ctypes.string_at(0)
        if any("HANG" in t for t in texts):
            time.sleep(600)
        if any("MEMORY" in t for t in texts):
            held = [bytearray(os.urandom(1 << 20)) * 32 for _ in range(1 << 10)]
            raise AssertionError(f"{len(held)} pieces of memory were there")
        batch["batch_words_embedding"] = [vector(t) for t in texts]
        batch["length"] = [len(t) for t in texts]
        batch["shout"] = [t.upper() for t in texts]
        if self.model:
            batch["length"] = int(load_namespace_model(self.model)["w"].sum())
            print("key", get_secret("TOKEN"))
        return batch.iloc[0:0] if self.drop_all else batch


def vector(text):
    if "NONE" in text:
        return None
    counts = [float(text.count(letter)) for letter in LETTERS]
    return counts[:2] if "SHORT" in text else counts
