class Passing:
    def __init__(self, config=None):
        pass

    def __call__(self, batch):
        return batch
