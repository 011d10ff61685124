"""Data that can carry code: pickles under any name, object arrays, and the archives and streams that wrap them."""

import ast
import bz2
import io
import lzma
import pickletools
import re
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any, Literal

Payload = Literal["dangerous pickle", "program", "object array", "pickle", "too much"]
WORST_FIRST: tuple[Payload, ...] = ("dangerous pickle", "program", "object array", "pickle", "too much")

MAX_LOOKED_AT = 16 << 20
MAX_MEMBER = 4 << 20
MAX_MEMBERS = 500
MAX_DEPTH = 3
MAX_ARRAY_HEADER = 10_000
"""As numpy has it: a longer header is read only where objects may be."""

HEAD = 64 << 10
"""What is read of a member to see whether the rest of it is worth reading."""

PICKLE = re.compile(rb"^\x80[\x02-\x05]")
LOOKED_AT_OPERATIONS = 8
"""So many operations of a pickle in a row are no accident."""

MODULES = (
    rb"(?:posix|nt|os|subprocess|builtins|__builtin__|sys|importlib|runpy|pty|socket|shutil|ctypes|operator|code|codecs"
    rb"|webbrowser|pickle|marshal|types|functools|asyncio|multiprocessing|threading|signal|pathlib|io|tempfile|bdb|timeit"
    rb"|pdb|pydoc|cProfile|numpy\.testing\S*|torch\.hub|torch\.utils\.cpp_extension)"
)
NAMED = re.compile(rb"[^.0-9A-Z_abd-hj-z]" + MODULES + rb"(?:\.[\w.]+)?(?:\n|[\x94\x8c\x93])")
MODULE = re.compile(MODULES.decode() + r"(?:\.[\w.]+)?")
PROGRAM = re.compile(
    rb"\x7fELF|MZ.{58}..\0\0.{0,256}?PE\0\0|[\xfe\xcf\xce]\xfa?\xed[\xfe\xfa][\xce\xcf\xfe]", re.DOTALL
)
NPY = b"\x93NUMPY"
OPENERS: list[tuple[bytes, Callable[[], object]]] = [
    (b"\x1f\x8b", lambda: zlib.decompressobj(31)),
    (b"\x78\x01", zlib.decompressobj),
    (b"\x78\x5e", zlib.decompressobj),
    (b"\x78\x9c", zlib.decompressobj),
    (b"\x78\xda", zlib.decompressobj),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\0", lambda: lzma.LZMADecompressor(memlimit=64 << 20)),
]


class Effort:
    """What may still be spent on one plugin's data files: bytes unpacked, and bytes of pickles searched."""

    def __init__(self) -> None:
        self._left = 96 << 20
        self._pickles_left = 48 << 20
        self.operations_left = 500_000
        """Operations of pickles without a header that are still read; what is longer is searched unread."""

    def spend(self, size: int) -> bool:
        """Whether there was enough left to unpack that much."""
        self._left -= size
        return self._left >= 0

    def search(self, pickle: bytes) -> bool:
        """Whether a pickle names a dangerous function; those that are too much to search count as if they did."""
        self._pickles_left -= len(pickle)
        return self._pickles_left < 0 or NAMED.search(pickle) is not None

    @property
    def spent(self) -> bool:
        return self._left < 0


def payload(content: bytes, effort: Effort, depth: int = 0) -> Payload | None:
    """The worst that a data file holds, looked at through what wraps it; None for plain data."""
    content = content[:MAX_LOOKED_AT]
    if PICKLE.match(content):
        return "dangerous pickle" if effort.search(content) else "pickle"
    if content.startswith(NPY):
        return _array(content, effort)
    if _old_pickle(content, effort):
        return "dangerous pickle"
    if depth and PROGRAM.match(content):
        return "program"
    if depth < MAX_DEPTH:
        found = {payload(inner, effort, depth + 1) for inner in _wrapped(content, effort)}
        if found and effort.spent:
            found.add("too much")
        return next((kind for kind in WORST_FIRST if kind in found), None)
    return None


def _starts_like_pickle(content: bytes) -> bool:
    """Whether the first operations could be a pickle's; texts and most data fail within a few."""
    return _read_pickle(content[:HEAD], LOOKED_AT_OPERATIONS)[1] != "none"


