"""Two readers of an archive that is accepted see the same files: fuzzed layouts, read by three programs side by side."""

import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_sdk.archives import _ignored, _plain, examine_archive, read_archive
from plugin_sdk.errors import InvalidArchive

EXAMPLES = int(os.environ.get("OPENPEEK_FUZZ_EXAMPLES", "300"))

LOCAL = struct.Struct("<4sHHHHHLLLHH")
CENTRAL = struct.Struct("<4sHHHHHHLLLHHHHHLL")
END = struct.Struct("<4sHHHHLLH")
NAMES = ["manifest.py", "a.py", "__MACOSX/a.py", "data/x.bin"]


@dataclass
class Part:
    """One entry as its own header and the directory tell it; `lies` changes what one of them says."""

    name: bytes
    content: bytes
    method: int = 8
    streamed: bool = False
    local_name: bytes = b""
    local_extra: bytes = b""
    extra: bytes = b""
    local_sizes: tuple[int, int] | None = None
    hidden: bytes = b""
    descriptor: bytes = b""
    before: bytes = b""


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def zip_of(parts: list[Part], order: list[int], comment: bytes = b"") -> bytes:
    """A zip written part by part, its directory in the given order."""
    body, directory = bytearray(), []
    for part in parts:
        packed = (deflated(part.content) if part.method == 8 else part.content) + part.hidden
        crc, flags = zlib.crc32(part.content), 8 if part.streamed else 0
        body += part.before
        sizes = part.local_sizes or ((0, 0) if part.streamed else (len(packed), len(part.content)))
        name = part.local_name or part.name
        head = (20, flags, part.method, 0, 0, 0 if part.streamed else crc, *sizes, len(name), len(part.local_extra))
        told = (20, 20, flags, part.method, 0, 0, crc, len(packed), len(part.content), len(part.name), len(part.extra))
        directory.append(CENTRAL.pack(b"PK\1\2", *told, 0, 0, 0, 0, len(body)) + part.name + part.extra)
        body += LOCAL.pack(b"PK\3\4", *head) + name + part.local_extra + packed
        body += part.descriptor or (struct.pack("<4sLLL", b"PK\7\x08", crc, *told[7:9]) if part.streamed else b"")
    start = len(body)
    body += b"".join(directory[place] for place in order)
    count = len(order)
    return bytes(body) + END.pack(b"PK\5\6", 0, 0, count, count, len(body) - start, start, len(comment)) + comment


def as_a_stream(data: bytes) -> dict[str, bytes]:
    """The files of a zip, by a reader that sees no directory: header after header."""
    files, position = {}, 0
    while data[position : position + 4] == b"PK\3\4":
        _, _, flags, method, _, _, _, packed, unpacked, name, extra = LOCAL.unpack_from(data, position)
        start = position + LOCAL.size + name + extra
        title = data[position + LOCAL.size : position + LOCAL.size + name].decode("cp437")
        fields = data[position + LOCAL.size + name : start]
        while len(fields) >= 4:
            kind, size = struct.unpack("<HH", fields[:4])
            if kind == 0x7075:
                title = fields[9 : 4 + size].decode()
            fields = fields[4 + size :]
        if method == 8:
            reader = zlib.decompressobj(-15)
            content = reader.decompress(data[start:])
            end = len(data) - len(reader.unused_data)
        else:
            end = start + packed if packed or not flags & 8 else data.index(b"PK", start)
            content = data[start:end]
        if flags & 8:
            end += 16 if data[end : end + 4] == b"PK\7\x08" else 12
        elif method == 8 and (end - start, len(content)) != (packed, unpacked):
            return {"damaged": data[start:end]}
        files[title] = content
        position = end
    return files


def by_first_directory(data: bytes) -> dict[str, bytes]:
    """The files of a zip, by a reader that takes the first end record that closes the file."""
    end = next(
        place
        for place in range(len(data))
        if data.startswith(b"PK\5\6", place)
        and place + END.size <= len(data)
        and place + END.size + int.from_bytes(data[place + 20 : place + 22], "little") == len(data)
    )
    *_, total, _, position, _ = END.unpack_from(data, end)
    files = {}
    for _ in range(total):
        told = CENTRAL.unpack_from(data, position)
        method, packed, name, extra, note, offset = told[4], told[8], told[10], told[11], told[12], told[16]
        title = data[position + CENTRAL.size : position + CENTRAL.size + name].decode("cp437")
        *_, own_name, own_extra = LOCAL.unpack_from(data, offset)
        raw = data[offset + LOCAL.size + own_name + own_extra :][:packed]
        files[title] = zlib.decompressobj(-15).decompress(raw) if method == 8 else raw
        position += CENTRAL.size + name + extra + note
    return files


