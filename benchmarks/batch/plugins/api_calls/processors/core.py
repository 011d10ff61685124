import time

CALL_S = 0.02


class Call:
    """A remote model's share of the work is waiting; a row is one call."""

    def __init__(self, config=None):
        pass

    def __call__(self, batch):
        labels = []
        for text in batch["text"]:
            time.sleep(CALL_S)
            labels.append("long" if len(text) > 60 else "short")
        batch["label"] = labels
        return batch
