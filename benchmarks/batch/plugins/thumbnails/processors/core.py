from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

try:
    from shared.plugins import open_asset
except ImportError:  # outside of the platform: the bare loop and the peers give a function of their own
    open_asset = None

READERS = 8


class Thumbnail:
    def __init__(self, config=None, read=None):
        self.read = read or read_asset

    def __call__(self, batch):
        with ThreadPoolExecutor(READERS) as pool:
            found = list(pool.map(self.one, batch["image"]))
        batch["embedding"] = [vector for vector, _, _ in found]
        batch["width"] = [width for _, width, _ in found]
        batch["height"] = [height for _, _, height in found]
        return batch

    def one(self, url):
        with self.read(url) as file, Image.open(file) as image:
            small = image.convert("L").resize((8, 8), Image.Resampling.BOX)
            return np.asarray(small, dtype="float32").ravel() / 255, image.width, image.height


def read_asset(url):
    return open_asset(url)