def kept(files: dict[str, bytes]) -> dict[str, bytes]:
    """As the plugin has them: plain names, without what is never unpacked."""
    return {
        _plain(name): content
        for name, content in files.items()
        if not name.endswith("/") and not any(_ignored(part) for part in name.split("/"))
    }


CONTENTS = st.binary(max_size=30) | st.sampled_from(
    [b"x = 1\n", b"PK\7\x08" + bytes(12), zip_of([Part(b"evil.py", b"import os\n")], [0]), b""]
)
SECOND_NAME = struct.pack("<HHBL", 0x7075, 5 + 7, 1, 0) + b"evil.py"
PARTS = st.builds(
    Part,
    name=st.sampled_from([name.encode() for name in NAMES]),
    content=CONTENTS,
    method=st.sampled_from([0, 8]),
    streamed=st.booleans(),
    local_name=st.sampled_from([b"", b"", b"", b"evil.py"]),
    local_extra=st.sampled_from([b"", b"", b"", SECOND_NAME, struct.pack("<HH4s", 0x1234, 4, b"\0\0\0\0")]),
    extra=st.sampled_from([b"", b"", b"", SECOND_NAME]),
    local_sizes=st.sampled_from([None, None, None, (0, 0), (1, 1), (0xFFFFFFFF, 0xFFFFFFFF)]),
    hidden=st.sampled_from(
        [b"", b"", b"", b"hidden", LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 7, 0) + b"evil.py"]
    ),
    descriptor=st.sampled_from([b"", b"", b"", bytes(12), b"PK\7\x08" + bytes(20)]),
    before=st.sampled_from([b"", b"", b"", b"\0", b"PK"]),
)
COMMENTS = st.sampled_from([b"", b"", b"hello", zip_of([Part(b"evil.py", b"import os\n")], [0])])


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(PARTS, min_size=1, max_size=3, unique_by=lambda part: part.name), st.randoms(), COMMENTS)
def test_zip_that_is_accepted_holds_the_same_for_every_reader(parts, shuffled, comment):
    order = list(range(len(parts)))
    shuffled.shuffle(order)
    data = zip_of(parts, order[: shuffled.choice([len(order), len(order), 1])], comment)

    examined = examine_archive(data)

    if not examined.problems:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            by_library = {info.filename: archive.read(info) for info in archive.infolist()}
        files = dict(kept(by_library))
        assert kept(as_a_stream(data)) == files
        assert kept(by_first_directory(data)) == files
        assert sorted(examined.files.values()) == sorted(files.values())


ZIPS = {
    "the header of an ignored entry has another name": [Part(b"a.py", b"1"), Part(b"__MACOSX/x", b"2", local_name=b"evil.py")],
    "the header of a folder has another name": [Part(b"a.py", b"1"), Part(b"data/", b"", 0, local_name=b"evil.")],
    "the header has a second name": [Part(b"a.py", b"1", local_extra=SECOND_NAME)],
    "the header says that there is nothing": [Part(b"a.py", b"import os", 0, local_sizes=(0, 0))],
    "a large size is told differently": [
        Part(b"a.py", b"1", 0, local_sizes=(0xFFFFFFFF, 0xFFFFFFFF), local_extra=struct.pack("<HHQQ", 1, 16, 9, 9))
    ],
    "data behind the end of a packed entry": [Part(b"a.py", b"1", hidden=LOCAL.pack(b"PK\3\4", *[0] * 10) + b"x")],
    "the end of an entry written as a stream is hidden in it": [
        Part(b"a.py", b"PK\7\x08" + bytes(12) + b"PK\3\4", 0, streamed=True)
    ],
}  # fmt: skip


@pytest.mark.parametrize("parts", ZIPS.values(), ids=ZIPS)
def test_zip_whose_headers_hide_something_is_refused(parts):
    with pytest.raises(InvalidArchive, match=r"a\.py|__MACOSX/x|data/"):
        read_archive(zip_of(parts, list(range(len(parts)))))


def test_zip_with_two_ends_is_refused():
    inner = zip_of([Part(b"evil.py", b"import os\n")], [0])
    data = zip_of([Part(b"a.py", inner, 0)], [0])
    place = data.index(b"PK\5\6")  # of the inner zip: its comment now reaches to the end of the file
    data = data[: place + 20] + struct.pack("<H", len(data) - place - END.size) + data[place + 22 :]
    crc = zlib.crc32(data[LOCAL.size + 4 : LOCAL.size + 4 + len(inner)])
    data = data[:14] + struct.pack("<L", crc) + data[18:]
    directory = data.rindex(b"PK\1\2")
    data = data[: directory + 16] + struct.pack("<L", crc) + data[directory + 20 :]

    with pytest.raises(InvalidArchive, match="two ends"):
        read_archive(data)


