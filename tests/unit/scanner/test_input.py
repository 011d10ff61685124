"""What reaches the scanner is bytes from strangers: nothing crashes it, nothing holds it up, nothing hides from it."""

import io
import json
import os
import resource
import stat
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import httpx
import pytest

from plugin_sdk.archives import pack
from plugin_sdk.errors import InvalidArchive
from plugin_sdk.scanner import scan_archive, scan_files, scan_folder
from plugin_sdk.scanner.scan import CHILD, ROOT
from tests.unit.scanner.hostile import HOSTILE


def messages(files, **options):
    return [violation.message for violation in scan_files(files, **options).violations]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x = 1\nx = \n", "Invalid Python: invalid syntax"),
        (b"x = 1\n\0import os\n", "Invalid Python: NUL byte"),
        (b"x = '\xff'\n", "Invalid Python: not UTF-8"),
        (b"# -*- coding: utf-7 -*-\n+AG8AcwBl-\n", "Forbidden encoding: utf-7"),
        (b"\n# vim: set fileencoding=rot13 :\n", "Forbidden encoding: rot13"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "Forbidden encoding: latin-1"),
        ("import os".encode("utf-16"), "Invalid Python: NUL byte"),
        (b"#" + b"x" * (1 << 20), "File too large"),
        (b"print 'x'\n", "Invalid Python: Missing parentheses in call to 'print'. Did you mean print(...)?"),
    ],
)
def test_source_that_cannot_be_read_is_refused(content, message):
    report = scan_files({"core.py": content})

    assert not report.passed
    assert report.violations[0].message == message


@pytest.mark.parametrize(
    "content",
    [
        b"(" * 5000 + b")" * 5000,
        b"[" * 150 + b"]" * 150,
        b"x = " + b"-" * 100_000 + b"1\n",
        b"x = " + b"not " * 50_000 + b"1\n",
        b"x = 1" + b" + 1" * 60_000 + b"\n",
        b"x" + b".a" * 60_000 + b"\n",
        b"x" + b"()" * 60_000 + b"\n",
        b"x" + b"[0]" * 40_000 + b"\n",
        b"x = " + b"lambda: " * 10_000 + b"1\n",
        b"".join(b" " * depth + b"if x:\n" for depth in range(99)) + b" " * 99 + b"pass\n",
        b"if x: pass\n" + b"elif x: pass\n" * 20_000,
        b"x = " + b"1 if x else " * 20_000 + b"1\n",
        b"f'" + b"{x:" * 100 + b"}" * 100 + b"'\n",
        b"x = '''" + b"{" * 200_000 + b"'''\n",
        b"x = '''" + b"a." * 100_000 + b"'''\n",
        b"x = '''" + b"http://" * 30_000 + b"'''\n",
        b"def f(x: '" + b"(" * 400 + b"'): pass\n",
        b"x = 9" + b"9" * 10_000 + b"\n",
        b"a = 1\n" * 30_000,
        b"".join(b"a%d = a%d\n" % (n + 1, n) for n in range(5000)) + b"import numpy as a0\na5000.os.system('x')\n",
        b"".join(b"def f%d(x): return f%d(f%d(x))\n" % (n, (n * 7) % 800, (n * 13) % 800) for n in range(800)),
        b"import numpy as np\n"
        + b"".join(b"x%d = [x%d, x%d, np.a%d]\n" % (n, (n * 7) % 900, (n * 3) % 900, n) for n in range(900)),
        b"class A:\n" + b"".join(b"  def f%d(self): self.a%d = self.a%d\n" % (n, n, (n + 1) % 900) for n in range(900)),
        b"x = '" + b"a" * 3000 + b"'\n" + b"x = x + x\n" * 500,
        b"from . import *\n" * 3000,
        b"import " + b"a." * 2000 + b"b\n",
    ],
    ids=range(26),
)
def test_hostile_source_is_judged_in_time_and_never_crashes(content):
    started = time.monotonic()

    report = scan_files({"core.py": content})

    assert time.monotonic() - started < 60
    assert report.passed is not any(violation.severity == "error" for violation in report.violations)


PACKAGES = ["httpx", "rich", "typer", "starlette", "boto3", "pydantic/_internal"]


@pytest.mark.parametrize("package", PACKAGES)
def test_large_object_oriented_code_is_judged_to_its_end(package):
    folder = Path(httpx.__file__).parents[1] / package
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.py")}

    found = set(messages(files))

    assert found, "it does things that plugins may not do"
    assert not found & {"Code too tangled", "Code cannot be judged", "Code nested too deeply", "Too much code"}


