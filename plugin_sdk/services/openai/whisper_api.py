"""Speech to text by OpenAI's transcription endpoint, or any server that speaks it.

Source: OpenAI API reference, POST /v1/audio/transcriptions (multipart `file`, `model`; answer `{"text": …}`).
"""

import time
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from plugin_sdk.assets import open_asset
from plugin_sdk.concurrency import concurrent_api_calls
from plugin_sdk.errors import PlatformError
from plugin_sdk.secrets import get_secret
from plugin_sdk.services.base import BaseBatchInferenceService

if TYPE_CHECKING:
    import httpx
    import pandas as pd

RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504})
KEPT = 1024
"""Transcriptions kept, so that a batch that is tried again after one bad row is not paid for twice."""


class TranscriptionFailed(PlatformError):
    """The server refused the recording or the key, or did not answer."""

    code = "transcription_failed"


@dataclass
class WhisperConfig:
    """Which recordings are transcribed, and where.

    Attributes:
        input_column: URLs of recordings; a null one gets a null text.
        output_column_name: the texts.
        model: the server's model.
        base_url: the API's root, `/v1` included.
        api_key_secret: name of the secret that holds the API key; empty for a server that wants none.
        language: ISO 639-1 code; left out, the server finds out.
        prompt: words that help with names and spelling.
        timeout_s: of one request.
        retries: further tries after a refusal that passes by itself (rate limit, server error).
        max_concurrency: requests in flight at once per batch.
    """

    input_column: str = "data"
    output_column_name: str = "transcription"
    model: str = "whisper-1"
    base_url: str = "https://api.openai.com/v1"
    api_key_secret: str = "OPENAI_API_KEY"
    language: str | None = None
    prompt: str | None = None
    timeout_s: float = 120.0
    retries: int = 3
    max_concurrency: int = 4


class WhisperTranscriptionBatch(BaseBatchInferenceService[WhisperConfig]):
    """Writes one text per recording."""

    def __init__(self, config: WhisperConfig | None = None, progress_actor: Any = None) -> None:
        super().__init__(config or WhisperConfig(), progress_actor)
        self._settings = config or WhisperConfig()
        self._texts: dict[str, str] = {}

    def load(self) -> None:
        """Open the client.

        Raises:
            SecretMissing: the API key is not set.
        """
        import httpx

        settings = self._settings
        headers = {}
        if settings.api_key_secret:
            headers["Authorization"] = f"Bearer {get_secret(settings.api_key_secret)}"
        self._client = httpx.Client(base_url=settings.base_url, headers=headers, timeout=settings.timeout_s)

    def infer(self, batch: "pd.DataFrame") -> "pd.DataFrame":
        """The rows with their texts.

        Raises:
            TranscriptionFailed: the server refused a recording for good; names it.
        """
        import pandas as pd

        urls = [
            url if isinstance(url, str) and url else None for url in self.column(batch, self._settings.input_column)
        ]
        new = [url for url in dict.fromkeys(urls) if url is not None and url not in self._texts]
        concurrent_api_calls(self._transcribe, new, self._settings.max_concurrency)
        texts = pd.Series([self._texts[url] if url else None for url in urls], index=batch.index, dtype=object)
        self._forget_oldest()
        return batch.assign(**{self._settings.output_column_name: texts})

    def _transcribe(self, url: str) -> None:
        name = PurePosixPath(urlsplit(url).path).name or "audio"
        with open_asset(url) as file:
            data = file.read()
        answer = self._post(name, data).json()
        text = answer.get("text") if isinstance(answer, dict) else None
        if not isinstance(text, str):
            raise TranscriptionFailed(f"{name}: the server answered without a text.", "Check base_url and model.")
        self._texts[url] = text

    def _post(self, name: str, data: bytes) -> "httpx.Response":
        import httpx

        last = ""
        for attempt in range(self._settings.retries + 1):
            try:
                response = self._client.post("/audio/transcriptions", data=self._fields(), files={"file": (name, data)})
            except httpx.TransportError as error:
                last = f"{type(error).__name__}: {error}"
                wait_s = 0.5 * 2**attempt
            else:
                if response.is_success:
                    return response
                last = f"{response.status_code}: {response.text[:200]}"
                if response.status_code not in RETRIED:
                    break
                wait_s = _retry_after(response, 0.5 * 2**attempt)
            if attempt < self._settings.retries:
                time.sleep(wait_s)
        raise TranscriptionFailed(
            f"{name}: {self._settings.base_url} answered {last}.",
            f"Check the recording, base_url, model and the secret {self._settings.api_key_secret}.",
        )

    def _fields(self) -> dict[str, str]:
        settings = self._settings
        fields = {"model": settings.model, "language": settings.language, "prompt": settings.prompt}
        return {"response_format": "json", **{key: value for key, value in fields.items() if value is not None}}

    def _forget_oldest(self) -> None:
        for url in list(self._texts)[:-KEPT]:
            del self._texts[url]


def _retry_after(response: "httpx.Response", default_s: float) -> float:
    try:
        return min(60.0, max(0.0, float(response.headers["Retry-After"])))
    except (KeyError, ValueError):
        return default_s
