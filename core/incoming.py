"""What every request must be before a route sees it: headers that agree, plain JSON of bounded depth, no NUL."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import orjson

from core.errors import InvalidRequest, TooLarge, UnsupportedMedia

MAX_DEPTH = 100
SINGLE = (b"x-namespace", b"content-type", b"content-encoding", b"content-length", b"idempotency-key")
"""Headers that may be repeated with one value only; `authorization` is judged where keys are."""

_LEVELS_OF_ORJSON = 254  # more than these it does not write
_ESCAPED_NUL = re.compile(rb"\\u0000")
_NUL = re.compile("\0")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SEARCHED_BYTES = 1_000_000


def check_headers(headers: Iterable[tuple[bytes, bytes]], max_bytes: int) -> None:
    """Refuse headers that contradict each other, an encoded body, and one that says that it is too long.

    Raises:
        InvalidRequest: a header came twice with different values.
        UnsupportedMedia: the body is compressed.
        TooLarge: Content-Length is over `max_bytes`.
    """
    seen: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in SINGLE and seen.setdefault(name, value) != value:
            shown = name.decode().title()
            raise InvalidRequest(f"The request has two {shown} headers that disagree.", "Send one.", shown)
    encoding = seen.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"identity", b""):
        raise UnsupportedMedia(
            f"Content-Encoding is {encoding.decode('latin-1')[:40]!r}.", "Send the body as it is, without compression."
        )
    length = seen.get(b"content-length", b"0")
    if length.isdigit() and int(length) > max_bytes:
        raise TooLarge(f"The body has {int(length)} bytes, and {max_bytes} are read.", "Send it in parts.")


def check_query(query: bytes, known: frozenset[str]) -> None:
    """Refuse NUL in a query parameter, one that is not `known`, and one that comes twice and differs.

    Raises:
        InvalidRequest: names the parameter.
    """
    if b"%00" in query or b"\0" in query:
        for part in query.split(b"&"):
            name, _, value = part.partition(b"=")
            if b"%00" in value or b"\0" in value or b"%00" in name:
                shown = unquote_plus(name.decode("latin-1")).replace("\0", "")
                raise InvalidRequest(f"{shown}: it holds a NUL character.", "Leave it out.", f"query.{shown}")
    seen: dict[str, str] = {}
    for parameter, given in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else ():
        shown = parameter[:100]
        if parameter not in known:
            named = ", ".join(sorted(known)) or "none"
            raise InvalidRequest(
                f"{shown}: there is no such query parameter.", f"Known here are: {named}.", f"query.{shown}"
            )
        if seen.setdefault(parameter, given) != given:
            raise InvalidRequest(f"{shown}: it comes twice, with different values.", "Send one.", f"query.{shown}")


def parse_json(body: bytes) -> Any:
    """The JSON that a body holds: no NaN, no lone surrogates, no NUL, no name twice, at most `MAX_DEPTH` levels.

    Raises:
        InvalidRequest: it holds something else; names the field where there is one.
    """
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "surrogate" in error.msg and len(body) < _SEARCHED_BYTES:
            _refuse_surrogates(body)
        if "number" in error.msg and len(body) < _SEARCHED_BYTES:
            _refuse_numbers(body)
        raise InvalidRequest(
            f"The body is not JSON: {error.msg} (at position {error.pos}).", "Send valid JSON.", "body"
        ) from error
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and not _is_shallow(parsed):
        raise InvalidRequest(
            f"{_deepest(parsed)}: it is nested deeper than {MAX_DEPTH} levels.", "Send flatter data.", _deepest(parsed)
        )
    if body.count(b":") > 1:
        json.loads(body, object_pairs_hook=_once_each)
    if _ESCAPED_NUL.search(body):
        for path in _holding(parsed, "", _NUL):
            raise InvalidRequest(f"{path}: it holds a NUL character.", "Leave it out.", path)
    return parsed


def _is_shallow(value: Any) -> bool:
    """Wrapped in so many lists, what is deeper than `MAX_DEPTH` is more than orjson writes; much faster than a walk."""
    for _ in range(_LEVELS_OF_ORJSON - MAX_DEPTH):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def _deepest(value: Any) -> str:
    """The field of the body that is too deep."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        if not _is_shallow(inner) or not _is_shallow([inner]):
            return str(name)[:100]
    return "body"


def _refuse_surrogates(body: bytes) -> None:
    try:
        lenient = json.loads(body)
    except (ValueError, RecursionError):
        return
    for path in _holding(lenient, "", _SURROGATE):
        raise InvalidRequest(f"{path}: it holds half of a surrogate pair.", "Send valid Unicode.", path)


def _refuse_numbers(body: bytes) -> None:
    """Name the field whose number is none, or too large for a computer's own."""
    try:
        lenient = json.loads(body, parse_int=_marked, parse_float=_marked, parse_constant=lambda _: "\0")
    except (ValueError, RecursionError):
        return
    for path in _holding(lenient, "", _NUL):
        raise InvalidRequest(f"{path}: the number is too large.", "Send one of 64 bits.", path)


def _marked(number: str) -> str:
    return "" if math.isfinite(float(number)) else "\0"


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)[:100]
        raise InvalidRequest(f"{twice}: the field comes twice in one object.", "Send it once.", twice)
    return found


def _holding(value: Any, path: str, unwanted: re.Pattern[str]) -> Iterator[str]:
    """The fields, strings or names, in which something unwanted is."""
    if isinstance(value, str):
        if unwanted.search(value):
            yield path or "body"
    elif isinstance(value, dict):
        for name, inner in value.items():
            place = f"{path}.{unwanted.sub('?', name)}".removeprefix(".")
            if unwanted.search(name):
                yield place
            yield from _holding(inner, place, unwanted)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _holding(inner, f"{path}[{position}]", unwanted)
