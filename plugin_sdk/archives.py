"""Plugin archives: a folder packed so that equal files give equal bytes, and an upload read without trusting it."""

import hashlib
import io
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from plugin_sdk.archive_entries import MAX_UNPACKED_BYTES, Budget, Entry, tar_gz_entries, zip_entries
from plugin_sdk.errors import InvalidArchive

MAX_PACKED_BYTES = 500 * 1024 * 1024
MAX_FILES = 1000
MAX_NAME_BYTES = 1024
IGNORED_FOLDERS = {"__MACOSX", "__pycache__", ".git"}
IGNORED_FILES = {".DS_Store"}

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The modification time of every packed file, the earliest that a zip can hold."""

RENAME = "Rename the file and pack again."

SIGNATURES: list[tuple[bytes, str]] = [
    (b"\xfd7zXZ\0", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"\x7fELF", "a compiled program"),
    (b"MZ", "a Windows program"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"SQLite format 3", "an SQLite database"),
    (b"version https://git-lfs", "a Git LFS pointer instead of the file"),
]


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed plugin: the zip, its SHA-256 in hexadecimal, and the names inside, sorted."""

    data: bytes
    sha256: str
    files: list[str]


@dataclass(slots=True)
class Examined:
    """What an archive holds, and everything that speaks against it; its files are complete only without problems."""

    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[InvalidArchive] = field(default_factory=list)


def pack(folder: Path) -> Packed:
    """Pack a plugin folder as a zip whose bytes depend on nothing but names and contents.

    Raises:
        InvalidArchive: the folder holds a link, a special file, or more than an upload may hold.
    """
    files = collect(folder)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    data = buffer.getvalue()
    return Packed(data, hashlib.sha256(data).hexdigest(), list(files))


def collect(folder: Path) -> dict[str, bytes]:
    """The files of a plugin folder by their path inside it, sorted; what is never packed is left out."""
    if not folder.is_dir():
        raise InvalidArchive(f"{folder} is not a folder.", "Give the path of the folder that holds manifest.py.")
    files: dict[str, bytes] = {}
    size = 0
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        if problem := _name_problem(name):
            raise InvalidArchive(f"{_shown(name)}: {problem}.", RENAME, _shown(name))
        size += path.stat().st_size
        if size > MAX_UNPACKED_BYTES:
            raise InvalidArchive(
                f"{name}: the folder holds more than {MAX_UNPACKED_BYTES // (1024 * 1024)} MB.",
                "Leave model weights out of the plugin and load them with load_namespace_model.",
                name,
            )
        files[name] = path.read_bytes()
        if len(files) > MAX_FILES:
            raise _too_many(name)
    return dict(sorted(files.items()))


def _walk(folder: Path) -> Iterable[Path]:
    for parent, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(parent, name)
            mode = path.lstat().st_mode
            if not _ignored(name) and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                shown = _shown(path.relative_to(folder).as_posix())
                what = "a link" if stat.S_ISLNK(mode) else "no ordinary file"
                raise InvalidArchive(f"{shown} is {what}.", "Put the file itself in its place.", shown)
        folders[:] = [name for name in folders if not _ignored(name)]
        yield from (Path(parent, name) for name in names if not _ignored(name))


def archive_kind(data: bytes) -> Literal["zip", "tar.gz"]:
    """Which of the two formats the bytes are; raises InvalidArchive that says what they look like instead."""
    if data.startswith(b"PK\x03\x04"):
        return "zip"
    if data.startswith(b"\x1f\x8b"):
        return "tar.gz"
    raise InvalidArchive(f"The upload is not an archive: it looks like {_likeness(data)}.", "Upload a .zip or .tar.gz.")


def _likeness(data: bytes) -> str:
    if not data:
        return "an empty file"
    if data.startswith(b"PK\x05\x06"):
        return "a zip without files"
    if data[257:262] == b"ustar":
        return "a tar that is not compressed"
    for signature, words in SIGNATURES:
        if data.startswith(signature):
            return words
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"<":
        return "an HTML or XML page"
    if start[:1] in {b"{", b"["}:
        return "JSON"
    printable = sum(byte >= 32 or byte in b"\t\r\n\f" for byte in data[:4096])
    if b"\0" not in data[:4096] and printable > 0.95 * len(data[:4096]):
        return f"text starting with {data[:40].decode('utf-8', 'replace')!r}"
    return f"binary data starting with {data[:8].hex(' ')}"


def read_archive(data: bytes) -> dict[str, bytes]:
    """The files of an uploaded zip or tar.gz by path, wrapper folder removed, ignored names left out.

    Raises:
        InvalidArchive: it is no archive, over a limit, damaged, or holds anything that could write outside its folder.
    """
    examined = examine_archive(data)
    if examined.problems:
        raise examined.problems[0]
    return examined.files


