"""The functions' archives: the code that all share, and for AWS the requirements of each beside it."""

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = "3.12"
PLATFORM = "manylinux_2_28_x86_64"
REQUIREMENTS = {
    "scan": ["orjson", "pydantic", "pydantic-settings"],
    "api": ["cryptography", "fastapi", "google-re2", "mangum", "orjson", "pydantic", "pydantic-settings", "python-multipart"],
    "inspect": ["pydantic"],
}
"""What each function imports and the Lambda runtime does not carry; boto3 comes with the runtime."""

LEFT_OUT = ("__pycache__", "plugin_sdk/cli/", "plugin_sdk/templates/")
FOLDERS = {"functions": "functions", "core": "core", "plugin_sdk": "plugin_sdk"} | {
    f"plugin_sdk/compat/{name}": name for name in ("engine", "shared")
}
"""Folders of the repository, and where each lies in the archive."""

LARGEST_UNPACKED = 250 * 1024 * 1024
"""Lambda's own limit."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A function's archive; `key` is where it is uploaded, named by its content."""

    data: bytes

    @property
    def key(self) -> str:
        """Equal archives have equal keys, so an unchanged function is not deployed again."""
        return f"functions/{hashlib.sha256(self.data).hexdigest()}.zip"


def code_archive() -> Archive:
    """The code alone: enough for the local emulator, whose Lambdas see the packages of its own environment."""
    return _zipped(dict(_code_files()))


def full_archive(function: str) -> Archive:
    """The code and the packages that `function` requires, for AWS; fetched from the package index at pinned versions."""
    with tempfile.TemporaryDirectory() as folder:
        install(function, Path(folder))
        packages = {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(Path(folder).rglob("*.*"))}
    files = {name: data for name, data in packages.items() if not name.startswith("bin/")} | dict(_code_files())
    size = sum(map(len, files.values()))
    if size > LARGEST_UNPACKED:
        raise SystemExit(f"{function}: {size:,} bytes unpacked, Lambda takes {LARGEST_UNPACKED:,}.")
    return _zipped(files)


def install(function: str, folder: Path) -> None:
    """Put the packages of `function` into `folder`, as wheels for Lambda's platform."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(folder)]
    command += ["--only-binary", ":all:", "--platform", PLATFORM, "--python-version", PYTHON]
    command += ["--constraint", str(ROOT / "constraints.txt"), *REQUIREMENTS[function]]
    subprocess.run(command, check=True)


def _code_files() -> Iterator[tuple[str, bytes]]:
    for source, target in FOLDERS.items():
        for path in sorted((ROOT / source).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            inner = source == "plugin_sdk" and name.startswith("plugin_sdk/compat/")
            if path.is_file() and not inner and not any(part in name for part in LEFT_OUT):
                yield f"{target}/{path.relative_to(ROOT / source).as_posix()}", path.read_bytes()


def _zipped(files: dict[str, bytes]) -> Archive:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)  # its date is fixed: the same files give the same bytes
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED)
    return Archive(target.getvalue())


def main() -> None:
    """Build every function's archive for AWS into a folder."""
    parser = argparse.ArgumentParser(prog="python -m infra.lambdas", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "lambdas")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for function in REQUIREMENTS:
        archive = full_archive(function)
        path = out / f"{function}.zip"
        path.write_bytes(archive.data)
        print(f"{path}  {len(archive.data):,} bytes  {archive.key}")


if __name__ == "__main__":
    main()
