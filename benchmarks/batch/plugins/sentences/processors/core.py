from sentence_transformers import SentenceTransformer

MODEL = "sentence-transformers/all-MiniLM-L6-v2"


class Embed:
    def __init__(self, config=None):
        self.model = SentenceTransformer(MODEL, device="cpu")

    def __call__(self, batch):
        batch["embedding"] = list(self.model.encode(list(batch["text"]), batch_size=64, show_progress_bar=False))
        return batch
