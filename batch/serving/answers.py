"""Answers: handlers' dicts and errors as HTTP bodies; one place says which error is whose fault."""

from typing import Any

import orjson

from core.errors import InferenceFailed, InferenceTimeout
from core.http import answer_to, envelope
from plugin_sdk.errors import HostFailed, InvalidRealtime, PlatformError, PluginRaised
from plugin_sdk.outcomes import KILLED_FOR_TIME

Answer = tuple[int, bytes, dict[str, str]]


def encoded(output: Any) -> bytes:
    """What a handler returned, as JSON.

    Raises:
        InferenceFailed: JSON can't hold it; names the key.
    """
    try:
        return orjson.dumps(output, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError) as error:
        where, kind = _culprit(output, "answer")
        raise InferenceFailed(
            f"The handler's answer can't be written as JSON: {where} is {kind}.",
            "Return numbers, texts, lists and dicts; turn arrays into lists with .tolist().",
        ) from error


def as_inference_error(error: BaseException) -> PlatformError:
    """What failed while a handler answered, as the caller is told: its own exception, never the platform's insides."""
    if isinstance(error, HostFailed):
        if error.reason == KILLED_FOR_TIME:
            return InferenceTimeout(error.problem, "Send less at once, or make the handler faster.")
        return InferenceFailed(error.problem, error.fix)
    if isinstance(error, PluginRaised | InvalidRealtime):
        return InferenceFailed(error.problem, error.fix)
    if isinstance(error, PlatformError):
        return error
    return InferenceFailed(
        f"The deployment could not answer: {type(error).__name__}.", "Try again; if it stays, deploy the plugin anew."
    )


def error_answer(error: BaseException) -> Answer:
    """Status, body and headers that tell `error`."""
    if isinstance(error, PlatformError):
        status, body, headers = answer_to(error)
    else:
        status, body, headers = 500, envelope(500, "Something went wrong on our side."), {}
    if status == 503:
        headers = {**headers, "Retry-After": "1"}
    return status, orjson.dumps(body, default=str), headers


def _culprit(value: Any, where: str) -> tuple[str, str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if not _fits(item):
                return _culprit(item, f"{where}[{key!r}]")
            if not isinstance(key, str | int | float | bool | None):
                return f"a key of {where}", type(key).__name__
    if isinstance(value, list | tuple):
        for position, item in enumerate(value):
            if not _fits(item):
                return _culprit(item, f"{where}[{position}]")
    if isinstance(value, int) and not isinstance(value, bool):
        return where, "an integer of more than 64 bits"
    return where, type(value).__name__


def _fits(value: Any) -> bool:
    try:
        orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        return False
    return True
