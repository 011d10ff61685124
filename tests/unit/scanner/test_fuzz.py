"""Fuzz targets: bounded in the test run, longer with `OPENPEEK_FUZZ_EXAMPLES=100000`."""

import io
import os
import tarfile
import zipfile

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plugin_sdk.scanner import scan_archive, scan_files
from tests.unit.scanner.attacks import snippets
from tests.unit.scanner.honest import clean

EXAMPLES = int(os.environ.get("OPENPEEK_FUZZ_EXAMPLES", "200"))

TOKENS = r"""
    import from as os np numpy . ( ) [ ] { } : , = := * ** lambda x y
    self def f class A \n \n\t if else for in with match\n case _ object yield
    await async return global nonlocal eval open getattr __class__ __globals__ 'a'
    "os.system" f'{x}'\n f'{{0.__class__}}' @ + % not and or del try except pass 1
    http:// 127.0.0.1 -> "eval(1)" ; # \ ... None
"""
WORDS = st.sampled_from([token.replace("\\n", "\n").replace("\\t", "\t") for token in TOKENS.split()])


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(WORDS, max_size=40).map(" ".join))
@example("from . import *\nfrom .core import *\nx")
@example("x: 'x' = x\ny: \"'y'\" = y")
@example("class A(A): A = A.A")
@example("def f(f=lambda f: f(f)): return f(f)\nf(f)")
def test_any_mix_of_tokens_is_judged_without_a_crash(source):
    report = scan_files({"core.py": source.encode(), "pkg/__init__.py": source.encode()})

    assert "Code cannot be judged" not in [violation.message for violation in report.violations]
    assert report.passed is not any(violation.severity == "error" for violation in report.violations)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["core.py", "a/b.py", "x.bin", "m.pkl"]),
        st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")),
    )
)
def test_any_bytes_are_judged_without_a_crash(files):
    report = scan_files(files)

    assert "Code cannot be judged" not in [violation.message for violation in report.violations]
    assert report.passed is not any(violation.severity == "error" for violation in report.violations)


ATTACKS = st.sampled_from([source for _, source in snippets() if not source.startswith("from __future__")])
HONEST = st.lists(st.sampled_from([source for source in clean() if "__future__" not in source]), max_size=3)


@settings(max_examples=EXAMPLES, deadline=None)
@given(ATTACKS, HONEST, HONEST)
def test_attack_between_honest_code_is_refused(attack, before, after):
    others = {f"m{number}.py": source.encode() + b"\n" for number, source in enumerate([*before, *after])}

    assert not scan_files({"core.py": attack.encode() + b"\n", **others}).passed


def packed(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("manifest.py", "x = 1\n" * 20)
            archive.writestr("data/labels.json", "{}")
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name in ("manifest.py", "data/labels.json"):
                info = tarfile.TarInfo(name)
                info.size = 6
                archive.addfile(info, io.BytesIO(b"x = 1\n"))
    return buffer.getvalue()


ARCHIVES = [packed("zip"), packed("tar.gz")]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(ARCHIVES),
    st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=6)), max_size=6),
    st.integers(0, 4000),
)
def test_damaged_archive_is_judged_without_a_crash(archive, changes, cut):
    content = bytearray(archive)
    for place, new in changes:
        start = place % len(content)
        content[start : start + len(new)] = new
    content = content[: max(cut % (len(content) + 1), len(content) // 2)]

    report = scan_archive(bytes(content))

    assert report.passed is not any(violation.severity == "error" for violation in report.violations)
