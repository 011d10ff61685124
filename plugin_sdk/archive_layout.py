"""Where the parts of a zip lie: readers must not be able to disagree on what it holds, so nothing overlaps or hides."""

import struct
import zipfile

from plugin_sdk.errors import InvalidArchive

LOCAL = struct.Struct("<4sHHHHHLLLHH")
END = struct.Struct("<4sHHHHLLH")
ENCRYPTED, STREAMED, UTF8 = 0x1, 0x8, 0x800
UNICODE_PATH, LARGE_SIZES = 0x7075, 0x0001
LARGE = 0xFFFFFFFF
"""Stands for a size that is told in an extra field."""

LARGE_END = 76
"""Bytes of the records that stand before the end of a large zip."""

MAX_COMMENT = 0xFFFF
SIGNATURES = (b"PK\x03\x04", b"PK\x07\x08", b"PK\x01\x02")

FIX = "Pack the plugin folder again, e.g. with `mixpeek plugin publish`."


def check_layout(data: bytes, archive: zipfile.ZipFile) -> None:
    """Entries follow each other from the first byte to the directory, and the directory is the end.

    Raises:
        InvalidArchive: parts overlap, data belongs to no entry, or an entry's two descriptions differ.
    """
    entries = sorted(archive.infolist(), key=lambda info: info.header_offset)
    position = 0
    for info, following in zip(entries, [*entries[1:], None], strict=True):
        if info.header_offset != position:
            raise _layout(info, "data that belongs to no entry lies before it")
        end = _end_of(data, info)
        position = following.header_offset if following else archive.start_dir
        gap = position - end
        if gap < 0:
            raise _layout(info, "it overlaps what follows it")
        if gap and not (info.flag_bits & STREAMED and data[end:position] in _descriptors(info)):
            raise _layout(info, "data that belongs to no entry lies behind it")
    _check_end(data, len(entries), archive.start_dir)


def _descriptors(info: zipfile.ZipInfo) -> list[bytes]:
    """What may follow the data of an entry that was written as a stream: its sizes, in their known forms."""
    told = (info.CRC, info.compress_size, info.file_size)
    forms = [struct.pack(f"<{form}", *told) for form in ("LLL", "LQQ")]
    signed = [b"PK\x07\x08" + form for form in forms]
    return signed if info.compress_type == zipfile.ZIP_STORED else [*signed, *forms]


def data_start(data: bytes, info: zipfile.ZipInfo) -> int:
    """Where an entry's data begins, behind its own header."""
    *_, name, extra = LOCAL.unpack_from(data, info.header_offset)
    return int(info.header_offset + LOCAL.size + name + extra)


def _end_of(data: bytes, info: zipfile.ZipInfo) -> int:
    """Where an entry's data ends; its own header must tell what the directory tells."""
    header = data[info.header_offset : info.header_offset + LOCAL.size]
    if len(header) < LOCAL.size or not header.startswith(b"PK\x03\x04"):
        raise _layout(info, "it has no header of its own")
    _, _, flags, method, _, _, crc, packed, unpacked, name, extra = LOCAL.unpack(header)
    start = info.header_offset + LOCAL.size
    later = bool(flags & STREAMED)
    own_extra = data[start + name : start + name + extra]
    unpacked, packed = _large_sizes(own_extra, [unpacked, packed])
    told = ((packed, info.compress_size), (unpacked, info.file_size), (crc, info.CRC))
    differs = any(own != known and not (later and own == 0) for own, known in told)
    flags_differ = (flags ^ info.flag_bits) & (ENCRYPTED | STREAMED | (0 if info.orig_filename.isascii() else UTF8))
    if method != info.compress_type or flags_differ or differs or data[start : start + name] != _raw_name(info):
        raise _layout(info, "its own header and the directory describe it differently")
    if _other_names(info.extra, info) or _other_names(own_extra, info):
        raise _layout(info, "it has a second name")
    end = int(start + name + extra + info.compress_size)
    if later and method == zipfile.ZIP_STORED and not packed and _holds_header(data, start + name + extra, end):
        raise _layout(info, "where its data ends cannot be told")
    return end


def _large_sizes(extra: bytes, sizes: list[int]) -> list[int]:
    """The sizes, those that are told in an extra field read from there."""
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == LARGE_SIZES:
            told = iter(struct.unpack(f"<{length // 8}Q", extra[4 : 4 + length // 8 * 8]))
            return [next(told, size) if size == LARGE else size for size in sizes]
        extra = extra[4 + length :]
    return sizes


def _holds_header(data: bytes, start: int, end: int) -> bool:
    """Whether a reader that does not know the size could take part of the data for what follows it."""
    return any(data.find(signature, start, end) >= 0 for signature in SIGNATURES)


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & UTF8 else "cp437", "replace")


def _other_names(extra: bytes, info: zipfile.ZipInfo) -> bool:
    """Whether an extra field gives the entry a name that differs from its own, which some readers prefer."""
    own = _raw_name(info)
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        if kind == UNICODE_PATH and extra[9 : 4 + size] != own:
            return True
        extra = extra[4 + size :]
    return False


def _check_end(data: bytes, entries: int, directory: int) -> None:
    """The end record closes the file, belongs to one disk, and tells the directory and the entries that are there."""
    start = data.rfind(b"PK\x05\x06")
    _, disk, first_disk, here, total, size, offset, comment = END.unpack(data[start : start + END.size])
    if start + END.size + comment != len(data):
        raise InvalidArchive("The zip is damaged: data follows its end.", FIX)
    if disk or first_disk:
        raise InvalidArchive("The zip is one of several parts.", FIX)
    if {here, total} - {entries, 0xFFFF}:
        raise InvalidArchive(f"The zip is damaged: it holds {entries} entries and says {total}.", FIX)
    if offset not in {directory, LARGE} or size not in {start - directory, start - directory - LARGE_END, LARGE}:
        raise InvalidArchive("The zip is damaged: its end does not tell where its directory lies.", FIX)
    if _other_end(data, start):
        raise InvalidArchive("The zip has two ends, so that readers may disagree on what it holds.", FIX)


def _other_end(data: bytes, start: int) -> bool:
    """Whether another record that closes the file lies before the last one, which would be the other's comment."""
    position = data.find(b"PK\x05\x06", max(len(data) - MAX_COMMENT - END.size, 0))
    while 0 <= position < start:
        comment = int.from_bytes(data[position + END.size - 2 : position + END.size], "little")
        if position + END.size + comment == len(data):
            return True
        position = data.find(b"PK\x05\x06", position + 1)
    return False


def _layout(info: zipfile.ZipInfo, problem: str) -> InvalidArchive:
    name = info.orig_filename.encode("utf-8", "backslashreplace").decode()
    return InvalidArchive(f"{name}: the zip is damaged: {problem}.", FIX, name)