def test_verdict_does_not_depend_on_the_order_of_sets():
    code = (
        "import httpx, pathlib, plugin_sdk.scanner as s; folder = pathlib.Path(httpx.__file__).parent;"
        "print([v.as_dict() for v in s.scan_files({p.name: p.read_bytes() for p in sorted(folder.glob('*.py'))}).violations])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(said) == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_source_takes_five_seconds_of_processor_time_at_most(name):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    report = scan_files({"core.py": HOSTILE[name]})

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5
    assert report.passed is not any(violation.severity == "error" for violation in report.violations)


def test_many_hostile_files_are_bounded_together():
    files = {f"m{n}.py": b"".join(b"from .m%d import *\n" % m for m in range(200)) + b"x = y\n" for n in range(200)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    scan_files(files)

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5


WEIGHED = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-I", "-S", "-c", sys.argv[1]], stdin=sys.stdin, capture_output=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the address space")
@pytest.mark.parametrize("name", ["thousands of classes", "statements", "a huge tuple"])
def test_hostile_source_takes_150_mb_at_most(name):
    code = CHILD.format(root=str(ROOT))
    message = json.dumps({"core.py": HOSTILE[name].decode()}).encode()

    weighed = subprocess.run(
        [sys.executable, "-I", "-S", "-c", WEIGHED, code], input=message, capture_output=True, timeout=100, check=True
    )

    assert int(weighed.stdout) >> 10 <= 150


def test_small_source_is_judged_in_the_scanning_process_within_memory():
    dense = b"x=[y,z]\n" * 8000

    tracemalloc.start()
    try:
        scan_files({"core.py": dense})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 150 << 20


def test_deep_code_is_refused_as_too_deep():
    assert messages({"core.py": b"x = 1" + b" + 1" * 3000 + b"\n"}) == ["Code nested too deeply"]


def test_long_alias_chain_is_followed_to_its_end():
    chain = (
        b"import numpy as a0\n" + b"".join(b"a%d = a%d\n" % (n + 1, n) for n in range(300)) + b"a300.os.system('x')\n"
    )

    assert "Forbidden attribute: numpy.os" in messages({"core.py": chain})
    assert "Forbidden attribute: numpy.os" in messages({"core.py": b"\n".join(reversed(chain.split(b"\n")))})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("lib.so", b"x", "Compiled code: lib.so"),
        ("lib.so.1", b"x", "Compiled code: lib.so.1"),
        ("lib.cpython-311-x86_64-linux-gnu.so", b"x", "Compiled code: lib.cpython-311-x86_64-linux-gnu.so"),
        ("x.pyd", b"x", "Compiled code: x.pyd"),
        ("x.PYC", b"x", "Compiled or packed code: x.PYC"),
        ("x.pth", b"import os", "Startup hook: x.pth"),
        ("sitecustomize.py", b"", "Startup hook: sitecustomize.py"),
        ("a/usercustomize.py", b"", "Startup hook: usercustomize.py"),
        ("data.bin", b"\x7fELF\x02\x01\x01", "Compiled code: an ELF program"),
        ("data.json", b"\xcf\xfa\xed\xfe\x07", "Compiled code: a Mach-O program"),
        ("data.dat", b"MZ" + bytes(58) + b"\x40\0\0\0" + b"PE\0\0", "Compiled code: a Windows program"),
        ("data.txt", b"#!/bin/sh\nid\n", "Compiled code: a script"),
        ("data.wav", b"\0asm\x01\0\0\0", "Compiled code: a WebAssembly program"),
        ("data.cache", b"\xa7\r\r\n\0\0\0\0" + bytes(8), "Compiled code: compiled Python"),
        ("run.sh", b"id", "Executable file: run.sh"),
        ("m.pkl", b"\x80\x04\x95cposix\nsystem\n", "Pickle data"),
    ],
)
def test_file_that_is_code_under_whatever_name_is_refused(name, content, message):
    report = scan_files({name: content})

    assert not report.passed
    assert [violation.message for violation in report.violations] == [message]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.json", b'{"a": 1}'),
        ("README.md", b"# Plugin\n`import subprocess`\n"),
        ("weights.safetensors", b"\x08\0\0\0\0\0\0\0{}      "),
        ("image.png", b"\x89PNG\r\n\x1a\n" + bytes(20)),
        ("data.parquet", b"PAR1" + bytes(10) + b"PAR1"),
        ("MZ.txt", b"MZ is how this text starts, and it is long enough to hold a header of its own, surely."),
        ("vocab.txt", b"eval\nexec\n"),
        ("requirements.txt", b"numpy\n"),
        ("empty.bin", b""),
        ("LICENSE", b"Apache"),
    ],
)
def test_data_files_pass(name, content):
    assert scan_files({name: content}, strict=True).violations == []


def test_folder_with_link_or_fifo_is_refused(tmp_path):
    (tmp_path / "manifest.py").write_text("x = 1\n")
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    (tmp_path / "linked").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")

    report = scan_folder(tmp_path)

    assert [violation.message for violation in report.violations] == [
        "Link: link.py",
        "Link: linked",
        "Special file: pipe",
    ]


def test_folder_and_archive_of_it_get_the_same_verdict(tmp_path):
    (tmp_path / "core.py").write_text("import os\nos.system('id')\n")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "core.pyc").write_bytes(b"x")

    assert scan_folder(tmp_path).violations == scan_archive(pack(tmp_path).data).violations
    assert not scan_folder(tmp_path).passed


def test_archive_problems_and_code_violations_are_reported_together():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("core.py", "import socket\n")
        archive.writestr("../evil.py", "")
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")

    violations = scan_archive(buffer.getvalue()).violations

    assert [violation.file for violation in violations] == ["../evil.py", "core.py", "link"]
    assert not scan_archive(b"no archive").passed


def test_code_beyond_the_quick_size_is_judged_in_a_child_process():
    padding = b"".join(b"def f%d(x):\n    return x + %d  # %s\n" % (n, n, b"." * 90) for n in range(2500))

    assert messages({"core.py": padding + b"import socket\n"}) == ["Forbidden import: socket"]
    assert messages({"core.py": padding}) == []


def test_missing_folder_is_an_error_and_no_pass(tmp_path):
    with pytest.raises(InvalidArchive, match="is not a folder"):
        scan_folder(tmp_path / "missing")


def test_failure_of_a_rule_rejects_the_plugin(monkeypatch):
    monkeypatch.setattr("plugin_sdk.scanner.sources.Rules.run", lambda self: 1 / 0)

    assert messages({"core.py": b"x = 1\n"}) == ["Code cannot be judged"]


def test_scanner_and_archives_need_the_standard_library_only():
    code = CHILD.format(root=str(ROOT)).replace("main()", "import plugin_sdk.archives")

    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, timeout=100, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
