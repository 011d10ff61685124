"""Remote rows: imported rows read by a serving node, on behalf of the caller whose request it is."""

from typing import Any

import httpx

from core.errors import NotFound, ServingUnavailable
from core.imports import Import
from core.stores import Stores
from core.tenancy import Scope

TIMEOUT_S = 20.0


class RemoteRows:
    """Asks the serving nodes, with the caller's own key: they judge it as they judge every request."""

    def __init__(self, authorization: str) -> None:
        self._authorization = authorization

    def objects(self, stores: Stores, scope: Scope, found: Import, start: int, stop: int) -> list[dict[str, Any]]:
        """The rows `start` to before `stop` as bodies of objects.

        Raises:
            ServingUnavailable: no serving node answers.
            NotFound: the import was deleted meanwhile.
        """
        root = f"{stores.settings.serving_url.rstrip('/')}/v1/namespaces/{scope.namespace_id}"
        url = f"{root}/buckets/{found.bucket_id}/imports/{found.import_id}/rows"
        try:
            answer = httpx.get(
                url,
                params={"start": start, "stop": stop},
                headers={"Authorization": self._authorization},
                timeout=TIMEOUT_S,
            )
        except httpx.HTTPError as error:
            raise _unavailable(str(error) or type(error).__name__) from error
        if answer.status_code == 404:
            raise NotFound(f"There is no import {found.import_id} in this bucket.", "List its imports.")
        if answer.status_code != 200:
            raise _unavailable(f"it answered {answer.status_code}")
        objects: list[dict[str, Any]] = answer.json()["objects"]
        return objects


def _unavailable(reason: str) -> ServingUnavailable:
    return ServingUnavailable(
        f"Imported rows can't be read: no serving node answers ({reason}).", "Start the serving nodes, then try again."
    )
