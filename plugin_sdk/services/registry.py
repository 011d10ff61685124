"""The built-in services by name; a service's module is imported when it is asked for."""

import importlib
from typing import Any

from plugin_sdk.errors import PlatformError
from plugin_sdk.manifest.hints import did_you_mean

SERVICES = {
    "intfloat/multilingual_e5_large_instruct": (
        "plugin_sdk.services.intfloat.multilingual_e5_large_instruct",
        "E5TextEmbeddingBatch",
    ),
    "openai/whisper_api": ("plugin_sdk.services.openai.whisper_api", "WhisperTranscriptionBatch"),
}
"""Name -> module and class."""


class UnknownService(PlatformError):
    """No built-in service has that name."""

    code = "unknown_service"


def get_batch_service(name: str) -> type[Any]:
    """The service's class; `-` and `.` in the name count as `_`.

    Raises:
        UnknownService: there is none of that name; hints at the nearest.
    """
    key = name.strip().lower().replace("-", "_").replace(".", "_")
    if key not in SERVICES:
        raise UnknownService(f"There is no built-in service {name!r}.", did_you_mean(key, list(SERVICES)))
    module, class_name = SERVICES[key]
    found: type[Any] = getattr(importlib.import_module(module), class_name)
    return found
