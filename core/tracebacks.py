"""Tracebacks: what operators' logs tell of an error: where it came from, and only such words as are the platform's own.

The text of an exception may repeat a row, a request, a secret or what a plugin said, so it is left out, but for those
exceptions that speak of the machine or of the code.
"""

import traceback
from collections.abc import Iterator

from core.errors import StoreUnavailable
from plugin_sdk.errors import HostFailed, PlatformError

OF_CODE = (AttributeError, NameError, UnboundLocalError, ImportError, ModuleNotFoundError, IndexError)
"""Exceptions that name what the source says, and no values."""


def message_of(error: BaseException) -> str:
    """What may be said of an error in one line."""
    name = type(error).__name__
    if isinstance(error, HostFailed):
        return f"{error.code}: {error.reason.partition(' (')[0]}"  # what follows may be the host's own words
    if isinstance(error, StoreUnavailable):
        return f"{error.code}: {error.problem}"
    if isinstance(error, PlatformError):
        return error.code
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    if type(error) in OF_CODE:
        return f"{name}: {error}"
    return name


def traceback_of(error: BaseException) -> str:
    """The frames of an error and of those that led to it, each with `message_of` it."""
    return "\n".join(_lines(error, set()))


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    earlier, why = error.__cause__, "The direct cause of:"
    if earlier is None and not error.__suppress_context__:
        earlier, why = error.__context__, "While it was handled, another came:"
    if earlier is not None and id(earlier) not in seen:
        yield from _lines(earlier, seen)
        yield why
    yield from (line.rstrip("\n") for line in traceback.format_tb(error.__traceback__))
    yield message_of(error)
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            if id(part) not in seen:
                yield from _lines(part, seen)
