"""The inspect function: a manifest run in a real child process, and what it can't do to its parent."""

import base64

import pytest

from functions.inspect import handler as module
from functions.inspect.handler import handler
from plugin_sdk.manifest import Manifest
from tests.unit.core.samples import FILES, MANIFEST

pytestmark = pytest.mark.slow


def inspect(packages=None, **changes):
    files = {name.replace("__", "."): text for name, text in changes.items()}
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in (FILES | files).items()}
    return handler({"files": encoded, "packages": packages}, None)


def test_manifest_comes_back_whole():
    manifest = Manifest.model_validate(inspect()["manifest"])

    assert (manifest.name, manifest.version, manifest.has_realtime) == ("my_extractor", "1.0.0", True)
    assert manifest.parameter_schema["properties"]["threshold"]["default"] == 0.5


def test_every_issue_comes_back():
    wrong = MANIFEST.replace('"embedding_dim"', '"dimensions"')

    issues = inspect(manifest__py=wrong)["issues"]

    assert "features[0].dimensions" in [i["field"] for i in issues]


def test_manifest_that_raises_is_an_issue_with_its_line():
    (issue,) = inspect(manifest__py="value = 1 / 0\n")["issues"]

    assert issue["field"] == "manifest.py"
    assert "ZeroDivisionError" in issue["message"]


def test_manifest_that_ends_its_process_is_an_issue():
    (issue,) = inspect(manifest__py="import os\nos._exit(7)\n")["issues"]

    assert "ended its process with 7" in issue["message"]


def test_manifest_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_S", 3)

    (issue,) = inspect(manifest__py="while True:\n    pass\n")["issues"]

    assert "did not finish within 3 s" in issue["message"]


def test_child_inherits_no_secret(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    shown = MANIFEST + '\nimport os\nmetadata["description"] = ",".join(sorted(os.environ))\n'

    description = inspect(manifest__py=shown)["manifest"]["description"]

    assert set(description.split(",")) <= {"HOME", "TMPDIR", "PYTHONPATH", "LC_CTYPE"}


WORKERS = {"modules": ["numpy", "worker_lib", "other_lib"], "distributions": ["numpy", "worker-lib"]}
"""What workers have; the two libraries are not here."""

PROCESSOR = """
import worker_lib
import other_lib.nn as nn

DIM = 4

class Embedder(nn.Module):
    def run(self, batch: worker_lib.DataFrame) -> worker_lib.DataFrame:
        return batch
"""


def test_manifest_may_import_what_workers_have():
    importing = "import worker_lib\nfrom .processors.core import DIM\n" + MANIFEST.replace(
        '"embedding_dim": 4', '"embedding_dim": DIM'
    )

    manifest = inspect(WORKERS, manifest__py=importing, **{"processors/core.py": PROCESSOR})["manifest"]

    assert manifest["features"][0]["embedding_dim"] == 4


def test_manifest_may_import_what_workers_lack_no_more_than_there():
    (issue,) = inspect(WORKERS, manifest__py=f"import third_lib\n{MANIFEST}")["issues"]

    assert "No module named 'third_lib'" in issue["message"]
    assert issue["hint"] == "'third_lib' is not installed where plugins run."


def test_manifest_whose_values_come_from_there_is_told_so_with_the_line():
    value = MANIFEST.replace('"embedding_dim": 4', '"embedding_dim": int(worker_lib.DIM)')

    (issue,) = inspect(WORKERS, manifest__py=f"import worker_lib\n{value}")["issues"]

    assert "manifest.py line" in issue["message"]
    assert "the value of worker_lib.DIM is asked for" in issue["message"]


@pytest.mark.parametrize("value", ["worker_lib.DIM", "worker_lib.DIM * 2", "worker_lib.size()"])
def test_value_that_stayed_unknown_is_an_issue_of_its_field(value):
    unknown = MANIFEST.replace('"embedding_dim": 4', f'"embedding_dim": {value}')

    issues = inspect(WORKERS, manifest__py=f"import worker_lib\n{unknown}")["issues"]

    assert "features[0].embedding_dim" in [i["field"] for i in issues]


def test_default_that_stayed_unknown_is_an_issue():
    unknown = MANIFEST.replace("default=0.5", "default=worker_lib.pi")

    issues = inspect(WORKERS, manifest__py=f"import worker_lib\n{unknown}")["issues"]

    assert "the value of worker_lib.pi is asked for" in str(issues)


def test_dependencies_are_those_of_the_workers():
    asked = MANIFEST + "dependencies = ['Worker_Lib', 'other_lib', 'numpy', 'fastapi']\n"

    (issue,) = inspect(WORKERS, manifest__py=asked)["issues"]

    assert (issue["field"], issue["severity"]) == ("dependencies[3]", "error")  # it is here, and not there
    assert "'fastapi' is not installed where plugins run" in issue["message"]


def test_while_no_worker_has_told_what_it_has_dependencies_pass_with_a_warning():
    asked = "import worker_lib\nimport other_lib.nn\n" + MANIFEST + "dependencies = ['worker_lib', 'pydantic']\n"

    manifest = inspect(manifest__py=asked)["manifest"]

    assert [w["field"] for w in manifest["warnings"]] == ["dependencies[0]"]
    assert manifest["dependencies"] == ["worker_lib", "pydantic"]


def test_own_files_are_never_taken_for_a_workers_package():
    (issue,) = inspect(manifest__py="import processors.core\n", **{"processors/core.py": PROCESSOR})["issues"]

    assert "from .processors import" in issue["hint"]
