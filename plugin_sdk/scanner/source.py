"""From a file's bytes to a syntax tree: everything that could crash, confuse or exhaust the parser is refused first."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from plugin_sdk.scanner.report import Violation

MAX_FILE_BYTES = 1 << 20
MAX_SOURCE_BYTES = 8 << 20
MAX_BRACKETS = 60
MAX_TREE_DEPTH = 400
QUICK_BYTES = 64 << 10
"""Sources up to this size in all are parsed in the scanning process itself, if nothing about them looks hostile."""

COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
RUNS = re.compile(
    rb"(?:[-+~][ \t\\\r\n]*){30}|(?:\bnot[ \t\\\r\n]+){30}|(?:lambda[^:\n]{0,40}:\s*){20}|(?:\bawait\s+){20}"
)


@dataclass(frozen=True, slots=True)
class Unreadable(Exception):
    """A source that cannot be judged, as the violation to report."""

    violation: Violation


def parse(file: str, content: bytes) -> ast.Module:
    """The syntax tree of one Python file.

    Raises:
        Unreadable: the file is not plain UTF-8 Python of reasonable size and depth.
    """
    text = decode(file, content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, file)
    except SyntaxError as error:
        line, column = error.lineno or 1, max((error.offset or 1) - 1, 0)
        raise _unreadable(file, f"Invalid Python: {error.msg}", line, column, "Fix the syntax error") from error
    except (RecursionError, MemoryError) as error:
        raise _too_deep(file) from error
    except (ValueError, OverflowError, UnicodeError, SystemError) as error:
        raise _unreadable(file, f"Invalid Python: {error}", 1, 0, "Write plain UTF-8 Python") from error
    if depth_over(tree, MAX_TREE_DEPTH):
        raise _too_deep(file)
    return tree


def decode(file: str, content: bytes) -> str:
    """The text of a source file, if every Python would read it the same way."""
    if len(content) > MAX_FILE_BYTES:
        raise _unreadable(
            file, "File too large", 1, 0, f"Keep code files under {MAX_FILE_BYTES >> 20} MB, put data into data files"
        )
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise _unreadable(file, "Invalid Python: NUL byte", line, 0, "Save the file as UTF-8 text")
    for number, line_bytes in enumerate(re.split(rb"\r\n|\r|\n", content[:65536])[:2], 1):
        cookie = COOKIE.match(line_bytes.removeprefix(b"\xef\xbb\xbf"))
        if cookie and cookie.group(1).lower().replace(b"_", b"-") not in {
            b"utf-8",
            b"utf8",
            b"utf-8-unix",
            b"ascii",
            b"us-ascii",
        }:
            raise _unreadable(
                file, f"Forbidden encoding: {cookie.group(1).decode()}", number, 0, "Save the file as UTF-8"
            )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _unreadable(file, "Invalid Python: not UTF-8", line, 0, "Save the file as UTF-8") from error


def _may_run(content: bytes) -> bool:
    """Whether there are enough prefix operators for a run of them, which is quicker to see than to search for."""
    signs = content.count(b"-") + content.count(b"+") + content.count(b"~")
    words = content.count(b"lambda") >= 20 or content.count(b"await") >= 20 or content.count(b"not") >= 30
    return words or signs >= 30


BRACKETS = bytes.maketrans(b"([{)]}", b"\1\1\1\0\0\0")
NO_BRACKETS = bytes(set(range(256)) - set(b"([{)]}"))
STEPS = (-1, 1)


def looks_hostile(content: bytes) -> bool:
    """Whether a source might strain the parser, so that it is parsed in a process of its own."""
    if len(content) > QUICK_BYTES or (_may_run(content) and RUNS.search(content)):
        return True
    steps = content.translate(BRACKETS, NO_BRACKETS)
    return max(accumulate(map(STEPS.__getitem__, steps)), default=0) > MAX_BRACKETS


PLAIN: set[type] = {str, int, float, complex, bytes, bool, type(...)}
LEAVES: set[type] = PLAIN | {ast.Name, ast.Constant, ast.Pass, type(None)}
"""What a tree holds that has no nodes below it."""


FIELDS: dict[type, tuple[str, ...]] = {}
"""Where the nodes below a node are found, without the markers of operators and of load and store."""


def _fields(kind: Any) -> tuple[str, ...]:
    ignored = {"ctx", "op", "ops", "type_comment", "kind", "id", "attr"}
    return FIELDS.setdefault(kind, tuple(name for name in kind._fields if name not in ignored))


def children(node: ast.AST) -> Iterator[ast.AST]:
    """A node's child nodes, without the markers of operators and of load and store; quicker than `ast` does it."""
    kind: Any = type(node)
    for name in FIELDS.get(kind) or _fields(kind):
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            yield value
        elif type(value) is list:
            for item in value:
                if isinstance(item, ast.AST):
                    yield item


def depth_over(tree: ast.AST, limit: int) -> bool:
    """Whether a tree is deeper than the limit."""
    level: list[ast.AST] = [tree]
    for _ in range(limit):
        below: list[Any] = []
        for node in level:
            kind: Any = type(node)
            for name in FIELDS.get(kind) or _fields(kind):
                value = getattr(node, name, None)
                if type(value) is list:
                    below += value
                elif type(value) not in LEAVES:
                    below.append(value)
        level = [node for node in below if type(node) not in LEAVES]
        if not level:
            return False
    return True


def _too_deep(file: str) -> Unreadable:
    return _unreadable(file, "Code nested too deeply", 1, 0, "Split long expressions, nested blocks and large files")


def _unreadable(file: str, message: str, line: int, column: int, fix: str) -> Unreadable:
    return Unreadable(Violation(file, line, column, message, "error", fix, "what cannot be read cannot be judged"))
