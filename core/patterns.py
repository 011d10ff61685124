"""Patterns: regular expressions that tenants write, searched by RE2, whose time is linear in the text whatever they say."""

from functools import lru_cache
from typing import Any

from core.errors import InvalidRequest

MAX_LENGTH = 1_000
MAX_COMPILED_BYTES = 1024 * 1024


def found(pattern: str, text: str, case_sensitive: bool) -> bool:
    """Whether `pattern` occurs in `text`.

    Raises:
        InvalidRequest: RE2 does not know the pattern's syntax, or it is too large.
    """
    return _compiled(pattern, case_sensitive).search(text) is not None


def check(pattern: str, field: str) -> None:
    """Refuse what can't be searched for, naming the field that holds it.

    Raises:
        InvalidRequest: as above; or it uses one of the few things that RE2 has and the store's engine has not.
    """
    try:
        _compiled(pattern, False)
    except InvalidRequest as error:
        raise InvalidRequest(error.problem, error.fix, field) from error
    for piece in (r"\C", r"\Q", r"\E"):
        if piece in pattern:
            raise InvalidRequest(
                f"The pattern {pattern[:60]!r} can't be searched for: it uses {piece}.", "Spell it out.", field
            )


@lru_cache(256)
def _compiled(pattern: str, case_sensitive: bool) -> Any:
    import re2  # here, since few requests bring a pattern

    if len(pattern) > MAX_LENGTH:
        raise InvalidRequest(f"The pattern has {len(pattern)} characters.", f"Use at most {MAX_LENGTH}.", "filters")
    options = re2.Options()
    options.case_sensitive, options.log_errors, options.max_mem = case_sensitive, False, MAX_COMPILED_BYTES
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise InvalidRequest(
            f"The pattern {pattern[:60]!r} can't be searched for: {reason}.",
            "Escape what is meant as text; leave out look-around and back-references.",
            "filters",
        ) from error
