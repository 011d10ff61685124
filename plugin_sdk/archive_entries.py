"""The entries of a zip or tar.gz, read as a stream and under limits: bytes in, names, kinds and contents out."""

import gzip
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from plugin_sdk.archive_layout import check_layout, data_start
from plugin_sdk.errors import InvalidArchive

MAX_UNPACKED_BYTES = 500 * 1024 * 1024
MAX_RATIO = 200
"""Unpacked bytes per packed byte above which an archive counts as a bomb; prose and code stay under 30."""
RATIO_FLOOR_BYTES = 8 * 1024 * 1024
"""Below this size the ratio is not judged: a small file of zeros harms nobody."""
MAX_ENTRIES = 20_000
"""Entries of any kind, ignored ones included; what counts as files has a lower limit of its own."""

CHUNK = 1 << 20
BLOCK = 512
METADATA_BYTES = 1 << 20

REPACK = "Pack the plugin folder again, e.g. with `mixpeek plugin publish`."


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `kind` is "file", "folder", or in words what else it is ("a symbolic link"); `read` gives a file's bytes."""

    name: str
    kind: str
    read: Callable[[], bytes]


class Budget:
    """Counts unpacked bytes across an archive and stops at the limits, long before memory is gone."""

    def __init__(self, packed_bytes: int) -> None:
        self._packed_bytes = packed_bytes
        self._unpacked_bytes = 0

    def spend(self, size: int, entry: str) -> None:
        """Raises InvalidArchive, naming the entry that goes over."""
        self._unpacked_bytes += size
        if self._unpacked_bytes > MAX_UNPACKED_BYTES:
            raise InvalidArchive(
                f"{entry}: the archive unpacks to more than {MAX_UNPACKED_BYTES // (1024 * 1024)} MB.",
                "Leave model weights out of the plugin and load them with load_namespace_model.",
                entry,
            )
        if self._unpacked_bytes > max(RATIO_FLOOR_BYTES, MAX_RATIO * self._packed_bytes):
            raise InvalidArchive(
                f"{entry}: the archive unpacks to more than {MAX_RATIO} times its size, as a zip bomb does.",
                "Leave out files of repeated bytes, or store them in a compressed data format.",
                entry,
            )


def zip_entries(data: bytes, budget: Budget) -> Iterator[Entry]:
    """Entries of a zip in directory order; contents are checked against their CRC."""
    if data.count(b"PK\x01\x02") > MAX_ENTRIES:
        raise InvalidArchive(f"The archive holds more than {MAX_ENTRIES} entries.", REPACK)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_layout(data, archive)
            for info in archive.infolist():
                name = _zip_name(info)
                yield Entry(name, _zip_kind(info, name), partial(_zip_read, data, info, name, budget))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, OSError, ValueError, struct.error) as error:
        raise InvalidArchive(f"The zip is damaged: {error}.", REPACK) from error


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name as it was meant: some packers write UTF-8 without the flag that says so."""
    name = info.orig_filename
    if info.flag_bits & 0x800 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name


def _zip_kind(info: zipfile.ZipInfo, name: str) -> str:
    mode = info.external_attr >> 16
    if info.flag_bits & 0x2041:
        return "an encrypted entry"
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return _mode_words(mode)
    if name.endswith("/"):
        return "folder" if info.file_size == 0 else "a folder with contents"
    if stat.S_IFMT(mode) == stat.S_IFDIR or info.external_attr & 0x10:
        return "a folder without a trailing slash"
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return f"an entry of compression method {info.compress_type}"
    return "file"


def _mode_words(mode: int) -> str:
    words = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
    }
    return words.get(stat.S_IFMT(mode), "a special file")


def _zip_read(data: bytes, info: zipfile.ZipInfo, name: str, budget: Budget) -> bytes:
    """An entry's content, whose packed form ends where the directory says."""
    packed = memoryview(data)[data_start(data, info) :][: info.compress_size]
    content = bytes(packed) if info.compress_type == zipfile.ZIP_STORED else _inflated(packed, name, budget)
    if info.compress_type == zipfile.ZIP_STORED:
        budget.spend(len(content), name)
    if len(content) != info.file_size:
        raise InvalidArchive(
            f"{name}: the entry holds {len(content)} bytes, the directory says {info.file_size}.", REPACK, name
        )
    if zlib.crc32(content) != info.CRC:
        raise InvalidArchive(f"{name}: the entry is damaged: its checksum is wrong.", REPACK, name)
    return content


