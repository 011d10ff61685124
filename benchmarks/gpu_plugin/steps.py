import io
import zlib

import numpy as np
import torch

from plugin_sdk import open_asset

VOCABULARY, TOKENS, PATCH = 30_000, 32, 8


class Decode:
    """Texts become token numbers, images patches; on the CPU."""

    def __init__(self, config):
        self.texts = config["kind"] == "texts"

    def __call__(self, batch):
        made = [self.tokens(data) if self.texts else self.patches(data) for data in batch["data"]]
        batch["length"] = [len(one) for one in made]
        batch["prepared"] = [one.ravel() for one in made]
        return batch

    def tokens(self, text):
        numbers = [zlib.crc32(word.encode()) % VOCABULARY for word in text.split()[:TOKENS]]
        return np.array(numbers + [0] * (TOKENS - len(numbers)), np.int64)

    def patches(self, data):
        from PIL import Image

        file = open_asset(data) if isinstance(data, str) else io.BytesIO(data)
        pixels = np.asarray(Image.open(file).convert("RGB"), np.float32) / 255
        rows, columns = pixels.shape[0] // PATCH, pixels.shape[1] // PATCH
        cut = pixels[: rows * PATCH, : columns * PATCH].reshape(rows, PATCH, columns, PATCH, 3)
        return cut.transpose(0, 2, 1, 3, 4).reshape(rows * columns, PATCH * PATCH * 3)


class Encode:
    """A transformer with random weights and mean pooling."""

    def __init__(self, config):
        torch.manual_seed(7)
        width = config["width"]
        self.device, self.texts = config["device"], config["kind"] == "texts"
        layer = torch.nn.TransformerEncoderLayer(width, config["heads"], 4 * width, batch_first=True)
        self.first = torch.nn.Embedding(VOCABULARY, width) if self.texts else torch.nn.Linear(PATCH * PATCH * 3, width)
        self.encoder = torch.nn.TransformerEncoder(layer, config["layers"], enable_nested_tensor=False)
        for part in (self.first, self.encoder):
            part.to(self.device).eval()
            if self.device == "cuda":
                part.half()

    def __call__(self, batch):
        rows = np.stack(batch["prepared"].tolist())
        given = torch.from_numpy(rows if self.texts else rows.reshape(len(rows), -1, PATCH * PATCH * 3)).to(self.device)
        if not self.texts and self.device == "cuda":
            given = given.half()
        with torch.inference_mode():
            vectors = self.encoder(self.first(given)).mean(dim=1).float().cpu().numpy()
        batch["embedding"] = list(vectors)
        return batch.drop(columns=["prepared"])
