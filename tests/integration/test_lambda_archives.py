"""The functions' archives start with the code and the packages they name, and nothing else of this environment."""

import base64
import importlib.metadata
import io
import json
import os
import platform
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from infra.lambdas import LARGEST_UNPACKED, REQUIREMENTS, SERVICES, build, code_archive, size_bytes

CALLS = {
    "api": ({"version": "2.0", "rawPath": "/v1/health/liveness", "rawQueryString": "", "headers": {}}, "statusCode"),
    "inspect": ({"files": {"manifest.py": "ZmVhdHVyZXMgPSBbXQo=", "pipeline.py": ""}}, "issues"),
    "janitor": ({}, None),
    "scan": ({"Records": []}, "batchItemFailures"),
    "uploads": ({"Records": []}, "batchItemFailures"),
}
"""An event for each function, and a key of its answer; the janitor needs a table, so it is not called."""

REQUEST = {
    "requestContext": {"http": {"method": "GET", "path": "/v1/health/liveness", "sourceIp": "127.0.0.1"}, "stage": "x"},
    "isBase64Encoded": False,
}
START = """
import importlib, json, sys
sys.path[:] = [p for p in sys.path if "site-packages" not in p] + json.loads(sys.argv[1])
module = importlib.import_module(sys.argv[2])
event, called = json.loads(sys.argv[3]), sys.argv[4] == "call"
answer = module.handler(event, None) if called else None
heavy = {"boto3", "pandas", "numpy", "torch", "pyarrow", "dask", "lance"} & set(sys.modules)
print(json.dumps({"callable": callable(module.handler), "answer": answer, "heavy": sorted(heavy)}))
"""


def started(python: str, folders: list[Path], function: str) -> dict:
    """What a clean interpreter tells of the function that lies in these folders."""
    event, key = CALLS[function]
    module = "functions.api.app" if function == "api" else f"functions.{function}.handler"
    event = event | REQUEST if function == "api" else event
    paths = json.dumps([str(f) for f in folders])
    words = [python, "-I", "-S", "-c", START, paths, module, json.dumps(event), "call" if key else "import"]
    variables = {"OPENPEEK_AWS_ENDPOINT_URL": "http://127.0.0.1:1", "PATH": os.environ["PATH"]}
    done = subprocess.run(words, env=variables, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def assert_works(told: dict, function: str) -> None:
    key = CALLS[function][1]
    assert told["callable"]
    assert told["heavy"] == []
    assert key is None or key in told["answer"], told
    if function == "api":
        assert told["answer"]["statusCode"] == 200


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
            other = file.parts[:2] == ("botocore", "data") and len(file.parts) > 3 and file.parts[2] not in SERVICES
            if file.parts[0] != ".." and source.is_file() and source.suffix != ".pyc" and not other:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(source)


@pytest.mark.parametrize("function", sorted(REQUIREMENTS))
def test_function_answers_with_its_code_and_its_requirements_alone(function, tmp_path):
    code, packages = tmp_path / "code", tmp_path / "packages"
    zipfile.ZipFile(io.BytesIO(code_archive().data)).extractall(code)
    link_packages(REQUIREMENTS[function], packages)

    told = started(sys.executable, [code, packages], function)

    assert_works(told, function)


HEAVY = ["numpy", "pandas", "torch", "transformers", "PIL", "pyarrow"]
MANIFEST = """
import numpy as np, pandas as pd, torch.nn as nn
from PIL import Image
from pydantic import BaseModel
from transformers import AutoModel
from engine.plugins.extractors.pipeline import PipelineDefinition, StepDefinition, build_pipeline_steps
from engine.inference.services import BaseBatchInferenceService
from engine.models import LazyModelMixin, load_hf_model
from shared.plugins import download_asset, parallel_io
from shared.plugins.inference.serve import BaseInferenceService

class Net(nn.Module):
    def forward(self, batch: pd.DataFrame) -> np.ndarray: ...

class Output(BaseModel):
    vector: list[float]

metadata = {"feature_extractor_name": "heavy", "version": "1.0.0"}
dependencies = ["numpy", "torch", "Pillow", "transformers"]
output_schema = Output
features = [{"feature_name": "vector", "feature_type": "embedding", "embedding_dim": 4, "distance_metric": "dot"}]
"""


@pytest.mark.parametrize("told", [True, False])
def test_manifest_that_imports_what_workers_alone_have_is_read_on_aws(told, tmp_path, monkeypatch):
    code, packages = tmp_path / "code", tmp_path / "packages"
    zipfile.ZipFile(io.BytesIO(code_archive().data)).extractall(code)
    link_packages(REQUIREMENTS["inspect"], packages)
    files = {"manifest.py": base64.b64encode(MANIFEST.encode()).decode(), "pipeline.py": ""}
    workers = {"modules": HEAVY, "distributions": ["pillow"]} if told else None
    monkeypatch.setitem(CALLS, "inspect", ({"files": files, "packages": workers}, "manifest"))

    answer = started(sys.executable, [code, packages], "inspect")["answer"]

    assert "issues" not in answer, answer
    assert answer["manifest"]["features"][0]["embedding_dim"] == 4
    assert len(answer["manifest"]["warnings"]) == (0 if told else 4)


def index_answers(folder: Path) -> bool:
    """Whether pip gets anything at all from here."""
    words = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), "annotated-types"]
    return subprocess.run([sys.executable, *words], capture_output=True, timeout=100).returncode == 0


def wheels_of_this_machine() -> tuple[str, list[str]]:
    """The Python and the platforms to build for, so that the build can be started here."""
    machine = platform.machine()
    return f"{sys.version_info.major}.{sys.version_info.minor}", [
        f"manylinux_2_28_{machine}",
        f"manylinux_2_17_{machine}",
        f"manylinux2014_{machine}",
    ]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="builds and starts Linux wheels")
@pytest.mark.parametrize("function", ["api", "inspect"])  # those with the most and the fewest packages
def test_built_archive_is_small_and_starts_by_itself(function, tmp_path):
    try:
        build(function, tmp_path, *wheels_of_this_machine())
    except SystemExit as error:
        if "pip could not get" in str(error) and not index_answers(tmp_path):
            pytest.skip("no package index can be reached from here")
        raise

    assert size_bytes(tmp_path) <= LARGEST_UNPACKED
    assert_works(started(sys.executable, [tmp_path], function), function)
