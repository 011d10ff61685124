"""Sources and data files that strain a scanner, each in a way of its own; what judging them costs is bounded."""

import gzip
import io
import zipfile

HOSTILE = {
    "deep brackets": b"x = " + b"(" * 90 + b"1" + b")" * 90 + b"\n",
    "a huge expression": (b"x = " + b" + ".join([b"a"] * 350) + b"\n") * 700,
    "a huge tuple": b"x = (" + b"1," * 450_000 + b")\n",
    "lists of lists": b"import numpy as np\na0 = [np, np.random]\n"
    + b"".join(b"a%d = [a%d, a%d, (a%d, a%d)]\n" % (n + 1, n, n, n // 2, n // 3) for n in range(15_000)),
    "texts that double": b"x = 'a'\ny = 'b'\n" + b"x = x + y\ny = y + x\nx = f'{x}{y}{x}'\n" * 15_000,
    "thousands of classes": b"".join(
        b"class C%d(C%d):\n x = C%d\n def f(self, a): return self.g(a)\n" % (n, n * 7 % 9000, n * 3 % 9000)
        for n in range(9000)
    ),
    "functions that call each other": b"".join(
        b"def f%d(x, y=f%d): return f%d(f%d, x)(y)\n" % (n, n * 17 % 12_000, n * 7 % 12_000, n * 13 % 12_000)
        for n in range(12_000)
    ),
    "attributes of each other": b"import numpy as np\nclass A:\n"
    + b"".join(
        b"  def f%d(self): self.a%d = self.a%d; self.a%d = [np.b%d]; return self.f%d\n"
        % (n, n, n * 7 % 9000, n * 5 % 9000, n, n * 3 % 9000)
        for n in range(9000)
    ),
    "thousands of libraries": b"".join(b"x = lib%d\nimport lib%d\nx.a%d(x)\n" % (n, n, n) for n in range(20_000)),
    "long chains": b"x.a.b.c.d.e.f\n" * 70_000,
    "a giant text": b"x = '" + b"{a.b[c]} http://a.b/ " * 45_000 + b"'\n",
    "annotations": b"".join(b"def f%d(x: 'List[A, %d]') -> 'T[%d]': pass\n" % (n, n, n) for n in range(18_000)),
    "violations": b"import numpy as np\n" + b"np.os.system(np.os.environ)\n" * 20_000,
    "statements": b"a=1\n" * 250_000,
}


def bombs() -> bytes:
    """A zip of a hundred files of zeros, which is small itself."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(100):
            archive.writestr(f"m{number}", bytes(2 << 20))
    return buffer.getvalue()


def zipped(content: bytes, name: str = "archive/data.pkl") -> bytes:
    """A zip as torch writes it: a version and one more file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/version", b"3")
        archive.writestr(name, content)
    return buffer.getvalue()


def _many(content: bytes) -> dict[str, bytes]:
    return {f"data/{number}.bin": content for number in range(900)}


DATA = {
    "zips of zips of zeros": _many(zipped(bombs())),
    "compressed streams of zeros": _many(gzip.compress(gzip.compress(bytes(20 << 20)))),
    "pickles of almost dangerous names": _many(b"\x80\x04" + b"cosc" * 40_000),
    "texts like old pickles": _many(b"(c" * 40_000 + b"."),
    "array headers": _many(b"\x93NUMPY\1\0\xac\x26" + b"[" * 10 + b"1," * 4900),
    "array headers without an end": _many(b"\x93NUMPY\1\0\xff\xff" + b"'descr':" * 8000),
}
"""Plugins whose data files are meant to be looked at for long."""
