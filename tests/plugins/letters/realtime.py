import os
import time

from shared.models.loader import load_namespace_model
from shared.plugins import get_secret


BORN = time.time_ns()


class RealtimeHandler:
    """Answers like the pipeline, and misbehaves when a request's `do` asks for it."""

    VERSION = 1

    def __init__(self):
        self.calls = 0

    def warmup(self):
        self.calls = 0

    def predict(self, request):
        self.calls += 1
        do = request.get("do")
        if do == "raise":
            raise ValueError("no such letter")
        if do == "die":
            os._exit(7)
        if do == "sleep":
            time.sleep(request["seconds"])
        if do == "load":
            return {"sum": float(load_namespace_model(request["model"])["w"].sum()), "length": len(get_secret("TOKEN"))}
        if do == "object":
            return {"thing": {"inner": object()}}
        if do == "number":
            return 3
        text = request.get("text", "")
        embedding = [float(text.count(letter)) for letter in "abc"]
        return {"embedding": embedding, "by": "handler", "version": self.VERSION, "pid": os.getpid(), "born": BORN}
