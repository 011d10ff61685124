class Letters:
    def __init__(self, config=None):
        self.config = config or {}

    def __call__(self, batch):
        batch["letters_embedding"] = [self.count(text or "") for text in batch["text"]]
        batch["language"] = "none"
        batch["length"] = batch["text"].str.len()
        batch["notes"] = [{"made_by": "pipeline"} for _ in range(len(batch))]
        return batch

    def count(self, text):
        return [float(text.count(letter)) * self.config.get("scale", 1.0) for letter in "abc"]