def _inflated(packed: memoryview, name: str, budget: Budget) -> bytes:
    parts, left = [], bytes(packed)
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while not stream.eof:
            part = stream.decompress(left, CHUNK)
            left = stream.unconsumed_tail
            if not part and not left and not stream.eof:
                raise InvalidArchive(f"{name}: the entry is damaged: it is cut off.", REPACK, name)
            budget.spend(len(part), name)
            parts.append(part)
    except zlib.error as error:
        raise InvalidArchive(f"{name}: the entry is damaged: {error}.", REPACK, name) from error
    if stream.unused_data:
        raise InvalidArchive(f"{name}: the zip is damaged: data follows the end of the entry.", REPACK, name)
    return b"".join(parts)


def tar_gz_entries(data: bytes, budget: Budget) -> Iterator[Entry]:
    """Entries of a gzipped tar (ustar, GNU or PAX) in file order."""
    stream = _Unzipped(data, budget)
    count, long_name, seen = 0, "", False
    extra: dict[str, str] = {}
    common: dict[str, str] = {}
    while (header := stream.exactly(BLOCK)) != bytes(BLOCK):
        count += 1
        if count > MAX_ENTRIES:
            raise InvalidArchive(f"The archive holds more than {MAX_ENTRIES} entries.", REPACK)
        name, size, kind = _tar_header(header)
        if kind in b"xgL":
            record = stream.block(_bounded(size, name))
            if kind == b"L"[0]:
                told, long_name = bool(long_name), _text(record.split(b"\0")[0], name)
            elif kind == b"g"[0]:
                common |= _pax(record, name)
                told = not common.keys().isdisjoint({"path", "size"})
            else:
                told, extra = seen, _pax(record, name)
                seen = True
            if told or (long_name and "path" in extra):
                raise InvalidArchive(f"{name}: the tar tells an entry's name or size twice.", REPACK, name)
            continue
        fields = common | extra
        own_name, name = name, fields.get("path", long_name or name)
        size = _tar_size(fields["size"], name) if "size" in fields else size
        stream.entry, content = name, b""
        if kind in _TAR_FILE:
            content = stream.block(size)
            if own_name.endswith("/") and not name.endswith("/"):
                raise InvalidArchive(f"{name}: the tar calls the entry a file and a folder.", REPACK, name)
        words = "a sparse file" if any(key.startswith("GNU.sparse") for key in fields) else _tar_kind(kind, name, size)
        yield Entry(name, words, partial(bytes, content))
        long_name, extra, seen = "", {}, False
    stream.finish()


_TAR_FILE = b"0\x007"
_TAR_WORDS = {
    "1": "a hard link",
    "2": "a symbolic link",
    "3": "a character device",
    "4": "a block device",
    "6": "a FIFO",
    "S": "a sparse file",
    "K": "a link with a long name",
}


def _tar_kind(kind: int, name: str, size: int) -> str:
    if kind in _TAR_FILE:
        if not name.endswith("/"):
            return "file"
        return "folder" if size == 0 else "a folder with contents"
    if kind == ord("5"):
        return "folder" if size == 0 else "a folder with contents"
    return _TAR_WORDS.get(chr(kind), f"an entry of type {chr(kind)!r}")


