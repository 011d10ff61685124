"""The programs that plugins may borrow, as they are found on this machine, and what the kernel must let run for them."""

import importlib.util
import re
import shutil
import struct
from pathlib import Path

NAMES = ("ffmpeg", "ffprobe")
INSTALL = "Install it on the workers: apt-get install ffmpeg, or (without ffprobe) pip install imageio-ffmpeg."
SPELLING = re.compile(r"(ffmpeg|ffprobe)([-.][\w.-]*)?")
ELF, ELF_64, INTERPRETER = b"\x7fELF", 2, 3


def borrowed_name(program: str) -> str | None:
    """Which of the programs a command's first word means, whatever folder it names; None for others."""
    found = SPELLING.fullmatch(program.rpartition("/")[2])
    return found[1] if found else None


def find_programs() -> dict[str, str]:
    """Where each program lies: the system's, else the one inside the package imageio-ffmpeg."""
    found = {name: str(Path(path).resolve()) for name in NAMES if (path := shutil.which(name))}
    if "ffmpeg" not in found:
        packaged = _packaged()
        if packaged is not None:
            found["ffmpeg"] = str(packaged)
    return found


def interpreter(program: str) -> str | None:
    """The loader that the kernel runs for a dynamically linked program.

    Source: the ELF-64 object file format, program headers.
    """
    with open(program, "rb") as file:  # noqa: PTH123
        head = file.read(64)
        if len(head) < 64 or head[:4] != ELF or head[4] != ELF_64:
            return None
        start, size, count = *struct.unpack_from("<Q", head, 32), *struct.unpack_from("<HH", head, 54)
        file.seek(start)
        table = file.read(size * count)
        for number in range(count):
            kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", table, number * size)
            if kind == INTERPRETER:
                file.seek(offset)
                return file.read(length).rstrip(b"\0").decode()
    return None


def _packaged() -> Path | None:
    spec = importlib.util.find_spec("imageio_ffmpeg")
    if spec is None or spec.origin is None:
        return None
    found = sorted((Path(spec.origin).parent / "binaries").glob("ffmpeg-*"))
    return found[0].resolve() if found else None
