import numpy as np


class Noop:
    def __call__(self, batch):
        batch["embedding"] = list(np.ones((len(batch), 8), dtype="float32"))
        batch["length"] = batch["text"].str.len()
        return batch
