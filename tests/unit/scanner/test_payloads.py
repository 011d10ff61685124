"""Data files that carry code: pickles under any name, object arrays, and whatever wraps them."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import resource
import tarfile
import zlib

import numpy as np
import pytest

from plugin_sdk.scanner import scan_files
from tests.unit.scanner.hostile import DATA, bombs, zipped


class Runs:
    """Unpickling it would start a process."""

    def __reduce__(self):
        return (os.system, ("true",))


def array(value: object, version: tuple[int, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asanyarray(value), version, allow_pickle=True)
    return buffer.getvalue()


def tarred(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("storages")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


EVIL = pickle.dumps(Runs())
WORDS = [f"word{number}" for number in range(12_000)]
DANGEROUS = {
    "a pickle under another name": EVIL,
    "the first protocol": pickle.dumps(Runs(), 0),
    "the second protocol": pickle.dumps(Runs(), 1),
    "the first protocol, its name far behind": pickle.dumps([WORDS, Runs()], 0),
    "the second protocol, its name far behind": pickle.dumps([WORDS, Runs()], 1),
    "the first protocol, data behind its end": pickle.dumps([WORDS, Runs()], 0) + b"xyz",
    "the third protocol without its header": pickle.dumps(Runs(), 3)[2:],
    "the fourth protocol's operations without header or frame": b"\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
    "the first protocol in a zip": zipped(pickle.dumps([WORDS, Runs()], 0), "a.txt"),
    "the third protocol": pickle.dumps(Runs(), 2),
    "an object array": array(np.array([Runs()], dtype=object)),
    "a field of objects": array(np.array([(1, Runs())], dtype=[("a", "i4"), ("b", "O")])),
    "a torch file": zipped(EVIL),
    "an npz": zipped(array(np.array([Runs()], dtype=object)), "a.npy"),
    "gzip": gzip.compress(EVIL),
    "zlib": zlib.compress(EVIL),
    "zlib, fastest": zlib.compress(EVIL, 1),
    "zlib, as joblib packs": zlib.compress(EVIL, 3),
    "zlib, smallest": zlib.compress(EVIL, 9),
    "a tar": tarred(EVIL),
    "a tar in bzip2": bz2.compress(tarred(EVIL)),
    "an object array with a long header length": array(np.array([Runs()], dtype=object), (2, 0)),
    "an object array of the third version": array(np.array([Runs()], dtype=object), (3, 0)),
    "an object array whose header is spelled otherwise": array(np.array([Runs()], dtype=object)).replace(
        b"'descr': '|O'", b'"descr":  "O" '
    ),
    "bzip2": bz2.compress(EVIL),
    "xz": lzma.compress(EVIL),
    "a zip in a zip": zipped(zipped(EVIL), "inner.zip"),
    "a zip in gzip": gzip.compress(zipped(EVIL)),
}


@pytest.mark.parametrize("content", DANGEROUS.values(), ids=DANGEROUS)
def test_pickle_that_names_a_dangerous_function_is_refused_wherever_it_hides(content):
    report = scan_files({"weights.dat": content})

    assert not report.passed
    assert [violation.message for violation in report.violations] == ["Pickle data"]


def test_program_inside_an_archive_is_refused():
    report = scan_files({"data.zip": zipped(b"\x7fELF\x02\x01\x01" + bytes(60), "tool")})

    assert [violation.message for violation in report.violations] == ["Compiled code: a program inside an archive"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"a": [1, 2.5, "x"]}), "Pickle data"),
        (array(np.array(["a", None], dtype=object)), "Object array"),
        (zipped(array(np.array(["a", None], dtype=object)), "a.npy"), "Object array"),
    ],
)
def test_pickle_of_plain_values_is_worth_a_warning(content, message):
    report = scan_files({"vocab.bin": content})

    assert report.passed
    assert [(violation.message, violation.severity) for violation in report.violations] == [(message, "warning")]


@pytest.mark.parametrize(
    "content",
    [
        array(np.zeros((3, 4), np.float32)),
        array(np.array(["a", "b"])),
        array(np.array([(1, 2.0)], dtype=[("Oa", "i4"), ("b", "f8")])),
        zipped(array(np.zeros(3)), "a.npy"),
        gzip.compress(b'{"os": 1}'),
        zipped(b"import os\n", "notes.txt"),
        b"PK\x03\x04 damaged",
        b"\x1f\x8b damaged",
        b"\xfd7zXZ\0 damaged",
        b"\x93NUMPY",
        b"os\nsystem\nposix\n",
        b"The modules os\nand sys\nare explained here.",
        b"cos\nsine\ntan\n" * 10_000 + b".",
        b"the\ncos\nsystem\n.\n" * 10_000,
        pickle.dumps([WORDS, "cos\nsystem\n"], 0),
        b"N." + bytes(100_000),
    ],
    ids=range(16),
)
def test_plain_data_passes_whatever_wraps_it(content):
    assert scan_files({"data.bin": content}, strict=True).violations == []


def test_compression_bomb_is_read_no_further_than_its_start():
    bomb = gzip.compress(bytes(200 << 20))

    assert scan_files({"data.gz": bomb}).violations == []


@pytest.mark.parametrize("name", DATA)
def test_data_files_are_looked_at_within_seconds_whatever_they_hold(name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime

    report = scan_files(DATA[name])

    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 30
    assert report.passed is not any(violation.severity == "error" for violation in report.violations)


def test_data_packed_too_often_is_told_as_not_looked_at():
    report = scan_files(DATA["zips of zips of zeros"])

    assert {(violation.message, violation.severity) for violation in report.violations} == {("Packed data", "warning")}


def test_data_files_after_much_packed_data_are_still_judged():
    bomb = bombs()
    files = {f"a{number}.zip": bomb for number in range(30)} | {"b.png": b"\x89PNG" + bytes(1000), "c.bin": EVIL}

    found = {violation.file: violation.message for violation in scan_files(files).violations}

    assert "b.png" not in found
    assert found["c.bin"] == "Pickle data"
