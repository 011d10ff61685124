"""Data that can carry code: pickles under any name, object arrays, and the archives and streams that wrap them."""

import bz2
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Literal

Payload = Literal["dangerous pickle", "pickle", "object array", "program"]

MAX_LOOKED_AT = 16 << 20
MAX_MEMBER = 4 << 20
MAX_MEMBERS = 500
MAX_DEPTH = 3

PICKLE = re.compile(rb"^\x80[\x02-\x05]")
MODULES = (
    rb"(?:posix|nt|os|subprocess|builtins|__builtin__|sys|importlib|runpy|pty|socket|shutil|ctypes|operator|code|codecs"
    rb"|webbrowser|pickle|marshal|types|functools|asyncio|multiprocessing|threading|signal|pathlib|io|tempfile|bdb|timeit"
    rb"|pdb|pydoc|cProfile|numpy\.testing\S*|torch\.hub|torch\.utils\.cpp_extension)"
)
NAMED = re.compile(rb"(?:^|[^\w.]|[ci])" + MODULES + rb"(?:\.[\w.]+)?(?:\n|[\x94\x8c\x93])")
OLD_PICKLE = re.compile(rb"(?:^|[(.\n])[ci]" + MODULES + rb"(?:\.[\w.]+)?\n[\w.]+\n")
PROGRAM = re.compile(
    rb"\x7fELF|MZ.{58}..\0\0.{0,256}?PE\0\0|[\xfe\xcf\xce]\xfa?\xed[\xfe\xfa][\xce\xcf\xfe]", re.DOTALL
)
NPY = b"\x93NUMPY"
OPENERS: list[tuple[bytes, Callable[[], object]]] = [
    (b"\x1f\x8b", lambda: zlib.decompressobj(31)),
    (b"\x78\x9c", zlib.decompressobj),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\0", lambda: lzma.LZMADecompressor(memlimit=64 << 20)),
]


def payload(content: bytes, depth: int = 0) -> Payload | None:
    """The worst that a data file holds, looked at through what wraps it; None for plain data."""
    content = content[:MAX_LOOKED_AT]
    if PICKLE.match(content):
        return "dangerous pickle" if NAMED.search(content) else "pickle"
    if OLD_PICKLE.search(content[:65536]) and content.rstrip()[-1:] == b".":
        return "dangerous pickle"
    if content.startswith(NPY):
        return _array(content)
    if depth and PROGRAM.match(content):
        return "program"
    if depth < MAX_DEPTH:
        found = {payload(inner, depth + 1) for inner in _wrapped(content)}
        return next((kind for kind in ("dangerous pickle", "program", "object array", "pickle") if kind in found), None)
    return None


def _array(content: bytes) -> Payload | None:
    """An array of Python objects is a pickle behind a header."""
    header = content[: 10 + int.from_bytes(content[8:10], "little")]
    if not re.search(rb"'descr':[^}]*?'[|<>=]?O\d*'", header):
        return None
    return "dangerous pickle" if NAMED.search(content[len(header) :]) else "object array"


def _wrapped(content: bytes) -> Iterator[bytes]:
    for signature, opener in OPENERS:
        if content.startswith(signature):
            yield _unpacked(opener(), content)
            return
    if content.startswith(b"PK\x03\x04"):
        yield from _members(content)


def _unpacked(stream: object, content: bytes) -> bytes:
    """The start of what a compressed stream holds; nothing of a damaged one."""
    try:
        return bytes(stream.decompress(content, MAX_MEMBER))  # type: ignore[attr-defined]
    except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError):
        return b""


def _members(content: bytes) -> Iterator[bytes]:
    """The start of each file in a zip; nothing of a damaged or locked one."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist()[:MAX_MEMBERS]:
                with archive.open(info) as member:
                    yield member.read(MAX_MEMBER)
    except (
        zipfile.BadZipFile,
        RuntimeError,
        NotImplementedError,
        OSError,
        EOFError,
        ValueError,
        zlib.error,
        lzma.LZMAError,
    ):
        return