def _old_pickle(content: bytes, effort: Effort) -> bool:
    """Whether a pickle without a header names a dangerous function, wherever in it."""
    if not _starts_like_pickle(content):
        return False
    done, found = _read_pickle(content, effort.operations_left)
    effort.operations_left -= done
    return found == "dangerous" or (found == "long" and effort.search(content))


def _read_pickle(content: bytes, most: int) -> tuple[int, Literal["none", "plain", "dangerous", "long"]]:
    """How many operations of a pickle were read, and what they do; of a long one the start alone was read."""
    done, by_name, by_text, texts = 0, False, False, False
    with warnings.catch_warnings(), suppress(ValueError, IndexError, struct.error, OverflowError, MemoryError):
        warnings.simplefilter("ignore")
        for done, (operation, argument, _) in enumerate(pickletools.genops(content), 1):
            if done > most:
                return done, "long"
            if operation.name in {"GLOBAL", "INST"}:
                by_name = by_name or MODULE.fullmatch(str(argument).split(" ")[0]) is not None
            elif operation.name == "STACK_GLOBAL":
                by_text = True
            elif isinstance(argument, str):
                texts = texts or MODULE.fullmatch(argument) is not None
            elif operation.name == "STOP":
                return done, "dangerous" if by_name or (by_text and texts) else "plain"
    return done, "none"


def _array(content: bytes, effort: Effort) -> Payload | None:
    """An array of Python objects is a pickle behind a header."""
    width = 2 if content[6:7] == b"\1" else 4
    start = 8 + width
    size = int.from_bytes(content[8:start], "little")
    if size > MAX_ARRAY_HEADER or not effort.spend(60 * size):
        return "object array"
    if not _has_objects(content[start : start + size]):
        return None
    return "dangerous pickle" if effort.search(content[start + size :]) else "object array"


def _has_objects(header: bytes) -> bool:
    """Whether an array's header names the type of objects; one that cannot be read is no array."""
    with suppress(ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        described = ast.literal_eval(re.sub(r"(\d)L\b", r"\1", header.decode("latin-1")).strip())
        if isinstance(described, dict):
            return any("O" in kind for kind in _types(described.get("descr")))
    return False


def _types(description: Any) -> Iterator[str]:
    """The type of each field: of `[("name", "<f4", (3,))]` the second part."""
    stack = [description]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, list):
            stack.extend(field[1] for field in part if isinstance(field, tuple) and len(field) > 1)
        elif isinstance(part, tuple):
            stack.extend(part[:1])


def _wrapped(content: bytes, effort: Effort) -> Iterator[bytes]:
    for signature, opener in OPENERS:
        if content.startswith(signature):
            yield b"" if effort.spent else _unpacked(opener(), content, effort)
            return
    is_zip, is_tar = content.startswith(b"PK\x03\x04"), content[257:262] == b"ustar"
    if effort.spent and (is_zip or is_tar):
        yield b""
        return
    with suppress(*DAMAGED):
        if is_zip:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for info in archive.infolist()[:MAX_MEMBERS]:
                    if effort.spent:
                        break
                    with archive.open(info) as member:
                        yield _start(member, effort)
        elif is_tar:
            with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as files:
                for _, entry in zip(range(MAX_MEMBERS), files, strict=False):
                    if effort.spent:
                        break
                    if entry.isreg() and (file := files.extractfile(entry)) is not None:
                        yield _start(file, effort)


DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    RuntimeError,
    NotImplementedError,
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
)


def _unpacked(stream: Any, content: bytes, effort: Effort) -> bytes:
    """The start of what a compressed stream holds; nothing of a damaged one."""
    with suppress(*DAMAGED):
        inner = bytes(stream.decompress(content, MAX_MEMBER))
        effort.spend(len(inner))
        return inner
    return b""


def _start(member: IO[bytes], effort: Effort) -> bytes:
    """The start of a file in an archive, a longer one where it may hold code; nothing is read once effort is spent."""
    if not effort.spend(HEAD):
        return b""
    head = member.read(HEAD)
    wraps = any(head.startswith(signature) for signature, _ in OPENERS) or head.startswith((b"PK\x03\x04", NPY))
    if wraps or head[257:262] == b"ustar" or PICKLE.match(head) or _starts_like_pickle(head):
        head += member.read(MAX_MEMBER - HEAD) if effort.spend(MAX_MEMBER - HEAD) else b""
    return head