def examine_archive(data: bytes) -> Examined:
    """As `read_archive`, but with every problem listed instead of the first one raised."""
    examined = Examined()
    try:
        _read_entries(data, examined)
    except InvalidArchive as error:
        examined.problems.append(error)
    if not examined.files and not examined.problems:
        examined.problems.append(
            InvalidArchive("The archive holds no files.", "Pack the folder that holds manifest.py.")
        )
    examined.files = dict(sorted(_unwrap(examined.files).items()))
    return examined


def _read_entries(data: bytes, examined: Examined) -> None:
    if len(data) > MAX_PACKED_BYTES:
        limit = MAX_PACKED_BYTES // (1024 * 1024)
        raise InvalidArchive(f"The archive is larger than {limit} MB.", "Leave model weights out of the plugin.")
    budget = Budget(len(data))
    entries = zip_entries(data, budget) if archive_kind(data) == "zip" else tar_gz_entries(data, budget)
    names = _Names()
    for entry in entries:
        problem = _entry_problem(entry) or names.problem(entry)
        if problem:
            examined.problems.append(problem)
        elif entry.kind == "file":
            content = entry.read()
            if any(_ignored(part) for part in entry.name.split("/")):
                continue
            examined.files[_plain(entry.name)] = content
            if len(examined.files) > MAX_FILES:
                raise _too_many(entry.name)


def _too_many(name: str) -> InvalidArchive:
    return InvalidArchive(
        f"{name}: the plugin holds more than {MAX_FILES} files.",
        "Keep data in one archive or Parquet file, not in many.",
        name,
    )


def _entry_problem(entry: Entry) -> InvalidArchive | None:
    shown = _shown(entry.name)
    if problem := _name_problem(entry.name):
        return InvalidArchive(
            f"{shown}: {problem}.", "Pack the plugin folder from inside it, with relative names.", shown
        )
    if entry.kind not in {"file", "folder"}:
        return InvalidArchive(
            f"{shown}: the entry is {entry.kind}.", "Only ordinary files and folders may be packed.", shown
        )
    return None


def _name_problem(name: str) -> str | None:
    """What is wrong with a path inside a plugin, or None."""
    if not name.strip("/. "):
        return None if name in {".", "./"} else "the name is empty or leaves the plugin folder"
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        return f"the name is longer than {MAX_NAME_BYTES} bytes"
    if name.startswith("/"):
        return "the path is absolute"
    if "\\" in name:
        return "the path holds a backslash"
    if any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in name):
        return "the name holds a control character or is not UTF-8"
    for part in name.split("/"):
        if part != "." and part and not part.rstrip(". "):
            return "the path leaves the plugin folder ('..')"
        if re.match(r"[A-Za-z]:", part):
            return "the path holds a drive letter"
    return None


class _Names:
    """The names seen so far, as a file system that ignores case would see them."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def problem(self, entry: Entry) -> InvalidArchive | None:
        """Why the entry cannot stand beside those before it, or None once it is noted."""
        name = _plain(entry.name)
        parts = name.split("/")
        folders = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        if entry.kind == "folder":
            folders.append(name)
        elif other := self._files.get(_folded(name)) or self._folders.get(_folded(name)):
            return self._clash(name, other)
        for folder in folders:
            if _folded(folder) in self._files:
                return self._clash(folder, folder)
            if self._folders.setdefault(_folded(folder), folder) != folder:
                return self._clash(folder, self._folders[_folded(folder)])
        if entry.kind == "file":
            self._files[_folded(name)] = name
        return None

    @staticmethod
    def _clash(name: str, other: str) -> InvalidArchive:
        how = "appears twice" if name == other else f"and {other} are one file where case is ignored"
        return InvalidArchive(f"{name}: the name {how}.", RENAME, name)


def _folded(name: str) -> str:
    parts = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).split("/")
    return "/".join(part.rstrip(". ") for part in parts)


def _plain(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in {"", "."})


def _shown(name: str) -> str:
    """A name that can be printed, whatever bytes it came from."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)[:200] or "(no name)"


def _ignored(part: str) -> bool:
    return part in IGNORED_FOLDERS or part in IGNORED_FILES


def _unwrap(files: dict[str, bytes]) -> dict[str, bytes]:
    """Without the one folder around everything, if there is one."""
    tops = {name.split("/")[0] for name in files}
    if len(tops) != 1 or any("/" not in name for name in files):
        return files
    return {name.split("/", 1)[1]: content for name, content in files.items()}


def unpack(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files, as `read_archive` gives them, into a folder; none may exist there yet."""
    for name in files:
        problem = _name_problem(name)
        if problem or _plain(name) != name:
            raise InvalidArchive(f"{_shown(name)}: {problem or 'the path is not plain'}.", RENAME, _shown(name))
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
