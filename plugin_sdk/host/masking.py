"""Secrets that were handed to a plugin, taken out of whatever it says: its log, its errors, its tracebacks."""

import json
import threading
from urllib.parse import quote, quote_plus

MIN_LENGTH = 4
"""A shorter value would take out half of every text."""

MASK = "***"


class Masks:
    """The values that one host was given. Thread-safe; a value is forgotten never."""

    def __init__(self) -> None:
        self._spellings: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def add(self, value: str) -> None:
        """Take this value out of all that is said from now on."""
        with self._lock:
            found = {*self._spellings, *spellings(value)}
            self._spellings = tuple(sorted(found, key=len, reverse=True))

    def text(self, said: str) -> str:
        """`said` without the values."""
        for spelling in self._spellings:
            if spelling in said:
                said = said.replace(spelling, MASK)
        return said

    def blank(self, said: bytearray, start: int) -> None:
        """Write over the values in `said` that end after `start`; its length stays."""
        for spelling in self._spellings:
            value = spelling.encode("utf-8", "surrogatepass")
            at = said.find(value, max(0, start - len(value) + 1))
            while at >= 0:
                said[at : at + len(value)] = b"*" * len(value)
                at = said.find(value, at + len(value))


def spellings(value: str) -> set[str]:
    """The value as it may stand in a log: itself, within quotes, within a URL, and each of its longer lines."""
    lines = {line for line in value.splitlines() if len(line) >= 2 * MIN_LENGTH}
    parts = {value, value.strip(), *lines}
    ways = {way for part in parts for way in (part, repr(part)[1:-1], json.dumps(part)[1:-1], quote(part, safe=""))}
    ways |= {way for part in parts for way in (quote(part), quote_plus(part))}
    return {way for way in ways if len(way) >= MIN_LENGTH}
