"""Single values as they are stored, with a word on each that cannot be."""

import datetime
import enum
import json
import math
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd


class Unstorable(ValueError):
    """A value does not fit its column: what it is, and the rule against it."""

    def __init__(self, found: str, rule: str) -> None:
        super().__init__(found, rule)
        self.found, self.rule = found, rule


INFINITE = "an infinite number", "only finite ones can be stored"


def as_plain(value: Any) -> Any:
    """A numpy or torch scalar as Python's own."""
    if isinstance(value, np.generic) or (hasattr(value, "detach") and getattr(value, "ndim", 1) == 0):
        return value.item()
    return value


def is_null(value: Any) -> bool:
    """Whether it is one of the ways to write that there is no value."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def described(value: Any) -> str:
    """The value in an error message."""
    if isinstance(value, int | float | np.number):
        return f"{type(value).__name__} {value}"[:80]
    return f"a value of type {type(value).__name__}"


def as_text(value: Any) -> str:
    """Text; the standard library's usual types are written as such."""
    if isinstance(value, enum.Enum):
        return as_text(value.value)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, uuid.UUID | PurePath | Decimal):
        return str(value)
    if not isinstance(value, str):
        raise Unstorable(described(value), "the manifest says string")
    return _unicode(str(value))


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unstorable("a text with lone surrogates", "only valid Unicode can be stored") from None
    return text


def as_whole(value: Any) -> int:
    """An integer of 64 bits."""
    if isinstance(value, enum.Enum):
        return as_whole(value.value)
    number = as_plain(value)
    fits = isinstance(number, int) or (isinstance(number, float) and number.is_integer())
    if isinstance(number, bool) or not fits:
        raise Unstorable(described(value), "the manifest says integer")
    if not -(2**63) <= int(number) < 2**63:
        raise Unstorable(described(value), "an integer has at most 64 bits")
    return int(number)


def as_real(value: Any) -> float:
    """A number; NaN is let through."""
    number = as_plain(value)
    if isinstance(number, Decimal):
        number = float(number)
    if not isinstance(number, int | float):
        raise Unstorable(described(value), "the manifest says number")
    try:
        real = float(number)
    except OverflowError:
        real = math.inf
    if math.isinf(real):
        raise Unstorable(*INFINITE)
    return real


def as_truth(value: Any) -> bool:
    """A boolean, and nothing that only looks like one."""
    plain = as_plain(value)
    if not isinstance(plain, bool):
        raise Unstorable(described(value), "the manifest says boolean")
    return plain


def as_items(value: Any, take: Callable[[Any], Any]) -> list[Any]:
    """A flat list, each item through `take`."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
        raise Unstorable(described(value), "the manifest says array")
    if getattr(value, "ndim", 1) != 1:
        raise Unstorable(f"an array of shape {tuple(value.shape)}", "the manifest says a flat one")
    return [None if is_null(item) else take(item) for item in value]


def as_json(value: Any) -> str:
    """JSON text."""
    try:
        text = json.dumps(value, default=_json_default, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unstorable(described(value), f"it cannot be written as JSON: {error}") from None
    return _unicode(text)


def _json_default(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy().tolist()
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, int | float):
        return value
    return as_text(value)


def why_not(error: Exception, value: Any) -> tuple[str, str]:
    """What is wrong with a value; an author's type may raise whatever it likes when it is read."""
    if isinstance(error, Unstorable):
        return error.found, error.rule
    return described(value), f"reading it raises {type(error).__name__}"