def test_zip_whose_end_points_elsewhere_is_refused():
    data = bytearray(zip_of([Part(b"a.py", b"1")], [0]))
    data[-6:-2] = struct.pack("<L", int.from_bytes(data[-6:-2], "little") - 1)

    with pytest.raises(InvalidArchive):
        read_archive(bytes(data))


# ── tar ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def block(
    name: bytes, size: int, kind: bytes, magic: bytes = b"ustar\x0000", prefix: bytes = b"", digits: bytes = b""
) -> bytes:
    """One header of a tar, with the checksum that it ought to have."""
    head = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + (digits or b"%011o\0" % size) + b"00000000000\0"
    head += b" " * 8 + kind + bytes(100) + magic.ljust(8, b"\0") + bytes(80) + prefix.ljust(155, b"\0") + bytes(12)
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


def entry(name: bytes, content: bytes, kind: bytes = b"0", **fields: bytes) -> bytes:
    return block(name, len(content), kind, **fields) + content + bytes(-len(content) % 512)


def record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    while len(b"%d" % length) + len(key) + len(value) + 3 != length:
        length += 1
    return b"%d %s=%s\n" % (length, key, value)


def tar_of(*entries: bytes) -> bytes:
    return gzip.compress(b"".join(entries) + bytes(1024), 1)


def by_tarfile(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        found = {info.name: archive.extractfile(info) for info in archive if info.isreg()}
        return {name: file.read() for name, file in found.items() if file is not None}


TARRED = st.builds(
    entry,
    st.sampled_from([b"a.py", b"b.py", b"data/", b"c/d.py"]),
    st.binary(max_size=20),
    kind=st.sampled_from([b"0", b"\0", b"7", b"5"]),
    magic=st.sampled_from([b"ustar\x0000", b"ustar  \0", b"", b"ustar\0"]),
    prefix=st.sampled_from([b"", b"", b"", b"evil", b"12345670123\0"]),
    digits=st.sampled_from([b"", b"", b"", b"\0" + b"0000000012\0", b"          1 ", b"        \x001  "]),
)
EXTENSIONS = st.builds(
    entry,
    st.just(b"././@Ext"),
    st.sampled_from(
        [
            record(b"path", b"e.py"),
            record(b"path", b"f.py"),
            record(b"size", b"3"),
            record(b"comment", b"x"),
            b"g.py\0",
            record(b"path", b"e.py") + record(b"path", b"h.py"),
            record(b"path", b""),
            record(b"GNU.sparse.name", b"s.py"),
            record(b"hdrcharset", b"BINARY") + record(b"path", b"i.py"),
        ]
    ),
    kind=st.sampled_from([b"x", b"x", b"g", b"L"]),
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(TARRED | EXTENSIONS, min_size=1, max_size=5))
def test_tar_that_is_accepted_holds_the_same_for_pythons_reader(entries):
    data = tar_of(*entries, entry(b"last.py", b"1"))

    examined = examine_archive(data)

    if not examined.problems:
        expected = kept(by_tarfile(data))
        assert sorted(examined.files.values()) == sorted(expected.values())
        assert {name.rsplit("/", 1)[-1] for name in examined.files} == {name.rsplit("/", 1)[-1] for name in expected}


TARS = {
    "two records tell its name": [
        entry(b"p", record(b"path", b"x.py"), b"x"),
        entry(b"p", record(b"path", b"y.py"), b"x"),
    ],
    "a record and a long name tell its name": [
        entry(b"l", b"x.py\0", b"L"),
        entry(b"p", record(b"path", b"y.py"), b"x"),
    ],
    "two long names": [entry(b"l", b"x.py\0", b"L"), entry(b"l", b"y.py\0", b"L")],
    "one name for all": [entry(b"p", record(b"path", b"x.py"), b"g")],
    "one size for all": [entry(b"p", record(b"size", b"1"), b"g")],
}


@pytest.mark.parametrize("before", TARS.values(), ids=TARS)
def test_tar_that_names_an_entry_twice_is_refused(before):
    with pytest.raises(InvalidArchive, match="twice"):
        read_archive(tar_of(*before, entry(b"a.py", b"1")))


def test_tar_with_a_prefix_that_its_format_does_not_know_is_refused():
    with pytest.raises(InvalidArchive, match=r"a\.py"):
        read_archive(tar_of(entry(b"a.py", b"1", magic=b"ustar  \0", prefix=b"evil")))


def test_tar_entry_that_is_a_file_by_one_name_and_a_folder_by_the_other_is_refused():
    with pytest.raises(InvalidArchive, match="a file and a folder"):
        read_archive(tar_of(entry(b"p", record(b"path", b"a.py"), b"x"), entry(b"data/", b"", b"\0")))


def test_tar_size_behind_a_nul_is_refused():
    with pytest.raises(InvalidArchive, match=r"a\.py.*size"):
        read_archive(tar_of(entry(b"a.py", b"12345678", digits=b"\x0000000000010")))
