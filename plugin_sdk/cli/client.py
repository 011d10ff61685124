"""The platform's HTTP API, as the commands call it: JSON in and out, failures told as a problem and the next step."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from plugin_sdk.errors import PlatformError


class ApiFailed(PlatformError):
    """The platform refused a call, or none answers; `status` is the HTTP status, 0 where there was no answer."""

    code = "api_failed"

    def __init__(self, problem: str, fix: str, status: int = 0, body: Any = None) -> None:
        super().__init__(problem, fix)
        self.args = (problem, fix, status, body)
        self.status, self.body = status, body


class Api:
    """One connection to a platform, for one API key and at most one namespace.

    Every method raises ApiFailed when the answer is no 2xx or there is none.
    """

    def __init__(self, base_url: str, api_key: str | None, namespace: str | None = None) -> None:
        self.base_url = base_url.rstrip("/").removesuffix("/v1")
        self.api_key, self.namespace = api_key, namespace
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        if namespace:
            headers["X-Namespace"] = namespace
        self._client = httpx.Client(base_url=self.base_url, headers=headers, timeout=httpx.Timeout(120, connect=5))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._client.close()

    def get(self, path: str, **params: Any) -> Any:
        """GET `path` under /v1 (or from the root, where it starts with `/`)."""
        return self._call("GET", path, params=params)

    def post(self, path: str, body: Any = None, **params: Any) -> Any:
        """POST a JSON body."""
        return self._call("POST", path, json=body if body is not None else {}, params=params)

    def delete(self, path: str, **params: Any) -> Any:
        """DELETE `path`."""
        return self._call("DELETE", path, params=params)

    def pages(self, path: str, key: str, body: Any = None, page_size: int = 100) -> Iterator[Any]:
        """Every item of a list route that pages in the query, page by page."""
        offset = 0
        while True:
            items = self.post(path, body, limit=page_size, offset=offset)[key]
            yield from items
            if len(items) < page_size:
                return
            offset += page_size

    def put_file(self, presigned_url: str, data: bytes | Path, content_type: str) -> None:
        """PUT a file to a presigned URL, without the API key: the URL is the permission."""
        content = data.read_bytes() if isinstance(data, Path) else data
        try:
            answer = httpx.put(presigned_url, content=content, headers={"Content-Type": content_type}, timeout=300)
        except httpx.HTTPError as error:
            raise ApiFailed(f"The upload broke off: {error}.", "Check the connection and run it again.") from error
        if answer.is_error:
            raise ApiFailed(
                f"The upload was refused with {answer.status_code}: {answer.text[:200]}.",
                "Ask for a new upload URL and try again.",
                answer.status_code,
            )

    def _call(self, method: str, path: str, **request: Any) -> Any:
        url = path if path.startswith("/") else f"/v1/{path}"
        try:
            answer = self._client.request(method, url, **request)
        except httpx.ConnectError as error:
            raise ApiFailed(
                f"Nothing answers at {self.base_url}.", "Start the platform with 'mixpeek up', or set --base-url."
            ) from error
        except httpx.HTTPError as error:
            raise ApiFailed(f"{method} {url} broke off: {error}.", "Run 'mixpeek status' and try again.") from error
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _refusal(answer)


def _refusal(answer: httpx.Response) -> ApiFailed:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return ApiFailed(
            f"The platform answered {answer.status_code}: {answer.text[:200]}.", "See its logs: 'mixpeek status'.",
            answer.status_code,
        )  # fmt: skip
    error = body.get("error") or {}
    message = error.get("message") or str(body.get("detail") or body)
    details = error.get("details") or {}
    fix = str(details.get("fix") or HINTS.get(answer.status_code, ""))
    if fix and message.endswith(fix):
        message = message.removesuffix(fix).rstrip()
    return ApiFailed(message, fix, answer.status_code, body)


HINTS = {
    401: "Set --api-key or MIXPEEK_API_KEY; 'mixpeek up' writes one to the profile.",
    403: "Use a key that has the permission.",
}
