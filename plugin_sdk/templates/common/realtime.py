"""The HTTP endpoint: one request in, the fields of the output schema out."""

from typing import Any, Dict

from .processors.core import {{Class}}Config, describe


class RealtimeHandler:
    def __init__(self) -> None:
        self.config = {{Class}}Config()

    def predict(self, request: Dict[str, Any]) -> Dict[str, Any]:
        return describe(request.get("{{input}}"), self.config)
