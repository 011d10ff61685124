"""Text of a PDF file as far as it stands in plain strings: enough to start with, no layout, no scanned pages.

Source: ISO 32000-1:2008, 7.3.4 (strings), 7.3.8 (streams), 9.4.3 (operators that show text).
"""

import re
import zlib
from typing import Iterator, List, Tuple

STREAM = re.compile(rb"(<<(?:[^<>]|<<[^<>]*>>|<[^<>]*>)*>>)\s*stream\r?\n")
SHOWN = re.compile(rb"\((?:\\.|[^\\()]|\((?:\\.|[^\\()])*\))*\)|<[0-9A-Fa-f\s]+>|\bT[dDmJj*]|\bBT|\bET|-?\d+\.?\d*", re.DOTALL)
ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"", b"f": b"", b"\n": b"", b"\r": b""}
MAX_STREAM = 50_000_000
GAP = -180.0


def read_pdf(data: bytes) -> Tuple[str, int]:
    """All text in the file's order, and the number of its pages."""
    streams = list(contents(data))
    pages = sum(len(re.findall(rb"/Type\s*/Page(?![A-Za-z])", part)) for part in [data, *streams])
    texts = [shown(part) for part in streams if b"BT" in part]
    return "\n".join(text for text in texts if text), max(1, pages)


def contents(data: bytes) -> Iterator[bytes]:
    """The streams that can be read: as they are, or deflated."""
    for found in STREAM.finditer(data):
        end = data.find(b"endstream", found.end())
        raw = data[found.end() : end if end >= 0 else len(data)]
        if b"/FlateDecode" in found[1]:
            try:
                yield zlib.decompressobj().decompress(raw, MAX_STREAM)
            except zlib.error:
                continue
        elif b"/Filter" not in found[1]:
            yield raw


def shown(content: bytes) -> str:
    """The strings between BT and ET; a move to another line is a line break, a wide gap a space."""
    parts: List[str] = []
    inside, number = False, 0.0
    for token in (found[0] for found in SHOWN.finditer(content)):
        if token in (b"BT", b"ET"):
            inside = token == b"BT"
            parts.append("\n")
        elif not inside:
            continue
        elif token[:1] in b"(<":
            parts.append((" " if number < GAP else "") + string(token))
            number = 0.0
        elif token[:1] == b"T":
            parts.append("\n" if token in (b"Td", b"TD", b"Tm", b"T*") else "")
        else:
            number = float(token)
    lines = [" ".join(line.split()) for line in "".join(parts).split("\n")]
    return "\n".join(line for line in lines if line)


def string(token: bytes) -> str:
    if token[:1] == b"<":
        digits = re.sub(rb"\s", b"", token[1:-1])
        raw = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
    else:
        raw = ESCAPE.sub(unescaped, token[1:-1])
    text = raw.decode("utf-16-be", "replace") if raw[:1] == b"\x00" and len(raw) % 2 == 0 else raw.decode("cp1252", "replace")
    return "".join(letter if letter.isprintable() else " " for letter in text)


def unescaped(found) -> bytes:
    letter = found[1]
    if letter[:1].isdigit():
        return bytes([int(letter, 8) & 255])
    return ESCAPED.get(letter, letter)