def _tar_header(header: bytes) -> tuple[str, int, int]:
    """Name, size and type of one header block."""
    raw = header[:100].split(b"\0")[0]
    shown = raw.decode("utf-8", "backslashreplace")
    total = sum(header[:148]) + 8 * 32 + sum(header[156:])
    if total != _octal(header[148:156]):
        raise InvalidArchive(
            f"{shown}: the tar is damaged: the checksum of the entry's header is wrong.", REPACK, shown
        )
    prefix = header[345:500].split(b"\0")[0]
    if prefix and header[257:263] != b"ustar\0":
        raise InvalidArchive(f"{shown}: the tar's format says nothing of the first part of its name.", REPACK, shown)
    name = _text(prefix + b"/" + raw if prefix else raw, shown)
    size = _octal(header[124:136])
    if size is None:
        raise InvalidArchive(f"{name}: the tar is damaged: the entry's size is no number.", REPACK, name)
    return name, size, header[156]


def _octal(field: bytes) -> int | None:
    """A number as tar writes it; the binary form is for sizes over 8 GB, which no plugin has."""
    digits = field.lstrip(b" ").rstrip(b" \0")
    if not all(digit in b"01234567" for digit in digits):
        return None
    return int(digits, 8) if digits else 0


def _tar_size(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InvalidArchive(f"{name}: the tar is damaged: the entry's size is no number.", REPACK, name)
    return int(text)


def _bounded(size: int, name: str) -> int:
    if size > METADATA_BYTES:
        raise InvalidArchive(f"{name}: a header record of {size} bytes is too long.", REPACK, name)
    return size


def _pax(record: bytes, name: str) -> dict[str, str]:
    """Records of the form `30 path=…\\n`, the number being the record's length."""
    fields = {}
    while record.strip(b"\0"):
        length, _, rest = record.partition(b" ")
        if not (length.isdigit() and len(length) < 8):
            raise InvalidArchive(f"{name}: the tar is damaged: a header record has no length.", REPACK, name)
        end = int(length) - len(length) - 1
        key, equals, value = rest[:end].partition(b"=")
        if end < 1 or not equals or not value.endswith(b"\n"):
            raise InvalidArchive(f"{name}: the tar is damaged: a header record is cut off.", REPACK, name)
        if key in {b"path", b"size"} or key.startswith(b"GNU.sparse"):
            fields[_text(key, name)] = _text(value[:-1], name)
        record = rest[end:]
    return fields


def _text(raw: bytes, name: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        shown = raw.decode("utf-8", "backslashreplace")
        raise InvalidArchive(
            f"{shown}: the entry's name is not UTF-8.", "Rename the file and pack again.", shown or name
        ) from error


class _Unzipped:
    """The bytes inside a gzip, as a stream that spends the budget."""

    def __init__(self, data: bytes, budget: Budget) -> None:
        self._stream = gzip.GzipFile(fileobj=io.BytesIO(data))
        self._budget = budget
        self.entry = "the first entry"

    def exactly(self, size: int) -> bytes:
        parts, missing = [], size
        while missing:
            part = self._read(min(missing, CHUNK))
            if not part:
                raise InvalidArchive(
                    f"{self.entry}: the tar ends in the middle of an entry or has no end mark.", REPACK, self.entry
                )
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def block(self, size: int) -> bytes:
        """`size` bytes, and past the padding that fills their last block."""
        content = self.exactly(size)
        self.exactly(-size % BLOCK)
        return content

    def finish(self) -> None:
        """Read on to the end: the gzip's checksum is there, and nothing but padding may follow the end mark."""
        while part := self._read(CHUNK):
            if part.strip(b"\0"):
                raise InvalidArchive(f"{self.entry}: more data follows the end mark of the tar.", REPACK, self.entry)

    def _read(self, size: int) -> bytes:
        try:
            part = self._stream.read(size)
        except (OSError, EOFError, zlib.error, struct.error) as error:
            raise InvalidArchive(f"{self.entry}: the gzip is damaged: {error}.", REPACK, self.entry) from error
        self._budget.spend(len(part), self.entry)
        return part
