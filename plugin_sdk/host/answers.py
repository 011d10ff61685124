"""A realtime answer as plain values, whatever numbers and models the plugin put into it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plugin_sdk.errors import InvalidRealtime

MAX_DEPTH = 64
PLAIN = (str, int, float, bool, type(None), bytes)


def plain(answer: Any, depth: int = 0) -> Any:
    """`answer` in dicts, lists, texts, numbers, booleans and None.

    Raises:
        InvalidRealtime: a value has no such form, or is nested too deep.
    """
    kind = type(answer)
    if kind in PLAIN:
        return answer
    if depth > MAX_DEPTH:
        raise InvalidRealtime(f"realtime.py: the answer is nested deeper than {MAX_DEPTH}.", "Return a flatter dict.")
    if kind is list or kind is tuple:
        return answer if _alike(answer) else [plain(value, depth + 1) for value in answer]
    if kind is dict or isinstance(answer, Mapping):
        return {_key(key): plain(value, depth + 1) for key, value in answer.items()}
    return plain(_unwrapped(answer), depth + 1)


def _alike(values: Sequence[Any]) -> bool:
    """Whether all of them have the same plain type."""
    kinds = list(map(type, values))
    return not kinds or (kinds[0] in PLAIN and kinds.count(kinds[0]) == len(kinds))


def _key(key: Any) -> str:
    if type(key) is str:
        return key
    if not isinstance(key, str | int | float | bool):
        raise InvalidRealtime(f"realtime.py: the answer has the key {key!r}.", "Use texts as keys.")
    return str(key)


def _unwrapped(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy().tolist()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, set | frozenset | list | tuple):
        return list(value)
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return base(value)
    raise InvalidRealtime(
        f"realtime.py: the answer holds a value of type {type(value).__name__}.",
        "Return texts, numbers, booleans, lists and dicts.",
    )
