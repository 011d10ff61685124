"""Where the parts of a zip lie: readers must not be able to disagree on what it holds, so nothing overlaps or hides."""

import struct
import zipfile

from plugin_sdk.errors import InvalidArchive

LOCAL = struct.Struct("<4sHHHHHLLLHH")
END = struct.Struct("<4sHHHHLLH")
DESCRIPTORS = {12, 16, 20, 24}
"""Lengths of what may follow the data of an entry that was written as a stream."""

ENCRYPTED, STREAMED, UTF8 = 0x1, 0x8, 0x800
UNICODE_PATH = 0x7075
UNKNOWN = {0, 0xFFFFFFFF}

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
        if gap and not (info.flag_bits & STREAMED and gap in DESCRIPTORS):
            raise _layout(info, "data that belongs to no entry lies behind it")
    _check_end(data, len(entries))


def _end_of(data: bytes, info: zipfile.ZipInfo) -> int:
    """Where an entry's data ends; its own header must tell what the directory tells."""
    header = data[info.header_offset : info.header_offset + LOCAL.size]
    if len(header) < LOCAL.size or not header.startswith(b"PK\x03\x04"):
        raise _layout(info, "it has no header of its own")
    _, _, flags, method, _, _, _, packed, unpacked, name, extra = LOCAL.unpack(header)
    told = {(packed, info.compress_size), (unpacked, info.file_size)}
    differs = any(own != size and own not in UNKNOWN for own, size in told)
    if method != info.compress_type or (flags ^ info.flag_bits) & ENCRYPTED or differs:
        raise _layout(info, "its own header and the directory describe it differently")
    if _other_names(info):
        raise _layout(info, "it has a second name")
    return int(info.header_offset + LOCAL.size + name + extra + info.compress_size)


def _other_names(info: zipfile.ZipInfo) -> bool:
    """Whether an extra field gives the entry a name that differs from its own, which some readers prefer."""
    own = info.orig_filename.encode("utf-8" if info.flag_bits & UTF8 else "cp437", "replace")
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        if kind == UNICODE_PATH and extra[9 : 4 + size] != own:
            return True
        extra = extra[4 + size :]
    return False


def _check_end(data: bytes, entries: int) -> None:
    """The end record closes the file, belongs to one disk, and counts the entries that are there."""
    start = data.rfind(b"PK\x05\x06")
    _, disk, first_disk, here, total, _, _, comment = END.unpack(data[start : start + END.size])
    if start + END.size + comment != len(data):
        raise InvalidArchive("The zip is damaged: data follows its end.", FIX)
    if disk or first_disk:
        raise InvalidArchive("The zip is one of several parts.", FIX)
    if {here, total} - {entries, 0xFFFF}:
        raise InvalidArchive(f"The zip is damaged: it holds {entries} entries and says {total}.", FIX)


def _layout(info: zipfile.ZipInfo, problem: str) -> InvalidArchive:
    name = info.orig_filename.encode("utf-8", "backslashreplace").decode()
    return InvalidArchive(f"{name}: the zip is damaged: {problem}.", FIX, name)
