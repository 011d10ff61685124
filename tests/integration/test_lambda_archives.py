"""The functions' archives run with the code and the requirements they name, and nothing else of this environment."""

import importlib.metadata
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from infra.lambdas import REQUIREMENTS, code_archive

RUNTIME = ["boto3"]
"""What AWS's own Python runtime carries."""

IMPORTS = """
import json, sys
sys.path[:] = [p for p in sys.path if "site-packages" not in p] + [sys.argv[1], sys.argv[2]]
import importlib
module = importlib.import_module(sys.argv[3])
heavy = {"pandas", "numpy", "torch", "pyarrow", "dask", "lance"} & set(sys.modules)
print(json.dumps({"handler": callable(module.handler), "heavy": sorted(heavy)}))
"""


def closure(names: Iterable[str]) -> set[str]:
    """The named distributions and all that they require on this platform."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        found.add(name)
        for requirement in importlib.metadata.requires(name) or ():
            wanted, _, marker = requirement.partition(";")
            if "extra" not in marker and not re.search(r"python_version\s*<|sys_platform\s*==\s*.win", marker):
                waiting.append(re.match(r"[A-Za-z0-9_.-]+", wanted)[0])
    return found


def link_packages(names: Iterable[str], folder: Path) -> None:
    for name in closure(names):
        for file in importlib.metadata.files(name) or ():
            source, target = Path(file.locate()), folder / file
            if file.parts[0] != ".." and source.is_file() and source.suffix != ".pyc":
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(source)


@pytest.mark.parametrize("function", sorted(REQUIREMENTS))
def test_handler_imports_from_its_archive_and_its_requirements_alone(function, tmp_path):
    code, packages = tmp_path / "code", tmp_path / "packages"
    zipfile.ZipFile(io.BytesIO(code_archive().data)).extractall(code)
    link_packages([*REQUIREMENTS[function], *RUNTIME], packages)
    module = "functions.api.app" if function == "api" else f"functions.{function}.handler"

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORTS, code, packages, module],
        env={"OPENPEEK_AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"handler": True, "heavy": []}
