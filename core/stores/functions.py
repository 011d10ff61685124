"""Functions: Lambdas that are called and answered at once."""

from typing import Any

import orjson

from core.errors import StoreUnavailable
from core.stores.aws import talking_to


class Functions:
    """Lambda. Raises StoreUnavailable when it does not answer, or when the function failed."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def call(self, name: str, event: dict[str, Any]) -> dict[str, Any]:
        """What the function answers to `event`."""
        with talking_to("Lambda"):
            answer = self._client.invoke(FunctionName=name, Payload=orjson.dumps(event))
            payload: dict[str, Any] = orjson.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise StoreUnavailable(
                f"The function {name} failed: {payload.get('errorMessage', 'no reason given')}.",
                "Try again; its log has the traceback.",
            )
        return payload
