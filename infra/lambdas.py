"""The functions' archives: the code that all share, and for AWS the packages of each beside it."""

import argparse
import hashlib
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = "3.12"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
"""Wheels that Lambda's Amazon Linux 2023 loads, the newest tag first."""

STORES = ["botocore", "orjson", "pydantic"]
REQUIREMENTS = {
    "api": [*STORES, "cryptography", "fastapi", "google-re2", "httpx", "mangum", "puremagic", "python-multipart"],
    "inspect": ["pydantic"],
    "janitor": [*STORES, "puremagic"],
    "scan": STORES,
    "uploads": [*STORES, "puremagic"],
}
"""What each function imports. Nothing is taken from Lambda's own runtime: its botocore is older than ours."""

SERVICES = ("dynamodb", "kms", "lambda", "s3", "sqs", "sts")
"""The services that the functions talk to; botocore describes 400 more in 25 MB."""

LEFT_OUT = ("__pycache__", "Makefile", "plugin_sdk/cli/", "plugin_sdk/templates/")
FOLDERS = {"functions": "functions", "core": "core", "plugin_sdk": "plugin_sdk"} | {
    f"plugin_sdk/compat/{name}": name for name in ("engine", "shared")
}
"""Folders of the repository, and where each lies in the archive."""

LARGEST_UNPACKED = 60 * 1024 * 1024
"""Lambda takes 250 MB, but a start reads what is there: an archive that grows past this has something by mistake."""


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
    return _zipped({name: path.read_bytes() for name, path in code_files()})


def full_archive(function: str) -> Archive:
    """The code and the packages that `function` requires, for AWS."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(function, folder)
        files = (path for path in folder.rglob("*") if path.is_file())
        return _zipped({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})


def build(function: str, folder: Path, python: str = PYTHON, platforms: Sequence[str] = PLATFORMS) -> None:
    """Put the packages of `function` and the code into `folder`, as Lambda unpacks it.

    Raises:
        SystemExit: pip could not get a package, or the whole is too large.
    """
    install(REQUIREMENTS[function], folder, python, platforms)
    trim(folder)
    for name, path in code_files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    size = size_bytes(folder)
    if size > LARGEST_UNPACKED:
        raise SystemExit(f"{function}: {size:,} bytes unpacked, at most {LARGEST_UNPACKED:,} are wanted.")


def install(requirements: Sequence[str], folder: Path, python: str, platforms: Sequence[str]) -> None:
    """Put packages into `folder` at the versions of constraints.txt, as wheels for that Python and those platforms."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--target", str(folder), "--upgrade", "--only-binary", ":all:", "--python-version", python]
    command += [word for platform in platforms for word in ("--platform", platform)]
    command += ["--constraint", str(ROOT / "constraints.txt"), *requirements]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(f"pip could not get {', '.join(requirements)} for Python {python}; its reason is above.")


def trim(folder: Path) -> None:
    """Remove what no function uses: commands, compiled files, botocore's descriptions of other services."""
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for cache in list(folder.rglob("__pycache__")):
        shutil.rmtree(cache)
    for service in [path for path in (folder / "botocore" / "data").glob("*/") if path.name not in SERVICES]:
        shutil.rmtree(service)
    for example in list((folder / "botocore" / "data").rglob("examples-1.json")):
        example.unlink()


def code_files() -> Iterator[tuple[str, Path]]:
    """The code's files, each with its name in the archive."""
    for source, target in FOLDERS.items():
        for path in sorted((ROOT / source).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            inner = source == "plugin_sdk" and name.startswith("plugin_sdk/compat/")
            if path.is_file() and not inner and not any(part in name for part in LEFT_OUT):
                yield f"{target}/{path.relative_to(ROOT / source).as_posix()}", path


def size_bytes(folder: Path) -> int:
    """What lies in the folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _zipped(files: dict[str, bytes]) -> Archive:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)  # its date is fixed: the same files give the same bytes
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED)
    return Archive(target.getvalue())


def main() -> None:
    """Build one function unpacked, or every function's archive, for AWS."""
    parser = argparse.ArgumentParser(prog="python -m infra.lambdas", description=main.__doc__)
    parser.add_argument("function", nargs="?", choices=sorted(REQUIREMENTS), help="build this one, unpacked")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "lambdas")
    asked = parser.parse_args()
    out: Path = asked.out
    out.mkdir(parents=True, exist_ok=True)
    if asked.function:
        build(asked.function, out)
        print(f"{asked.function}  {size_bytes(out):,} bytes unpacked")
        return
    for function in REQUIREMENTS:
        archive = full_archive(function)
        path = out / f"{function}.zip"
        path.write_bytes(archive.data)
        print(f"{path}  {len(archive.data):,} bytes  {archive.key}")


if __name__ == "__main__":
    main()
