"""Plugin archives: packing is reproducible, and no upload gets a file outside its folder."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_sdk import archive_entries
from plugin_sdk.archives import archive_kind, collect, examine_archive, pack, read_archive, unpack
from plugin_sdk.errors import InvalidArchive

FILES = {"manifest.py": b"name = 'x'\n", "pipeline.py": b"", "processors/core.py": b"import re\n"}


def zip_of(*entries: tuple[str, bytes], mode: int = stat.S_IFREG | 0o644) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, mode << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tar_of(*entries: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=form) as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(content), "manifest.py"
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    unpack(FILES, tmp_path / "plugin")
    return tmp_path / "plugin"


def test_equal_files_pack_to_equal_bytes_whatever_their_times_and_modes(folder, tmp_path):
    unpack(dict(reversed(FILES.items())), tmp_path / "copy")
    (tmp_path / "copy" / "manifest.py").chmod(0o600)

    first, second = pack(folder), pack(tmp_path / "copy")

    assert first == second
    assert first.files == sorted(FILES)
    assert read_archive(first.data) == FILES


def test_pack_leaves_out_caches_and_repository(folder):
    for name in ("__pycache__/a.pyc", ".git/config", "processors/__pycache__/core.pyc", ".DS_Store", "__MACOSX/x"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(b"x")

    assert pack(folder).files == sorted(FILES)


def test_pack_refuses_a_link_and_names_it(folder):
    (folder / "data.json").symlink_to("/etc/hostname")

    with pytest.raises(InvalidArchive, match=r"data\.json is a link") as caught:
        pack(folder)
    assert caught.value.entry == "data.json"


def test_pack_refuses_what_is_no_folder(tmp_path):
    with pytest.raises(InvalidArchive, match="is not a folder"):
        collect(tmp_path / "missing")


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize("prefix", ["", "my-plugin/", "./", "./my-plugin/"])
def test_files_are_found_at_the_top_or_under_one_wrapper_folder(make, prefix):
    data = make(*((prefix + name, content) for name, content in FILES.items()), ("__MACOSX/._x", b"x"))

    assert read_archive(data) == FILES


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_tar_dialect_keeps_long_names(form):
    name = "/".join(["folder" * 8] * 2) + "/" + "n" * 90 + ".txt"

    assert read_archive(tar_of(("manifest.py", b""), (name, b"x" * 600), form=form)) == {
        "manifest.py": b"",
        name: b"x" * 600,
    }


def test_names_beyond_ascii_are_kept_in_both_formats():
    files = {"manifest.py": b"", "données/日本.txt": b"x"}

    assert read_archive(zip_of(*files.items())) == files
    assert read_archive(tar_of(*files.items())) == files


BAD_NAMES = {
    "../evil.py": "leaves the plugin folder",
    "a/../../evil.py": "leaves the plugin folder",
    "a/.. /evil.py": "leaves the plugin folder",
    "/etc/cron.d/evil": "absolute",
    "//host/share": "absolute",
    "a\\..\\evil.py": "backslash",
    "C:evil.py": "drive letter",
    "c:/windows/evil.py": "drive letter",
    "a/d:/evil.py": "drive letter",
    "a\nb.py": "control character",
    "x" * 1100: "longer than",
}


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize(("name", "words"), BAD_NAMES.items())
def test_a_name_that_could_leave_the_folder_rejects_the_archive(make, name, words):
    with pytest.raises(InvalidArchive, match=words) as caught:
        read_archive(make(("manifest.py", b""), (name, b"x")))
    assert caught.value.entry
    assert caught.value.problem.startswith(caught.value.entry)


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a.py", "a.py"), "appears twice"),
        (("a.py", "./a.py"), "appears twice"),
        (("a.py", "A.py"), "case is ignored"),
        (("straße/a.py", "STRASSE/b.py"), "case is ignored"),
        (("caf\u00e9.py", "cafe\u0301.py"), "case is ignored"),
        (("a", "a/b.py"), "appears twice"),
        (("a/b.py", "a"), "appears twice"),
        (("a.py", "a.py."), "case is ignored"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_that_would_be_one_file_reject_the_archive(make, names, words):
    with pytest.raises(InvalidArchive, match=words) as caught:
        read_archive(make(("manifest.py", b""), *((name, b"") for name in names)))
    assert caught.value.entry.rstrip(".").casefold() in {
        name.casefold().rstrip(".") for name in (*names, "a", "straße")
    }


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (stat.S_IFLNK, "symbolic link"),
        (stat.S_IFCHR, "character device"),
        (stat.S_IFBLK, "block device"),
        (stat.S_IFIFO, "FIFO"),
        (stat.S_IFSOCK, "socket"),
    ],
)
def test_zip_entry_that_is_no_file_is_named(mode, words):
    with pytest.raises(InvalidArchive, match=f"x.txt: the entry is an? {words}"):
        read_archive(zip_of(("x.txt", b"/etc/passwd"), mode=mode | 0o777))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "character device"),
        (tarfile.BLKTYPE, "block device"),
        (tarfile.FIFOTYPE, "FIFO"),
        (tarfile.GNUTYPE_SPARSE, "sparse file"),
        (b"V", "entry of type"),
    ],
)
def test_tar_entry_that_is_no_file_is_named(kind, words):
    with pytest.raises(InvalidArchive, match=f"x.txt: the entry is an? {words}"):
        read_archive(tar_of(("x.txt", b""), kind=kind, form=tarfile.GNU_FORMAT))


def test_all_problems_of_an_archive_are_listed():
    data = tar_of(("manifest.py", b""), ("../a", b""), ("/b", b""), ("c", b""), ("C", b""))

    assert [problem.entry for problem in examine_archive(data).problems] == ["../a", "/b", "C"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><p>", "HTML"),
        (b'{"error": 1}', "JSON"),
        (b"import os\n", "text starting with 'import os"),
        (b"\xfd7zXZ\x00rest", "an xz file"),
        (b"\x7fELF\x02", "a compiled program"),
        (b"\x00\x01\x02\x03", "binary data starting with 00 01 02 03"),
        (b"PK\x05\x06" + bytes(18), "a zip without files"),
        (gzip.decompress(tar_of(("a", b""))), "a tar that is not compressed"),
    ],
)
def test_what_is_no_archive_is_described(data, words):
    with pytest.raises(InvalidArchive, match="is not an archive: it looks like") as caught:
        archive_kind(data)
    assert words in caught.value.problem


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_bomb_is_stopped_by_its_ratio(make):
    with pytest.raises(InvalidArchive, match=r"bomb\.bin.*200 times"):
        read_archive(make(("manifest.py", b""), ("bomb.bin", bytes(50_000_000))))


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_unpacked_size_is_limited_while_reading(make, monkeypatch):
    monkeypatch.setattr(archive_entries, "MAX_UNPACKED_BYTES", 3 << 20)

    with pytest.raises(InvalidArchive, match=r"b\.bin: the archive unpacks to more than 3 MB"):
        read_archive(make(("a.bin", bytes(2 << 20)), ("b.bin", bytes(2 << 20))))


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_a_thousand_files_pass_and_one_more_does_not(make):
    many = [(f"f{number}", b"") for number in range(1001)]

    assert len(read_archive(make(*many[:1000]))) == 1000
    with pytest.raises(InvalidArchive, match="f1000: the plugin holds more than 1000 files"):
        read_archive(make(*many))


def test_encrypted_entry_is_refused():
    data = bytearray(zip_of(("manifest.py", b"secret")))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(InvalidArchive, match=r"manifest\.py: the entry is an encrypted entry"):
        read_archive(bytes(data))


def test_wrong_checksum_is_refused_in_both_formats():
    data = bytearray(zip_of(("manifest.py", b"x" * 10)))
    data[data.index(b"PK\x01\x02") + 16] ^= 1
    data[14] ^= 1
    with pytest.raises(InvalidArchive, match=r"manifest\.py: the entry is damaged"):
        read_archive(bytes(data))

    packed = bytearray(tar_of(("manifest.py", b"x" * 10)))
    packed[-8] ^= 1
    with pytest.raises(InvalidArchive, match=r"manifest\.py: the gzip is damaged: CRC"):
        read_archive(bytes(packed))


def test_name_that_differs_between_directory_and_header_is_refused():
    data = zip_of(("manifest.py", b"")).replace(b"manifest.py", b"harmless.py", 1)

    with pytest.raises(InvalidArchive, match="damaged"):
        read_archive(data)


def test_zip_name_cut_by_a_nul_is_refused():
    data = zip_of(("a.pyX.txt", b"")).replace(b"a.pyX.txt", b"a.py\0.txt")

    with pytest.raises(InvalidArchive, match="control character"):
        read_archive(data)


def test_tar_cut_short_or_with_data_behind_its_end_is_refused():
    plain = gzip.decompress(tar_of(("manifest.py", b"x" * 5000)))

    with pytest.raises(InvalidArchive, match=r"manifest\.py: the tar ends in the middle"):
        read_archive(gzip.compress(plain[:3000]))
    with pytest.raises(InvalidArchive, match="more data follows the end mark"):
        read_archive(gzip.compress(plain + plain))


def test_archive_of_nothing_is_refused():
    with pytest.raises(InvalidArchive, match="holds no files"):
        read_archive(tar_of())


def test_unpack_writes_only_inside_its_folder(tmp_path):
    with pytest.raises(InvalidArchive, match="leaves the plugin folder"):
        unpack({"ok.py": b"", "../evil.py": b""}, tmp_path / "in")
    assert not list(tmp_path.iterdir())


PART = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\:", exclude_categories=["C", "Z"]), min_size=1, max_size=12
)
PLAIN = PART.filter(lambda part: part.strip(". ") and part.rstrip(". ") == part)


@settings(max_examples=60, deadline=None)
@given(files=st.dictionaries(PLAIN, st.binary(max_size=300), min_size=1, max_size=6))
def test_what_is_packed_is_what_is_read(files, tmp_path_factory):
    names = list(files)
    if len({name.casefold() for name in names}) != len(names) or not all(map(str.isascii, names)):
        files = {f"file{number}.bin": content for number, content in enumerate(files.values())}
    folder = tmp_path_factory.mktemp("plugin")
    unpack({**files, "top.py": b""}, folder)

    assert read_archive(pack(folder).data) == {**files, "top.py": b""}


SAMPLES: list[Callable[[], bytes]] = [
    lambda: zip_of(*FILES.items(), ("data/long.txt", b"abc" * 200)),
    lambda: tar_of(*FILES.items(), ("n" * 150, b"abc" * 200)),
    lambda: gzip.decompress(tar_of(*FILES.items(), ("n" * 150, b"abc" * 200), form=tarfile.GNU_FORMAT)),
]


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 2), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=8), st.data()
)
def test_mutated_archives_are_read_or_refused_and_nothing_else(which, changes, data):
    raw = bytearray(SAMPLES[which]())
    for position, value in changes:
        raw[position % len(raw)] = value
    cut = data.draw(st.integers(1, len(raw)))
    upload = gzip.compress(bytes(raw[:cut])) if which == 2 else bytes(raw[:cut])
    try:
        files = read_archive(upload)
    except InvalidArchive as error:
        assert error.problem and error.fix
    else:
        assert all(not name.startswith("/") and ".." not in name.split("/") for name in files)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b\x08\x00"]), st.binary(max_size=400))
def test_arbitrary_bytes_are_refused(start, rest):
    with pytest.raises(InvalidArchive):
        read_archive(start + rest)


def test_directory_that_claims_a_wrong_size_is_refused():
    data = bytearray(zip_of(("manifest.py", b"x" * 10)))
    data[data.index(b"PK\x01\x02") + 24 : data.index(b"PK\x01\x02") + 28] = struct.pack("<I", 5)

    with pytest.raises(InvalidArchive, match=r"manifest\.py"):
        read_archive(bytes(data))


PLAIN = zip_of(("manifest.py", b"x = 1\n"), ("pipeline.py", b"y = 2\n"))


def patched(data: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    """The archive with some bytes changed behind the first of a kind of record."""
    start = data.index(signature) + offset
    return data[:start] + value + data[start + len(value) :]


def with_gap(data: bytes, gap: bytes) -> bytes:
    """The archive with bytes between its first two entries that belong to none, and every offset right."""
    second = data.index(b"PK\x03\x04", 4)
    moved = data[:second] + gap + data[second:]
    entry = moved.index(b"PK\x01\x02", moved.index(b"PK\x01\x02") + 4)
    moved = patched(moved[:entry], b"PK", 0, b"PK") + patched(
        moved[entry:], b"PK\x01\x02", 42, struct.pack("<L", second + len(gap))
    )
    return patched(moved, b"PK\x05\x06", 16, struct.pack("<L", moved.index(b"PK\x01\x02")))


def with_second_name() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("notes.txt")
        info.extra = struct.pack("<HHBL", 0x7075, 5 + len("evil.py"), 1, 0) + b"evil.py"
        archive.writestr(info, b"import os\n")
    return buffer.getvalue()


def quoted() -> bytes:
    """A stored file that holds another whole entry, which the directory lists too."""
    inner = zip_of(("b.py", b"import os\n"))
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.bin", inner[: inner.index(b"PK\x01\x02")])
    data = outer.getvalue()
    listed = inner[inner.index(b"PK\x01\x02") : inner.index(b"PK\x05\x06")]
    listed = patched(listed, b"PK\x01\x02", 42, struct.pack("<L", 30 + len("a.bin")))
    start, end = data.index(b"PK\x01\x02", 80), data.index(b"PK\x05\x06")
    size = struct.pack("<HHL", 2, 2, end + len(listed) - start)
    return patched(data[:end] + listed + data[end:], b"PK\x05\x06", 8, size)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (zip_of(("hidden.py", b"import os\n")) + PLAIN, "before it"),
        (b"PK\x03\x04 and more" + PLAIN, "before it"),
        (PLAIN + b"more", "follows its end"),
        (PLAIN + gzip.compress(b"more"), "follows its end"),
        (with_gap(PLAIN, b"hidden!!"), "behind it"),
        (quoted(), "overlaps"),
        (patched(PLAIN, b"PK\x03\x04", 8, b"\x63\0"), "differently"),
        (patched(PLAIN, b"PK\x03\x04", 6, b"\x01\0"), "differently"),
        (patched(PLAIN, b"PK\x03\x04", 22, struct.pack("<L", 9999)), "differently"),
        (patched(PLAIN, b"PK\x01\x02", 24, struct.pack("<L", 1)), "differently"),
        (patched(PLAIN, b"PK\x01\x02", 24, b"\xff" * 4), "differently"),
        (patched(PLAIN, b"PK\x05\x06", 8, struct.pack("<HH", 1, 1)), "says 1"),
        (patched(PLAIN, b"PK\x05\x06", 4, struct.pack("<HH", 1, 1)), "several parts"),
        (with_second_name(), "second name"),
    ],
    ids=range(14),
)
def test_zip_that_readers_could_take_for_different_things_is_refused(data, words):
    with pytest.raises(InvalidArchive, match=words):
        read_archive(data)


class Pipe(io.RawIOBase):
    """A file that can't be sought in, so that a zip is written as a stream."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, part) -> int:
        self.written += part
        return len(part)


def test_zips_written_as_streams_and_with_a_comment_are_read():
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"0123456789abcdef"
        archive.writestr("manifest.py", b"x = 1\n" * 100)
        archive.writestr("data/", b"")
        archive.writestr("data/a.bin", b"")

    assert read_archive(bytes(pipe.written)) == {"data/a.bin": b"", "manifest.py": b"x = 1\n" * 100}
